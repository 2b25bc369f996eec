"""Reorder buffers that measure the paths: when each lets go of what, and never twice."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
import reordering
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.reorder import AdaptiveTimeout, Detect, Equalise, FixedTimeout
from mpsim.tunnel.reorder.latency import Latencies
from mpsim.tunnel.wire import microseconds

FAST, SLOW = 0, 1
DELAYS = {FAST: 0.010, SLOW: 0.040}
# The sender's clock is its own: only differences may matter.
CLOCK = 1234.5


class Bench(reordering.Bench):
    """Arrivals say path, tunnel sequence and path sequence."""

    def put(self, path: int, sequence: int, number: int, now: float) -> bool:
        sent = microseconds(now - DELAYS[path] + CLOCK)
        return bool(self.buffer.insert(sequence, Packet(100, "flow", sequence), now, path, number, sent))

    def warm_up(self, each: int = 60) -> None:
        """Let both paths bring packets in turn, so that their delays are known; sequences up to 2 * each."""
        for number in range(each):
            self.put(FAST, 2 * number, number, 0.001 * number)
            self.put(SLOW, 2 * number + 1, number, 0.001 * number)
        self.buffer.on_timeout(10.0)
        assert len(self.out) == 2 * each
        self.out.clear()


def test_the_spread_of_delays_needs_no_common_clock() -> None:
    latencies = Latencies()
    for number in range(100):
        now = 4294.0 + 0.02 * number  # the wire's clock wraps at 4294.967296 s
        latencies.note(FAST, microseconds(now - DELAYS[FAST]), now)
        latencies.note(SLOW, microseconds(now - DELAYS[SLOW]), now)
    assert latencies.spread() == pytest.approx(0.030, abs=2e-6)
    assert latencies.behind(FAST) == pytest.approx(0.030, abs=2e-6)
    assert latencies.behind(SLOW) == 0


def test_a_path_out_of_use_does_not_count() -> None:
    latencies = Latencies(inactive=10)
    latencies.note(SLOW, microseconds(1.0 - DELAYS[SLOW]), 1.0)
    for number in range(10):
        latencies.note(FAST, microseconds(1.0 + number - DELAYS[FAST]), 1.0 + number)
    assert latencies.spread() == pytest.approx(0.030, abs=2e-6)
    latencies.note(FAST, microseconds(20.0 - DELAYS[FAST]), 20.0)
    assert latencies.spread() == 0


def test_adaptive_waits_for_the_difference_and_the_offset() -> None:
    bench = Bench(AdaptiveTimeout, timeout=0.5, offset=0.02)
    bench.warm_up()
    bench.put(FAST, 121, 60, 20.0)
    assert bench.buffer.next_timeout() == pytest.approx(20.0 + 0.030 + 0.02, abs=1e-4)
    bench.buffer.on_timeout(20.049)
    assert bench.out == []
    bench.buffer.on_timeout(20.051)
    assert bench.out == [121]


def test_adaptive_waits_no_longer_for_a_slow_path_that_falls_out_of_use() -> None:
    bench = Bench(AdaptiveTimeout, timeout=0.5, offset=0.02, inactive=10)
    bench.warm_up()
    bench.put(FAST, 121, 60, 20.0)
    assert bench.buffer.next_timeout() == pytest.approx(20.050, abs=1e-4)
    for number in range(1, 11):
        bench.put(FAST, 121 + number, 60 + number, 20.0 + 0.001 * number)
    assert bench.buffer.next_timeout() == pytest.approx(20.020, abs=1e-4)
    assert bench.buffer.eager  # or nobody would ask before 20.050


def test_adaptive_is_capped_and_leaves_time_for_a_repair() -> None:
    capped = Bench(AdaptiveTimeout, timeout=0.025)
    capped.warm_up()
    capped.put(FAST, 121, 60, 20.0)
    assert capped.buffer.next_timeout() == pytest.approx(20.025)
    repaired = Bench(AdaptiveTimeout, timeout=0.025, repair=lambda: 0.2)
    repaired.warm_up()
    repaired.put(FAST, 121, 60, 20.0)
    assert repaired.buffer.next_timeout() == pytest.approx(20.225)


def test_equalised_packets_all_show_the_slow_paths_delay() -> None:
    bench = Bench(Equalise, offset=0.005)
    bench.warm_up()
    bench.put(FAST, 120, 60, 20.010)  # sent at 20.000
    bench.put(FAST, 122, 61, 20.012)
    bench.put(SLOW, 121, 60, 20.041)  # sent at 20.001
    assert bench.buffer.next_timeout() == pytest.approx(20.045, abs=1e-4)
    bench.buffer.on_timeout(20.0451)
    assert bench.out == [120]
    bench.buffer.on_timeout(20.0471)
    assert bench.out == [120, 121, 122]  # due one after the other, out in order
    assert bench.buffer.occupancy_bytes == 0


def test_equalised_packets_wait_for_no_hole() -> None:
    bench = Bench(Equalise, offset=0.005)
    bench.warm_up()
    bench.put(SLOW, 125, 60, 20.0)
    bench.buffer.on_timeout(20.0051)
    assert bench.out == [125]
    assert not bench.put(SLOW, 125, 61, 20.01)
    assert bench.buffer.next_timeout() == inf


def test_a_hole_is_lost_when_every_path_has_passed_it() -> None:
    bench = Bench(Detect, timeout=5.0)
    bench.warm_up()
    bench.put(FAST, 121, 60, 20.0)  # 120 is missing: on the slow path, perhaps
    bench.put(FAST, 122, 61, 20.0)
    assert bench.out == []
    bench.put(SLOW, 123, 60, 20.001)
    assert bench.out == [121, 122, 123]


def test_a_gap_of_a_path_tells_at_once() -> None:
    bench = Bench(Detect, timeout=5.0)
    bench.warm_up()
    bench.put(FAST, 120, 60, 20.0)
    bench.put(FAST, 122, 62, 20.001)  # 61 of the fast path is lost, and 121 is all that it can have been
    assert bench.out == [120, 122]


def test_a_gap_that_may_be_somebody_elses_proves_nothing() -> None:
    bench = Bench(Detect, timeout=5.0)
    bench.warm_up()
    bench.put(FAST, 120, 60, 20.0)
    bench.put(FAST, 123, 62, 20.001)  # one was lost, two are missing: one of them may be on the slow path
    assert bench.out == [120]
    bench.put(SLOW, 122, 60, 20.002)
    assert bench.out == [120, 122, 123]


def test_a_silent_path_is_not_waited_for() -> None:
    bench = Bench(Detect, timeout=50.0, inactive=20)
    bench.warm_up()
    for number in range(20):
        bench.put(FAST, 121 + number, 60 + number, 20.0)
    assert bench.out == []
    bench.put(FAST, 141, 80, 20.0)
    assert bench.out == list(range(121, 142))


def test_the_timeout_ends_what_nothing_newer_follows() -> None:
    bench = Bench(Detect, timeout=0.1)
    bench.warm_up()
    bench.put(FAST, 121, 60, 20.0)
    bench.buffer.on_timeout(bench.buffer.next_timeout())
    assert bench.out == [121]


def test_a_known_loss_is_waited_for_as_long_as_a_repair_takes() -> None:
    bench = Bench(Detect, timeout=0.1, repair=lambda: 0.25)
    bench.warm_up()
    bench.put(FAST, 121, 60, 20.0)
    bench.put(SLOW, 122, 60, 20.01)
    assert bench.buffer.next_timeout() == pytest.approx(20.25)  # at most so long, from the first that waits
    bench.put(SLOW, 120, 61, 20.2)
    assert bench.out == [120, 121, 122]
    bench.put(FAST, 124, 61, 21.0)
    bench.put(SLOW, 125, 62, 21.01)
    bench.buffer.on_timeout(21.2501)
    assert bench.out == [120, 121, 122, 124, 125]


STEPS = st.lists(
    st.tuples(st.sampled_from(["fast", "slow", "skip", "wait"]), st.integers(0, 40), st.integers(1, 5)), max_size=120
)
KINDS = [
    (FixedTimeout, {"timeout": 0.2}),
    (AdaptiveTimeout, {"timeout": 0.2}),
    (AdaptiveTimeout, {"timeout": 0.1, "repair": lambda: 0.1}),
    (Equalise, {"timeout": 0.2}),
    (Detect, {"timeout": 0.2}),
    (Detect, {"timeout": 0.1, "repair": lambda: 0.2}),
]


@pytest.mark.parametrize(("kind", "more"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
@given(steps=STEPS)
def test_whatever_comes_leaves_once_in_order_within_the_budget(
    kind: Any, more: dict[str, Any], steps: list[tuple[str, int, int]]
) -> None:
    bench = Bench(kind, **more)
    buffer = bench.buffer
    now = 0.0
    numbers = {FAST: 0, SLOW: 0}
    for what, number, count in steps:
        now += 0.001
        if what in {"fast", "slow"}:
            path = FAST if what == "fast" else SLOW
            numbers[path] += count
            bench.note(number, accepted=bench.put(path, number, numbers[path], now))
        elif what == "skip":
            buffer.skip([(number, count)], now)
        else:
            now += count * 0.03
            buffer.on_timeout(now)
            assert buffer.next_timeout() > now
        assert buffer.occupancy_bytes == 100 * (len(bench.accepted) - len(bench.out))
    if kind is not Equalise:
        assert bench.is_in_order()
    buffer.on_timeout(now + 0.3001)
    assert sorted(bench.out) == sorted(bench.accepted)
    assert buffer.next_timeout() == inf
