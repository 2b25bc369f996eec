"""C2TCP: CUBIC until a round-trip time is judged good or bad."""

from __future__ import annotations

from math import sqrt

import pytest

from mpsim.tunnel.congestion import AckSample
from mpsim.tunnel.congestion.c2tcp import C2Tcp
from mpsim.tunnel.congestion.cubic import Cubic

MSS = 1000


def sample(now: float, rtt: float, acked: int = MSS) -> AckSample:
    one = AckSample()
    one.now, one.acked, one.rtt, one.srtt, one.min_rtt = now, acked, rtt, rtt, 0.02
    one.sent_time = now - rtt
    return one


def avoiding(window: float = 50, **parameters: float) -> C2Tcp:
    """One in congestion avoidance, with a window in packets."""
    one = C2Tcp(**parameters)  # type: ignore[arg-type]
    one.start(MSS, 0.0)
    one.cwnd = one.ssthresh = window * MSS
    return one


@pytest.mark.parametrize(("rtt", "extra"), [(0.1, 1), (0.051, 1), (0.05, 2), (0.03, 3), (0.024, 4)])
def test_below_the_setpoint_it_adds_whole_packets_for_each_window(rtt: float, extra: int) -> None:
    ours, cubic = avoiding(), Cubic()
    cubic.start(MSS, 0.0)
    cubic.cwnd = cubic.ssthresh = 50.0 * MSS
    cubic.on_acked(sample(1.0, rtt))
    ours.on_acked(sample(1.0, rtt))
    assert ours.cwnd - cubic.cwnd == pytest.approx(extra * MSS / 50, rel=1e-3)


def test_above_it_nothing_is_added_and_nothing_lost_within_an_interval() -> None:
    ours = avoiding()
    for step in range(10):
        ours.on_acked(sample(1.0 + step * 0.01, 0.101))
    assert 50 * MSS <= ours.cwnd < 51 * MSS


def steps_of(ours: C2Tcp, seconds: float) -> list[float]:
    """Acknowledge each millisecond, above the setpoint; return when the window began anew, since the first one."""
    steps = []
    for step in range(round(seconds * 1000)):
        now = 1.0 + step / 1000
        before = ours.cwnd
        ours.on_acked(sample(now, 0.15, acked=10))
        if ours.cwnd == MSS != before:
            steps.append(now - 1.0)
    return steps


def test_steps_come_as_codel_drops() -> None:
    # After one interval above; then after interval / sqrt(n), n = 1, 2, 3 ...
    wanted, at = [0.1], 0.1
    for number in range(1, 12):
        at += 0.1 / sqrt(number)
        wanted.append(at)
    steps = steps_of(avoiding(), 0.5)
    assert steps == pytest.approx(wanted[: len(steps)], abs=0.008)  # each waits for the next acknowledgement
    assert len(steps) >= 5


def test_a_step_goes_to_one_packet_with_the_threshold_of_a_loss() -> None:
    ours = avoiding()
    ours.on_acked(sample(1.0, 0.15))
    before = ours.cwnd
    ours.on_acked(sample(1.101, 0.15))
    assert ours.cwnd == MSS
    assert ours.ssthresh == pytest.approx(0.7 * before, rel=1e-3)
    ours.on_acked(sample(1.102, 0.15, acked=3 * MSS))  # slow start, with what is still in flight
    assert ours.cwnd == 4 * MSS
    ours.on_loss_undone(1.103)  # there was no loss
    assert ours.cwnd == 4 * MSS


def test_one_good_sample_ends_the_count() -> None:
    ours = avoiding()
    ours.on_acked(sample(1.0, 0.15))
    ours.on_acked(sample(1.09, 0.09))
    ours.on_acked(sample(1.11, 0.15))
    before = ours.cwnd
    ours.on_acked(sample(1.2, 0.15))
    assert ours.cwnd >= before


def test_the_setpoint_may_be_counted_in_least_round_trips() -> None:
    ours = avoiding(ratio=2.0)  # of 20 ms
    ours.on_acked(sample(1.0, 0.041))
    ours.on_acked(sample(1.042, 0.041))
    assert ours.cwnd == MSS
    ours = avoiding(ratio=2.0)
    ours.on_acked(sample(1.0, 0.04))
    ours.on_acked(sample(1.1, 0.04))
    assert ours.cwnd > 50 * MSS
