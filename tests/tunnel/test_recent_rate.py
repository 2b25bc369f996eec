"""Recent rate: worked examples of its count, its memory and its cut, and a bottleneck in a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpsim.scenario.read import parse
from mpsim.sim import run
from mpsim.tunnel.congestion import AckSample
from mpsim.tunnel.congestion.recent_rate import RecentRate

MSS = 1500
RTT = 0.05


class Flow:
    """What a controller is told, one packet at a time; clocks of the two ends differ by 3 s."""

    def __init__(self, **parameters: float) -> None:
        self.controller = RecentRate(**{"growth": 0.0, "headroom": 0, **parameters})
        self.controller.start(MSS, 0.0)
        self.controller.ssthresh = 0.0  # slow start is over
        self.delivered = 0

    def arrive(self, at: float, *, queue: float = 0.0, back: float = 0.0, used: bool = True) -> float:
        """Let a packet arrive at `at` (s) after a queue (s), its answer `back` later; return the window, packets."""
        self.delivered += MSS
        sample = AckSample()
        sample.now, sample.acked, sample.delivered = at + RTT / 2 + back, MSS, self.delivered
        sample.sent_time = at - RTT / 2 - queue
        sample.rtt = sample.srtt = sample.now - sample.sent_time
        sample.one_way_delay = 3.0 + RTT / 2 + queue
        sample.cwnd_limited = used
        self.controller.on_acked(sample)
        return self.controller.cwnd / MSS

    def steady(self, begin: float, end: float, gap: float, **more: float) -> float:
        """Let packets arrive `gap` apart; return the window in packets."""
        window, count = 0.0, round((end - begin) / gap)
        for number in range(count):
            window = self.arrive(begin + number * gap, **more)
        return window


def test_the_window_is_what_arrived_in_the_least_round_trip_and_the_delay() -> None:
    assert Flow(delay=0.02).steady(0.0, 1.0, 0.002) == pytest.approx(35)  # 500 packets/s for 70 ms
    assert Flow(delay=0.05).steady(0.0, 1.0, 0.002) == pytest.approx(50)


def test_headroom_and_growth_come_on_top() -> None:
    assert Flow(headroom=4).steady(0.0, 1.0, 0.002) == pytest.approx(39)
    assert Flow(growth=0.5).steady(0.0, 1.0, 0.002) == pytest.approx(52.5)


def test_growth_ends_with_a_queue_of_the_delay() -> None:
    flow = Flow(growth=0.5, delay=0.02)
    flow.arrive(0.0)  # without a queue: the least delay is known
    assert flow.steady(0.1, 1.1, 0.002, queue=0.01) == pytest.approx(35 * 1.25)
    assert flow.steady(1.1, 2.1, 0.002, queue=0.02) == pytest.approx(35)


def test_without_a_delay_any_queue_ends_growth() -> None:
    flow = Flow(growth=0.5, delay=0.0)
    flow.arrive(0.0)
    assert flow.steady(0.1, 1.1, 0.002, queue=0.001) == pytest.approx(25)
    assert Flow(growth=0.5, delay=0.0).steady(0.0, 1.0, 0.002) == pytest.approx(37.5)


def test_a_slow_way_back_and_answers_in_a_bunch_change_nothing() -> None:
    flow = Flow()
    flow.arrive(0.0)
    for number in range(500):
        at = 0.1 + number * 0.002
        window = flow.arrive(at, back=0.3 - (at % 0.1))
    assert window == pytest.approx(35)


def test_the_largest_count_holds_as_long_as_memory() -> None:
    flow = Flow(memory=0.2)
    flow.steady(0.0, 1.0, 0.002)
    assert flow.steady(1.0, 1.15, 0.01) == pytest.approx(35)
    assert flow.steady(1.15, 1.5, 0.01) == pytest.approx(7)


def test_silence_does_not_age_memory() -> None:
    flow = Flow(memory=0.2)
    flow.steady(0.0, 1.0, 0.002)
    assert flow.arrive(3.0) == pytest.approx(35)


def test_a_window_that_is_not_used_is_kept_longer() -> None:
    flow = Flow(memory=0.2)
    flow.steady(0.0, 1.0, 0.002)
    assert flow.steady(1.0, 2.0, 0.01, used=False) == pytest.approx(35)
    assert flow.steady(2.0, 4.0, 0.01, used=False) == pytest.approx(7)


def test_a_standing_queue_beyond_the_cut_ends_memory_and_a_passing_one_does_not() -> None:
    flow = Flow(memory=0.5, cut=0.1)
    flow.steady(0.0, 1.0, 0.002)
    assert flow.arrive(1.0, queue=0.2) == pytest.approx(35)
    assert flow.steady(1.01, 1.05, 0.01) == pytest.approx(35)
    assert flow.steady(1.05, 1.25, 0.01, queue=0.2) == pytest.approx(7)


def test_losses_change_nothing() -> None:
    flow = Flow()
    before = flow.steady(0.0, 1.0, 0.002)
    flow.controller.on_lost(1.0, 10 * MSS, 0.9, 35 * MSS)
    assert flow.controller.cwnd / MSS == before


@pytest.mark.parametrize("rate", [200.0, 1000.0, 20000.0], ids=["2.4M", "12M", "240M"])
def test_the_queue_at_a_bottleneck_settles_at_the_delay_whatever_its_rate(rate: float) -> None:
    """rate: packets/s; one queue, fluid, a round trip apart."""
    controller = RecentRate(delay=0.02, headroom=0)
    controller.start(MSS, 0.0)
    now, delivered, queues = 0.0, 0, []
    while now < 5.0:
        window = controller.cwnd / MSS
        queue = max(0.0, window / rate - RTT)
        now += 1 / min(rate, window / RTT)
        delivered += MSS
        sample = AckSample()
        sample.now, sample.acked, sample.delivered = now, MSS, delivered
        sample.rtt = sample.srtt = RTT + queue
        sample.sent_time = now - sample.rtt
        sample.one_way_delay = RTT / 2 + queue
        controller.on_acked(sample)
        queues.append(queue)
    assert queues[-1] == pytest.approx(0.02, abs=0.002 + 2 / rate)
    assert max(queues) < 0.15


def test_alone_it_keeps_twice_the_queue() -> None:
    flow = Flow(delay=0.02, headroom=4, calm=0.5)
    flow.controller.alone = True
    assert flow.steady(0.0, 0.8, 0.002) == pytest.approx(45 + 8)
    flow.controller.calls_until = 2.0
    assert flow.steady(0.8, 1.5, 0.002) == pytest.approx(30 + 2)


def test_a_call_calms_it() -> None:
    flow = Flow(delay=0.02, headroom=4, calm=0.5)
    flow.controller.calls_until = 0.9
    assert flow.steady(0.0, 0.8, 0.002) == pytest.approx(30 + 2)
    assert flow.steady(0.8, 1.5, 0.002) == pytest.approx(35 + 4)


def test_beside_a_call_half_of_how_late_feedback_comes_counts() -> None:
    flow = Flow(delay=0.02, headroom=4, calm=0.5)
    flow.controller.calls_until = 1.5
    flow.steady(0.0, 0.8, 0.002)
    assert flow.steady(0.8, 1.2, 0.002, back=0.04) == pytest.approx(40 + 2)
    assert flow.steady(1.6, 2.0, 0.002, back=0.04) == pytest.approx(35 + 4)


def test_a_burst_counts_whole_and_not_spread_over_the_silence_before_it() -> None:
    flow = Flow(memory=0.2)
    flow.steady(0.0, 1.0, 0.01)
    begin = 1.15  # 160 ms after the last: 60 packets in 60 ms, all of which waited
    assert flow.steady(begin, begin + 0.06, 0.001, queue=0.16) == pytest.approx(60)


def test_silence_between_bursts_raises_the_cut() -> None:
    """The same queue of 0.2 s ends memory where packets come one by one, and not where they come in bursts."""
    smooth, bursty = Flow(memory=0.5, cut=0.15), Flow(memory=0.5, cut=0.15)
    for flow in (smooth, bursty):
        flow.steady(0.0, 1.0, 0.002)
    assert smooth.steady(1.0, 1.3, 0.01, queue=0.2) == pytest.approx(7)
    assert bursty.steady(1.16, 1.3, 0.01, queue=0.2) == pytest.approx(35)


def test_a_link_that_serves_in_bursts_is_filled(tmp_path: Path) -> None:
    """80 packets in 60 ms, then silence for 160 ms: what arrives in a burst calls for as many in the next."""
    trace = tmp_path / "bursts.down"
    times = [cycle * 220 + packet * 3 // 4 + 1 for cycle in range(5) for packet in range(80)]
    trace.write_text("".join(f"{time}\n" for time in [*times, 1100]))
    link = {"name": "lte", "rate": "100Mbit", "trace": {"down": str(trace)}, "delay": "20ms", "queue": "1000p"}
    flow = {"kind": "tcp", "direction": "inbound", "congestion": "cubic"}
    raw = {"schema": 1, "name": "bursts", "warmup": "3s", "duration": "5s", "link": [link], "flow": [flow]}
    ended = run(parse({**raw, "tunnel": {"system": "braid"}})).data
    inbound = next(side for side in ended["aggregation"] if side["direction"] == "inbound")
    assert inbound["efficiency"] > 0.8
