"""The simulated TCP on a scripted network: what it sends again, when, and how its window answers."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talking import MSS, Talk, lose

from mpsim.hosts.recovery import Scoreboard
from mpsim.hosts.timers import INITIAL_RTO

RTT = 0.1


def test_a_transfer_without_losses() -> None:
    talk = Talk(200).run()
    assert talk.receiver.delivered_bytes == 200 * MSS
    assert talk.sender.sent_segments == 200
    assert talk.sender.retransmitted == talk.sender.timeouts == talk.sender.recoveries == 0
    # A handshake, then slow start from 10: 10, 20, 40, 80, and the last 50 in the fifth round.
    assert talk.now == pytest.approx(RTT + 5 * RTT, abs=0.05)


def test_the_last_segment_may_be_short() -> None:
    talk = Talk(None, total_bytes=2500).run()
    assert talk.receiver.delivered_bytes == 2500
    assert talk.sender.sent_segments == 3


def test_it_begins_with_ten_segments() -> None:
    talk = Talk(None).run(until=0.12)
    assert [index for _, index in talk.sent] == [-1, *range(10)]
    assert [time for time, index in talk.sent if index >= 0] == pytest.approx([RTT] * 10)


def test_the_round_trip_time_is_measured() -> None:
    talk = Talk(100).run()
    assert talk.sender.srtt == pytest.approx(RTT, rel=0.25)
    assert talk.sender.rack.min_rtt == pytest.approx(RTT)


@pytest.mark.parametrize("lost", [(30,), (30, 31, 32, 33, 34), (30, 40, 50), tuple(range(30, 70, 2))], ids=len)
def test_losses_are_sent_again_once_each_in_one_recovery(lost: tuple[int, ...]) -> None:
    talk = Talk(600, fate=lose(*lost)).run()
    assert talk.receiver.delivered_bytes == 600 * MSS
    assert talk.sender.retransmitted == len(lost)
    assert talk.sender.recoveries == 1
    assert talk.sender.timeouts == 0
    assert talk.receiver.duplicates == 0


def losing_one(index: int) -> tuple[Talk, float]:
    """A connection in congestion avoidance around 50 segments that has just noticed a loss; its window before."""
    talk = Talk(None, fate=lose(index))
    talk.sender.congestion.ssthresh = 50.0 * MSS
    before = 0.0
    while not talk.sender.recoveries:
        before = talk.sender.congestion.cwnd
        talk.run(until=talk.now + 0.001)
    return talk, before


def test_a_loss_halves_the_window() -> None:
    talk, before = losing_one(300)
    assert 50 * MSS <= before <= 60 * MSS
    assert talk.sender.congestion.ssthresh == pytest.approx(before / 2, rel=0.03)
    talk.run(until=talk.now + 1.5 * RTT)
    assert talk.sender.congestion.cwnd == pytest.approx(before / 2, rel=0.05)


def test_a_recovery_sends_in_proportion() -> None:
    """PRR (RFC 6937): the acknowledgements of a round trip bring the flight down to the new window."""
    talk, before = losing_one(300)
    lowest = before
    end = talk.now + 1.5 * RTT
    while talk.now < end:
        talk.run(until=talk.now + 0.001)
        lowest = min(lowest, talk.sender.in_flight)
    assert talk.sender.in_flight == pytest.approx(before / 2, rel=0.1)
    # It never falls far below, as it did when half a round trip was waited for without sending.
    assert lowest >= 0.8 * before / 2


def test_a_lost_retransmission_needs_no_timeout() -> None:
    talk = Talk(600, fate=lose(100, times=2)).run()
    assert talk.sender.retransmitted == 2
    assert talk.sender.timeouts == 0


def test_a_lost_tail_is_found_by_a_probe() -> None:
    talk = Talk(20, fate=lose(19)).run()
    assert talk.sender.timeouts == 0
    first, second = talk.times_of(19)
    # RFC 8985, section 7.2: two round trips, and a delayed acknowledgement's worth for a lone segment.
    assert 2 * RTT <= second - first <= 2 * RTT + 0.25


def test_a_probe_uncovers_several_lost_at_the_tail() -> None:
    talk = Talk(40, fate=lose(*range(35, 40))).run()
    assert talk.sender.timeouts == 0
    assert talk.receiver.delivered_bytes == 40 * MSS
    assert talk.now < 2.0


def test_when_everything_is_lost_it_backs_off() -> None:
    def dark(index: int, before: int, now: float) -> float | None:
        return None if 0.25 < now < 8.0 else 0.0

    talk = Talk(100, fate=dark).run()
    assert talk.receiver.delivered_bytes == 100 * MSS
    assert talk.sender.timeouts >= 3
    probing = sorted({time for time, _ in talk.sent if 0.6 < time < 8.0})
    gaps = [later - earlier for earlier, later in pairwise(probing)]
    # RFC 6298, section 5.5: the timer doubles.
    assert gaps[-1] == pytest.approx(2 * gaps[-2], rel=0.05)
    assert talk.now < 8.0 + 2 * gaps[-1] + 2


@pytest.mark.parametrize("congestion", ["newreno", "cubic"])
def test_after_a_timeout_the_window_begins_small(congestion: str) -> None:
    def dark(index: int, before: int, now: float) -> float | None:
        return None if 0.35 < now < 1.0 else 0.0

    talk = Talk(2000, fate=dark, congestion=congestion)
    while not talk.sender.timeouts:
        talk.run(until=talk.now + 0.001)
    assert talk.sender.congestion.cwnd <= 2 * MSS
    assert talk.run().receiver.delivered_bytes == 2000 * MSS


def test_a_lost_syn_is_sent_again_after_a_second() -> None:
    talk = Talk(5, fate=lose(-1)).run()
    assert talk.times_of(-1) == pytest.approx([0.0, INITIAL_RTO])
    assert talk.receiver.delivered_bytes == 5 * MSS


def late(*which: int, by: float) -> object:
    """Delay the first sending of these segments."""
    return lambda index, before, _: by if index in which and not before else 0.0


def test_little_reordering_is_borne_once_it_has_been_seen() -> None:
    # RFC 8985, section 6.2: a quarter of the minimum round-trip time.
    every_tenth = late(*range(0, 2000, 10), by=0.2 * RTT)
    talk = Talk(2000, fate=every_tenth).run()
    early = [index for _, index in talk.sent if 0 <= index < 100]
    later = [index for _, index in talk.sent if index >= 200]
    assert len(early) <= 100 + 10  # it has to learn
    assert len(later) == len(set(later))  # and then sends nothing in vain
    assert talk.sender.timeouts == 0


def test_a_needless_retransmission_is_noticed_and_undone() -> None:
    talk = Talk(None, fate=late(100, by=0.6 * RTT))
    talk.run(until=1.5)
    assert talk.sender.retransmitted == 1
    assert talk.receiver.duplicates == 1
    assert talk.sender.undone == 1
    # No trace is left of the reduction: it is in slow start still (or bounded by the receive window).
    assert talk.sender.congestion.ssthresh == inf


def test_much_reordering_is_borne_at_last() -> None:
    """RFC 8985, section 6.2: each DSACK widens the window, so two paths do not halve it for ever."""
    every_fifth = late(*range(0, 5000, 5), by=0.8 * RTT)
    talk = Talk(5000, fate=every_fifth).run()
    again = [index for _, index in talk.sent if index >= 2500]
    assert len(again) - len(set(again)) < 0.05 * 2500
    assert talk.receiver.delivered_bytes == 5000 * MSS


def test_the_receive_window_bounds_what_is_in_flight() -> None:
    talk = Talk(500, receive_window=50 * MSS).run()
    assert talk.most_in_flight == 50 * MSS


def test_the_window_bounds_what_is_in_flight() -> None:
    talk = Talk(None, fate=lose(50, 51, 120))
    while talk.now < 3.0:
        talk.run(until=talk.now + 0.01)
        if talk.sender.recoveries == 0:
            assert talk.sender.in_flight <= talk.sender.congestion.cwnd + 0.5


def test_lost_acknowledgements_cost_little() -> None:
    talk = Talk(500)
    talk.ack_fate = lambda number, _: None if number % 3 == 0 else 0.0
    talk.run()
    assert talk.sender.timeouts == 0
    assert talk.sender.retransmitted <= 1
    assert talk.receiver.delivered_bytes == 500 * MSS


def test_stop_sends_nothing_new() -> None:
    talk = Talk(None, fate=lose(15))
    talk.run(until=0.25)
    talk.sender.stop(talk.now)
    newest = talk.sender.next_index
    talk.run(until=3.0)
    assert talk.sender.next_index == newest
    assert talk.receiver.expected == newest  # what was begun is finished


FATES = st.lists(st.one_of(st.none(), st.floats(0.0, 0.15)), min_size=1, max_size=60)


@given(
    fates=FATES, acks=st.lists(st.booleans(), min_size=1, max_size=20), congestion=st.sampled_from(["newreno", "cubic"])
)
@settings(max_examples=80, deadline=None)
def test_whatever_the_network_does_everything_arrives(
    fates: list[float | None], acks: list[bool], congestion: str
) -> None:
    def fate(index: int, before: int, now: float) -> float | None:
        # A network that always loses the same segment has nothing to teach: the fourth try gets through.
        return fates[(index * 7 + before * 13) % len(fates)] if before < 3 else 0.0

    talk = Talk(120, fate=fate, congestion=congestion)
    talk.ack_fate = lambda number, _: 0.0 if acks[number % len(acks)] or number % 4 == 0 else None
    talk.run(until=3000.0)
    assert talk.sender.done
    assert talk.receiver.delivered_bytes == 120 * MSS
    assert talk.sender.in_flight == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8), st.integers(0, 10)), max_size=40))
def test_the_scoreboard_is_a_set(steps: list[tuple[int, int, int]]) -> None:
    board, known, una = Scoreboard(), set[int](), 0
    for first, length, forward in steps:
        una += forward // 8
        known = {number for number in known if number >= una}
        board.forget_below(una)
        wanted = set(range(max(first, una), first + length))
        assert set(board.add(max(first, una), first + length)) == wanted - known
        known |= wanted
        assert {number for low, high in board.ranges for number in range(low, high)} == known
        assert board.count == len(known)
        assert all(low[1] < high[0] for low, high in pairwise(board.ranges))
