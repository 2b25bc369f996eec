"""Copa: worked examples of its rules, and the queue that it keeps."""

from __future__ import annotations

import pytest
from acknowledging import MSS, Acknowledging, started
from simulating import link, simulate, tcp

from mpsim.tunnel.congestion.copa import Copa

BASE = 0.1


def steady(window: float, **parameters: float | bool) -> tuple[Copa, Acknowledging]:
    """Return a Copa after slow start that knows its least round-trip time."""
    copa = started(Copa(**parameters))  # type: ignore[arg-type]
    acks = Acknowledging(copa)
    acks.packet(BASE)
    copa._slow_start = False
    copa.cwnd = window * MSS
    return copa, acks


# A queue of 10 ms: the target is 1 / (0.5 * 10 ms) = 200 packets/s, which 22 packets in 110 ms are.
@pytest.mark.parametrize(("window", "direction"), [(20, 1), (21.9, 1), (22.1, -1), (40, -1)])
def test_the_window_moves_towards_the_target_rate(window: float, direction: int) -> None:
    copa, acks = steady(window)
    acks.now += 1.0  # the standing round-trip time is that of half a round trip
    acks.packet(0.11)
    # v / (delta * cwnd) packets an acknowledgement
    assert copa.cwnd / MSS - window == pytest.approx(direction / (0.5 * window))


def test_it_is_paced_at_twice_the_rate() -> None:
    copa, acks = steady(20)
    acks.now += 1.0
    acks.packet(0.11)
    assert copa.pacing_rate == pytest.approx(2 * copa.cwnd * 8 / 0.11)


def test_slow_start_ends_with_half_of_what_made_the_queue() -> None:
    copa = started(Copa())
    acks = Acknowledging(copa)
    assert acks.round(BASE) == 20
    acks.now += 1.0
    acks.packet(0.15)
    assert copa.cwnd / MSS == pytest.approx(10 - 1 / (0.5 * 10))


def test_the_velocity_doubles_from_the_third_round_trip_in_one_direction() -> None:
    copa, acks = steady(100, delta=0.1, competitive=False)
    growth = []
    before = copa.cwnd
    for _ in range(7):
        after = acks.round(BASE) * MSS
        growth.append((after - before) / MSS)
        before = after
    assert growth[0] == pytest.approx(1 / 0.1, rel=0.1)  # v / delta packets a round trip
    assert growth[-1] > 4 * growth[0]


def test_what_was_not_used_does_not_grow() -> None:
    copa, acks = steady(20)
    acks.now += 1.0
    acks.packet(BASE, cwnd_limited=False)
    assert copa.cwnd == 20 * MSS


def test_a_queue_that_never_empties_makes_it_compete_until_a_loss() -> None:
    copa, acks = steady(20, patience=5)
    rtts = [0.15 + 0.01 * (number % 2) for number in range(16)]
    for rtt in rtts[:4]:
        acks.round(rtt)
    assert copa._used_delta == 0.5
    for rtt in rtts[4:]:
        acks.round(rtt)
    competing = copa._used_delta
    assert 1 / competing > 1 / 0.5 + 4
    copa.on_lost(acks.now, MSS, acks.now - 0.1, 20 * MSS)
    assert copa._used_delta == pytest.approx(2 * competing)
    acks.packet(BASE)  # nearly empty again
    assert copa._used_delta == 0.5


def test_a_loss_alone_changes_no_window() -> None:
    copa, _ = steady(20)
    copa.on_lost(2.0, MSS, 1.9, 20 * MSS)
    assert copa.cwnd == 20 * MSS
    assert copa._used_delta == 0.5


@pytest.mark.parametrize("delta", [0.5, 0.1])
def test_the_mean_queueing_delay_is_near_one_over_delta_and_the_rate(delta: float) -> None:
    rate = 48e6
    copa = {"name": "copa", "delta": delta}
    result = simulate([link("48Mbit", "20ms", queue="1000p")], tcp(copa), warmup="5s", duration="5s")
    row = next(row for row in result.data["links"] if row["direction"] == "inbound")
    wanted = 1500 * 8 / rate / delta
    # Section 3.1 of the paper: it swings around the fixed point, with a mean of 1.25 of it.
    assert 0.5 * wanted < row["queue_delay_s"]["p50"] < 2 * wanted
    assert result.aggregation("inbound")["efficiency"] > 0.97


def test_random_loss_costs_copa_little() -> None:
    lossy = link("16Mbit", "20ms", loss={"down": 0.01, "up": 0.0})
    result = simulate([lossy], tcp("copa"), warmup="3s", duration="5s")
    assert result.aggregation("inbound")["efficiency"] > 0.9
