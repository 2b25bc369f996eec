"""Reorder buffers: never twice, in order, nothing kept for ever."""

from __future__ import annotations

from math import inf

import pytest
import reordering
from hypothesis import example, given
from hypothesis import strategies as st

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.reorder import FixedTimeout, PassOn

TIMEOUT = 0.2


class Bench(reordering.Bench):
    """Arrivals say tunnel sequences."""

    def put(self, *numbers: int, now: float = 0.0) -> list[bool]:
        return [self.buffer.insert(number, Packet(100, "flow", number), now) for number in numbers]


def test_pass_on_changes_nothing_but_copies() -> None:
    bench = Bench(PassOn)
    assert bench.put(0, 2, 1, 1, 2, 5, 0, 3) == [True, True, True, False, False, True, False, True]
    assert bench.out == [0, 2, 1, 5, 3]
    assert (bench.buffer.late, bench.buffer.duplicates) == (2, 3)
    assert bench.buffer.next_timeout() == inf
    assert bench.buffer.occupancy_bytes == 0


def test_in_order_nothing_waits() -> None:
    bench = Bench(FixedTimeout)
    bench.put(0, 1, 2)
    assert bench.out == [0, 1, 2]
    assert bench.buffer.next_timeout() == inf


def test_a_hole_is_waited_for() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT)
    bench.put(0, 2, 3, now=1.0)
    assert bench.out == [0]
    assert bench.buffer.occupancy_bytes == 200
    bench.put(1, now=1.1)
    assert bench.out == [0, 1, 2, 3]
    assert bench.buffer.occupancy_bytes == 0


def test_a_hole_is_given_up_when_the_oldest_has_waited_enough() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT)
    bench.put(0, 2, now=1.0)
    bench.put(5, now=1.1)
    assert bench.buffer.next_timeout() == pytest.approx(1.2)
    bench.buffer.on_timeout(1.1999)
    assert bench.out == [0]
    bench.buffer.on_timeout(1.2001)
    assert bench.out == [0, 2]  # 5 has its own hole, and its own time
    assert bench.buffer.next_timeout() == pytest.approx(1.3)
    bench.buffer.on_timeout(1.3001)
    assert bench.out == [0, 2, 5]


def test_an_older_arrival_with_a_higher_number_takes_the_lower_ones_along() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT)
    bench.put(5, now=1.0)
    bench.put(2, 3, now=1.1)
    bench.buffer.on_timeout(1.2001)
    assert bench.out == [2, 3, 5]


@pytest.mark.parametrize(("policy", "out"), [("pass", [0, 2, 1]), ("drop", [0, 2])])
def test_late_ones_pass_or_drop(policy: str, out: list[int]) -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT, late=policy)
    bench.put(0, 2)
    bench.buffer.on_timeout(1.0)
    assert bench.put(1, 1, now=1.1) == [True, False]
    assert bench.out == out
    assert (bench.buffer.late, bench.buffer.duplicates) == (1, 1)


def test_what_was_announced_as_lost_is_not_waited_for() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT)
    bench.put(0, 3, now=1.0)
    bench.buffer.skip([(1, 2)], 1.01)
    assert bench.out == [0, 3]


def test_an_announcement_may_come_before_its_packets() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT)
    bench.buffer.skip([(1, 1), (3, 1)], 1.0)
    bench.put(0, now=1.1)
    bench.put(3, 2, now=1.2)  # 3 came all the same
    assert bench.out == [0, 2, 3]


def test_an_announced_one_that_comes_late_passes_once() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT)
    bench.put(0)
    bench.buffer.skip([(1, 1)], 0.0)
    assert bench.put(2, 1, 1) == [True, True, False]
    assert bench.out == [0, 2, 1]


def test_a_buffer_has_an_end() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT, most_packets=3)
    bench.put(1, 2, 3)
    assert bench.out == []
    bench.put(7)
    assert bench.out == [1, 2, 3]
    assert bench.buffer.occupancy_bytes == 100


def test_a_hostile_announcement_takes_no_memory() -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT, most_packets=100)
    bench.buffer.skip([(0, 2**31)], 0.0)
    bench.buffer.skip([(2**40, 2**31)], 0.0)
    assert bench.buffer.expected <= 1000
    bench.put(bench.buffer.expected)
    assert len(bench.out) == 1


def test_a_hostile_announcement_takes_no_time() -> None:
    class Counted(dict[int, object]):
        looked = 0

        def __contains__(self, key: object) -> bool:
            self.looked += 1
            return super().__contains__(key)

    bench = Bench(FixedTimeout, timeout=TIMEOUT, most_packets=100)
    bench.put(1)
    counted = bench.buffer._held = Counted(bench.buffer._held)
    bench.buffer.skip([(2, 60_000)] * 64, 0.0)
    assert counted.looked <= 2 * 100 + 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["insert", "skip", "wait"]), st.integers(0, 40), st.integers(1, 5)), max_size=120
)


# The packet of the longest wait is not the next in order: what is given up for it goes out together.
@example([*(("insert", number, 1) for number in (35, 33, 34)), *[("wait", 0, 5)] * 2, ("insert", 34, 1)], 3)
@given(STEPS, st.sampled_from([3, 16_384]))
def test_timeout_never_twice_in_order_and_nothing_for_ever(steps: list[tuple[str, int, int]], most: int) -> None:
    bench = Bench(FixedTimeout, timeout=TIMEOUT, most_packets=most)
    buffer = bench.buffer
    now = 0.0
    for what, number, count in steps:
        if what == "insert":
            bench.note(number, accepted=bench.put(number, now=now)[0])
        elif what == "skip":
            buffer.skip([(number, count)], now)
        else:
            now += count * 0.03
            buffer.on_timeout(now)
            assert buffer.next_timeout() > now  # whatever waits has not waited for its timeout
        waiting = len(bench.accepted) - len(bench.out)
        assert buffer.occupancy_bytes == 100 * waiting
        assert waiting <= most
    assert bench.is_in_order()
    now += TIMEOUT + 1e-6
    buffer.on_timeout(now)
    assert buffer.occupancy_bytes == 0
    assert buffer.next_timeout() == inf
    assert sorted(bench.out) == sorted(bench.accepted)


@given(st.lists(st.integers(0, 40), max_size=120))
def test_pass_on_releases_each_number_once_and_at_once(numbers: list[int]) -> None:
    bench = Bench(PassOn)
    for number in numbers:
        is_new = number not in bench.out
        assert bench.put(number) == [is_new]
        assert not is_new or bench.out[-1] == number
    assert bench.out == list(dict.fromkeys(numbers))
