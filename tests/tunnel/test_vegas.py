"""Vegas: worked examples of its rule, and the queue that it keeps."""

from __future__ import annotations

import pytest
from acknowledging import MSS, Acknowledging, started
from simulating import link, simulate, tcp

from mpsim.tunnel.congestion.vegas import Vegas

BASE = 0.1


def avoiding(window: float, **parameters: float | bool) -> tuple[Vegas, Acknowledging]:
    """Return a Vegas in congestion avoidance that knows its base round-trip time."""
    vegas = started(Vegas(**parameters))  # type: ignore[arg-type]
    acks = Acknowledging(vegas)
    acks.round(BASE)
    vegas.cwnd = window * MSS
    vegas.ssthresh = 2.0 * MSS
    return vegas, acks


# Of 40 packets 40 * (1 - 100 ms / rtt) are in queues: 1.9, 3.6, 4.3; Linux: 40 * (rtt / 100 ms - 1), 1.8, 3.9, 4.1.
@pytest.mark.parametrize(
    ("rtt", "linux", "after"),
    [
        (0.105, False, 41),
        (0.110, False, 40),
        (0.112, False, 39),
        (0.1045, True, 41),
        (0.1098, True, 40),
        (0.1102, True, 39),
    ],
)
def test_one_packet_a_round_trip_towards_alpha_to_beta(rtt: float, linux: bool, after: int) -> None:
    vegas, acks = avoiding(40, as_linux=linux)
    for _ in range(2):  # the first round still has samples without a queue
        vegas.cwnd = 40.0 * MSS
        acks.round(rtt)
        acks.now += 0.001
        acks.packet(rtt)  # ends the round
    assert vegas.cwnd / MSS == after


def test_slow_start_doubles_every_other_round() -> None:
    vegas = started(Vegas())
    acks = Acknowledging(vegas)
    windows = [acks.round(BASE) for _ in range(4)]
    assert windows[3] == pytest.approx(4 * 10, rel=0.15)
    linux = started(Vegas(as_linux=True))
    acks = Acknowledging(linux)
    assert [acks.round(BASE) for _ in range(2)] == [20, 40]


def test_slow_start_ends_with_what_the_path_holds_and_one_more() -> None:
    vegas = started(Vegas(as_linux=True))
    acks = Acknowledging(vegas)
    acks.round(BASE)
    vegas.cwnd = 40.0 * MSS
    acks.round(0.125, packets=8)
    acks.packet(0.125, sent_time=acks.now)
    assert vegas.ssthresh == vegas.cwnd
    assert vegas.cwnd / MSS == pytest.approx(48 * 0.8 + 1)  # 40 and 8 acknowledged on the way


def test_a_loss_halves_whatever_beta_is() -> None:
    vegas, _ = avoiding(40, beta=6.0)
    vegas.on_lost(5.0, MSS, 4.9, 40 * MSS)
    assert vegas.cwnd == vegas.ssthresh == 20 * MSS


def test_too_few_samples_count_as_reno() -> None:
    vegas, acks = avoiding(40)
    acks.packet(0.2)
    acks.now += 1.0
    before = vegas.cwnd
    acks.packet(0.2)  # a round of two samples, whose delay would mean twenty packets of queue
    assert vegas.cwnd == before + MSS


@pytest.mark.parametrize("linux", [False, True])
@pytest.mark.parametrize("delay", ["10ms", "50ms"])
def test_it_holds_between_alpha_and_beta_packets_in_the_queue(linux: bool, delay: str) -> None:
    vegas = {"name": "vegas", "as_linux": linux, "alpha": 4.0, "beta": 8.0}
    result = simulate([link("16Mbit", delay, queue="300p")], tcp(vegas), warmup="20s", duration="5s")
    row = next(row for row in result.data["links"] if row["direction"] == "inbound")
    packets = row["queue_delay_s"]["p50"] * 16e6 / 8 / 1500
    assert 4 - 1 <= packets <= 8 + 1  # as an arriving packet sees it, bursts of two included
    assert result.aggregation("inbound")["efficiency"] > 0.99
