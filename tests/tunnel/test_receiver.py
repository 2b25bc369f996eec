"""What a receiver reports: ranges, when feedback is due, and the dissertation's ACK and NACK."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.receiver import FEEDBACK_BYTES, FEEDBACK_DELAY, FEEDBACK_EVERY, GAP_MEMORY, PathReceiver
from mpsim.tunnel.wire import MOST_RANGES

FULL = 1500


def told(*numbers: int, negative: bool = False, size: int = FULL) -> PathReceiver:
    """A receiver that has received these numbers, a millisecond apart."""
    receiver = PathReceiver(negative=negative)
    for position, number in enumerate(numbers):
        receiver.receive(number, size, position, position * 1e-3)
    return receiver


def test_without_gaps_there_is_one_range() -> None:
    assert told(0, 1, 2, 3).ranges_to_report() == ((0, 3),)


def test_gaps_part_the_ranges_the_newest_first() -> None:
    receiver = told(0, 1, 3, 4, 8)
    assert receiver.ranges_to_report() == ((8, 8), (3, 4), (0, 1))
    assert receiver.wire_ack() == (9, 0)


def test_late_ones_fill_gaps_from_both_sides_and_the_middle() -> None:
    receiver = told(0, 6, 3)
    assert receiver.ranges_to_report() == ((6, 6), (3, 3), (0, 0))
    for number, ranges in (
        (4, ((6, 6), (3, 4), (0, 0))),
        (1, ((6, 6), (3, 4), (0, 1))),
        (5, ((3, 6), (0, 1))),
        (2, ((0, 6),)),
    ):
        assert receiver.receive(number, FULL, 0, 0.1)
        assert receiver.ranges_to_report() == ranges


def test_what_came_before_is_refused() -> None:
    receiver = told(0, 1, 3)
    assert [receiver.receive(number, FULL, 0, 0.1) for number in (0, 1, 3)] == [False] * 3
    assert receiver.ranges_to_report() == ((3, 3), (0, 1))


def test_the_first_ones_may_be_lost() -> None:
    assert told(5).ranges_to_report() == ((5, 5),)


def test_the_very_first_ones_may_come_in_another_order() -> None:
    receiver = told(2, 1, negative=True)
    assert receiver.ranges_to_report() == ((1, 2),)
    assert receiver.receive(0, FULL, 0, 0.002)
    assert receiver.ranges_to_report() == ((0, 2),)
    receiver.on_time(1.0, 0.1)
    assert receiver.wire_ack() == (3, 0)


def test_the_newest_sets_time_and_echo() -> None:
    receiver = PathReceiver(negative=False)
    receiver.receive(3, FULL, 333, 0.3)
    receiver.receive(1, FULL, 111, 0.4)  # late: no news about the round-trip time
    assert (receiver.received, receiver.echo_us) == (0.3, 333)


def test_feedback_for_every_fourth_full_datagram() -> None:
    receiver = told(0)
    for number in (1, 2):
        receiver.receive(number, FULL, 0, 0.001 * number)
        assert receiver.feedback_due == pytest.approx(FEEDBACK_DELAY)
    receiver.receive(3, FULL, 0, 0.004)
    assert receiver.feedback_due == 0.004
    receiver.feedback_sent()
    assert receiver.feedback_due == inf
    assert 4 * FULL >= FEEDBACK_BYTES > 3 * FULL


def test_small_datagrams_wait_for_more_of_them_but_not_for_long() -> None:
    receiver = PathReceiver(negative=False)
    for number in range(FEEDBACK_EVERY - 1):
        receiver.receive(number, 100, 0, number * 1e-4)
        assert receiver.feedback_due == pytest.approx(FEEDBACK_DELAY)
    receiver.receive(FEEDBACK_EVERY - 1, 100, 0, 0.005)
    assert receiver.feedback_due == 0.005


@pytest.mark.parametrize("number", [2, 7])
def test_a_gap_is_reported_at_once(number: int) -> None:
    receiver = told(0, size=100)
    receiver.feedback_sent()
    receiver.receive(number, 100, 0, 0.001)
    assert receiver.feedback_due == 0.001
    receiver.feedback_sent()
    receiver.receive(1, 100, 0, 0.002)  # and so is a gap that was filled
    assert receiver.feedback_due == 0.002


def test_old_gaps_are_forgotten() -> None:
    receiver = told(0, 2)
    receiver.receive(3, FULL, 0, GAP_MEMORY + 0.1)
    assert receiver.ranges_to_report() == ((2, 3),)
    assert not receiver.receive(1, FULL, 0, GAP_MEMORY + 0.2)  # nobody knows any longer whether it came


def test_ranges_are_bounded() -> None:
    receiver = PathReceiver(negative=False)
    for number in range(0, 1000, 2):
        receiver.receive(number, FULL, 0, number * 1e-6)
    assert len(receiver.ranges_to_report()) <= MOST_RANGES + 1
    assert receiver.ranges_to_report()[0] == (998, 998)


@given(st.lists(st.integers(0, 60), max_size=80))
def test_ranges_are_the_set_of_what_came(numbers: list[int]) -> None:
    receiver = PathReceiver(negative=False)
    seen: set[int] = set()
    for number in numbers:
        assert receiver.receive(number, FULL, 0, 0.0) == (number not in seen)
        seen.add(number)
    if not seen:
        assert not receiver.anything_received
        return
    ranges = receiver.ranges_to_report()
    assert {number for first, last in ranges for number in range(first, last + 1)} == seen
    for (first, _), (_, last) in pairwise(ranges):
        assert last + 1 < first  # neither touching nor overlapping, highest first


class TestDissertation:
    """Section 3.2.3: a missing number is waited for, for half a round-trip time; then NACK names it.

    On the wire both stand one above, so that 0 is "none".
    """

    ROUND_TRIP = 0.100

    def at(self, receiver: PathReceiver, now: float) -> tuple[int, int]:
        """ACK and NACK after the receiver's clock has reached `now`."""
        receiver.on_time(now, self.ROUND_TRIP)
        return receiver.wire_ack()

    def test_in_order_only_ack_grows(self) -> None:
        receiver = told(0, 1, 2, negative=True)
        assert self.at(receiver, 0.003) == (3, 0)
        assert receiver.next_timeout(self.ROUND_TRIP) == receiver.feedback_due

    def test_a_hole_holds_ack_for_half_a_round_trip(self) -> None:
        receiver = told(0, 1, 3, 4, negative=True)  # 3 came at 2 ms
        receiver.feedback_sent()
        assert self.at(receiver, 0.0519) == (2, 0)
        assert receiver.next_timeout(self.ROUND_TRIP) == pytest.approx(0.052)
        assert self.at(receiver, 0.0521) == (5, 3)
        assert receiver.feedback_due == 0.0521  # told at once

    def test_a_late_one_within_the_wait_is_no_loss(self) -> None:
        receiver = told(0, 1, 3, 4, negative=True)
        receiver.receive(2, FULL, 0, 0.040)
        assert self.at(receiver, 0.060) == (5, 0)

    def test_a_late_one_after_the_wait_changes_nothing(self) -> None:
        receiver = told(0, 1, 3, negative=True)
        assert self.at(receiver, 0.060) == (4, 3)
        receiver.receive(2, FULL, 0, 0.070)
        assert self.at(receiver, 0.080) == (4, 3)

    def test_nack_names_the_highest_of_several(self) -> None:
        receiver = told(0, 3, 6, negative=True)  # 1, 2 noticed at 1 ms, 4, 5 at 2 ms
        assert self.at(receiver, 0.0515) == (4, 3)
        assert self.at(receiver, 0.0525) == (7, 6)

    def test_everything_at_once_when_the_clock_comes_late(self) -> None:
        receiver = told(0, 3, 6, negative=True)
        assert self.at(receiver, 1.0) == (7, 6)

    def test_without_negative_acknowledgements_none_is_said(self) -> None:
        receiver = told(0, 3)
        receiver.on_time(1.0, self.ROUND_TRIP)
        assert receiver.wire_ack() == (4, 0)
