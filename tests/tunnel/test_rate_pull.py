"""Rate pull against a bottleneck in a few lines: one queue, fluid, a round-trip time apart."""

from __future__ import annotations

import pytest

from mpsim.tunnel.congestion import AckSample, CongestionController, controllers
from mpsim.tunnel.congestion.rate_pull import RatePull

MSS = 1500
RTT = 0.02


def sample(now: float, queue: float, *, acked: int = MSS, base: float = RTT, back: float = 0.0) -> AckSample:
    """Return what one acknowledgement shows; back: delay of the way back, s."""
    one = AckSample()
    one.now, one.acked = now, acked
    one.rtt = one.srtt = base + queue + back
    one.sent_time = now - one.rtt
    one.one_way_delay = 7.0 + base / 2 + queue  # clocks differ
    one.min_rtt = base
    return one


def settle(
    controller: CongestionController,
    rate: float,
    seconds: float,
    *,
    begin: float = 0.0,
    base: float = RTT,
    back: float = 0.0,
    buffer: float = 10.0,
) -> list[float]:
    """Let a controller fill a bottleneck of `rate` bytes/s; return the queue at each acknowledgement, s."""
    now, queues = begin, []
    while now < begin + seconds:
        content = rate * (base + back)
        queue = max(0.0, (controller.cwnd - content) / rate)
        now += MSS / min(rate, controller.cwnd / (base + back))
        if queue > buffer:
            controller.on_lost(now, round((queue - buffer) / (base + back + queue) * MSS), now - base, 0)
            queue = buffer
        queues.append(queue)
        controller.on_acked(sample(now, queue, base=base, back=back))
    return queues


def started(**parameters: float) -> RatePull:
    controller = RatePull(**parameters)
    controller.start(MSS, 0.0)
    return controller


@pytest.mark.parametrize("rate", [1e6, 2e6, 50e6], ids=["8M", "16M", "400M"])
def test_the_queue_settles_at_its_target_whatever_the_rate(rate: float) -> None:
    queues = settle(started(delay=0.01, headroom=4), rate, 5.0)
    wanted = 0.01 + 4 * MSS / rate
    assert queues[-1] == pytest.approx(wanted, rel=0.1)


def test_delay_on_the_way_back_is_no_queue() -> None:
    controller = started()
    settle(controller, 1e6, 2.0)
    queues = settle(controller, 1e6, 3.0, begin=2.0, back=0.2)
    assert queues[-1] == pytest.approx(0.016, rel=0.1)


@pytest.mark.parametrize("factor", [0.25, 4])
def test_another_rate_is_found_within_a_second(factor: float) -> None:
    controller = started()
    settle(controller, 1e6, 3.0)
    queues = settle(controller, factor * 1e6, 1.0, begin=3.0)
    assert queues[-1] == pytest.approx(0.01 + 4 * MSS / factor / 1e6, rel=0.15)


def test_a_longer_way_is_not_taken_for_a_queue_for_long() -> None:
    controller = started()
    settle(controller, 1e6, 3.0)
    queues = settle(controller, 1e6, 5.0, begin=3.0, base=0.12)
    assert queues[-1] > 0  # full, and not a window that shrinks before a queue that nobody sees


def test_loss_by_chance_changes_nothing() -> None:
    controller = started()
    settle(controller, 1e6, 3.0)
    before = controller.cwnd
    controller.on_lost(3.0, MSS, 2.99, round(before))
    assert controller.cwnd == before


def test_a_small_buffer_is_not_overflown_for_long() -> None:
    controller = started()
    queues = settle(controller, 1e6, 5.0, buffer=0.008)
    over = [queue for queue in queues[-1000:] if queue >= 0.008]
    assert len(over) < 200
    assert queues[-1] > 0.001


def test_what_a_policer_leaves_is_what_the_window_falls_to() -> None:
    controller = started()
    settle(controller, 1e6, 3.0)
    before = controller.cwnd
    now = 3.0
    for _ in range(100):  # half of what is sent is dropped, and there is no queue
        now += MSS / 1e6
        controller.on_lost(now, MSS, now - RTT, 0)
        controller.on_acked(sample(now, 0.0))
    assert controller.cwnd < 0.6 * before


def test_an_idle_sender_keeps_its_window() -> None:
    controller = started()
    settle(controller, 1e6, 3.0)
    before = controller.cwnd
    for step in range(200):
        seen = sample(3.0 + step * 0.01, 0.0)
        seen.cwnd_limited, seen.app_limited = False, True
        controller.on_acked(seen)
    assert controller.cwnd == before


def test_it_is_in_the_table() -> None:
    assert isinstance(controllers.create({"name": "rate-pull", "delay": 0.02}), RatePull)
