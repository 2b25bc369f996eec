"""LEDBAT: worked examples of RFC 6817, the delay that it keeps, and that it gives way."""

from __future__ import annotations

import pytest
from acknowledging import MSS, Acknowledging, started
from simulating import link, simulate, tcp

from mpsim.tunnel.congestion.ledbat import Ledbat

RTT = 0.1
CLOCKS = 7.0  # s, that the two ends' clocks are apart


def steady(window: float, **parameters: float | bool) -> tuple[Ledbat, Acknowledging]:
    ledbat = started(Ledbat(slow_start=False, **parameters))
    acks = Acknowledging(ledbat)
    delayed(acks, 0.0)
    ledbat.cwnd = window * MSS
    return ledbat, acks


def delayed(acks: Acknowledging, queue: float, count: int = 1) -> None:
    """Acknowledge so many packets that met a queue of so many seconds."""
    for _ in range(count):
        acks.packet(RTT + queue, one_way_delay=CLOCKS + RTT / 2 + queue)


# off_target of section 2.4.2: 1 at an empty queue, 0 at the target, -1 at twice the target; a round trip moves the
# window by GAIN * off_target packets.
@pytest.mark.parametrize(("queue", "off"), [(0.0, 1.0), (0.05, 0.5), (0.1, 0.0), (0.2, -1.0)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_the_window_moves_by_the_distance_from_the_target(queue: float, off: float, gain: float) -> None:
    ledbat, acks = steady(50, gain=gain)
    delayed(acks, queue, 4)  # the filter: the least of the last four
    ledbat.cwnd = 50.0 * MSS
    delayed(acks, queue, 50)
    assert ledbat.cwnd / MSS - 50 == pytest.approx(off * gain, abs=0.03)


def test_a_single_late_packet_is_no_queue() -> None:
    ledbat, acks = steady(50)
    delayed(acks, 0.0, 3)
    delayed(acks, 0.5)
    assert ledbat.queueing_delay() == 0.0


def test_the_base_delay_is_the_least_of_ten_minutes() -> None:
    ledbat, acks = steady(50)
    begin = acks.now
    for seconds in range(0, 13 * 60, 10):
        acks.now = begin + seconds
        delayed(acks, 0.03)  # the way has become longer
        if 40 <= seconds < 8 * 60:  # none of the last four is from before
            assert ledbat.queueing_delay() == pytest.approx(0.03)
    assert ledbat.queueing_delay() == pytest.approx(0.0)


def test_what_was_not_used_does_not_grow() -> None:
    ledbat, acks = steady(50)
    for _ in range(50):
        acks.packet(RTT, one_way_delay=CLOCKS + RTT / 2, in_flight=10 * MSS)
    assert ledbat.cwnd == 50 * MSS


def test_one_halving_a_round_trip() -> None:
    ledbat, _ = steady(50)
    ledbat.on_lost(5.0, MSS, 4.9, 50 * MSS)
    ledbat.on_lost(5.05, MSS, 4.95, 50 * MSS)
    assert ledbat.cwnd == 25 * MSS


def test_slow_start_ends_near_the_target_with_half_the_window() -> None:
    ledbat = started(Ledbat(initial_window=10))
    acks = Acknowledging(ledbat)
    delayed(acks, 0.0, 10)
    assert ledbat.cwnd == 20 * MSS
    delayed(acks, 0.08, 4)
    assert ledbat.cwnd / MSS == pytest.approx(23 / 2, abs=0.1)


def inbound(result: object) -> float:
    rows = result.data["links"]  # type: ignore[attr-defined]
    return float(next(row for row in rows if row["direction"] == "inbound")["queue_delay_s"]["p50"])


@pytest.mark.parametrize("target", [0.025, 0.06])
def test_it_stays_at_its_target(target: float) -> None:
    ledbat = {"name": "ledbat", "target": target}
    result = simulate([link("16Mbit", "20ms", queue="300p")], tcp(ledbat), warmup="25s", duration="5s")
    assert inbound(result) == pytest.approx(target, rel=0.15)
    assert result.aggregation("inbound")["efficiency"] > 0.98


def test_it_yields_to_cubic() -> None:
    ledbat = {"name": "ledbat", "target": 0.025}
    flows = [tcp(ledbat) | {"name": "background"}, tcp("cubic", start="-10s") | {"name": "foreground"}]
    result = simulate([link("16Mbit", "20ms", queue="150p")], *flows, warmup="12s", duration="15s")
    background, foreground = (result.flow(name)["goodput_bps"] for name in ("background", "foreground"))
    assert background < 0.1 * foreground
    assert background + foreground > 0.9 * 16e6
