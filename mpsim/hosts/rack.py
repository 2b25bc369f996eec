"""RACK: loss by time and order of transmission, tolerant to reordering (RFC 8985, section 6)."""

from __future__ import annotations

from collections import deque

from mpsim.hosts.segments import Segment

NEVER = float("inf")
DUPLICATE_THRESHOLD = 3
REORDER_DIVISOR = 4  # the window starts at a quarter of the minimum round-trip time
KEEP_STEPS = 16  # recoveries after which an enlarged window shrinks back


class Transmission(Segment):
    """One sending of one segment, with its sender's notes on it; a retransmission is another one."""

    __slots__ = (
        "acked",
        "lost",
        "order",
        "retransmitted",
    )

    def __init__(self, index: int, length: int, time: float, order: int, retransmitted: bool) -> None:
        self.index = index
        self.length = length
        self.time = time
        self.order = order  # among all transmissions: what was sent later is greater
        self.retransmitted = retransmitted
        self.acked = False
        self.lost = False


class Rack:
    """What RACK remembers: the latest transmission known to have arrived, and how much reordering to bear."""

    __slots__ = (
        "_highest_sacked",
        "_keep",
        "_reordered",
        "_rtt",
        "_step_until",
        "_steps",
        "deadline",
        "min_rtt",
        "order",
    )

    def __init__(self) -> None:
        self.min_rtt = NEVER
        self.deadline = NEVER  # when the next transmission is lost by time (s)
        self.order = -1  # of the latest transmission known to have arrived
        self._rtt = 0.0
        self._highest_sacked = -1
        self._reordered = False
        self._steps = 1
        self._step_until = -1  # one step a round trip
        self._keep = 0

    def on_delivered(self, newest: Transmission, rtt: float) -> None:
        """Take the newest of what an acknowledgement covered."""
        if newest.order > self.order:
            self.order = newest.order
            self._rtt = rtt
        if not newest.retransmitted and rtt < self.min_rtt:
            self.min_rtt = rtt

    def on_arrived(self, sent: Transmission) -> None:
        """Notice reordering: a first transmission arrives below what has arrived already (step 3).

        To be told of everything newly acknowledged while there is a hole, selectively or not.
        """
        if sent.index > self._highest_sacked:
            self._highest_sacked = sent.index
        elif not sent.retransmitted:
            self._reordered = True

    def on_late(self) -> None:
        """What was thought lost had only been late: that is reordering too (Linux: tcp_try_undo_partial)."""
        self._reordered = True

    def on_duplicate(self, next_index: int, una: int) -> None:
        """A DSACK: the retransmission was needless, bear more reordering (once a round trip)."""
        if una >= self._step_until:
            self._steps += 1
            self._step_until = next_index
            self._keep = KEEP_STEPS

    def on_recovered(self) -> None:
        """A recovery ended."""
        if self._keep:
            self._keep -= 1
            if not self._keep:
                self._steps = 1

    def _window(self, in_recovery: bool, sacked: int) -> float:
        if not self._reordered and (in_recovery or sacked >= DUPLICATE_THRESHOLD):
            return 0.0
        if self.min_rtt == NEVER:
            return 0.0
        return min(self._steps * self.min_rtt / REORDER_DIVISOR, max(self._rtt, self.min_rtt))

    def lost(self, flight: deque[Transmission], in_recovery: bool, sacked: int, now: float) -> list[Transmission]:
        """Take what is lost from the head of `flight` (in the order of sending), mark and return it."""
        self.deadline = NEVER
        lost: list[Transmission] = []
        if not flight:
            return lost
        order = self.order
        window = -1.0
        while flight:
            sent = flight[0]
            if sent.acked or sent.lost:
                flight.popleft()
                continue
            if sent.order >= order:
                break
            if window < 0:
                window = self._window(in_recovery, sacked)
            end = sent.time + self._rtt + window
            # A hair of tolerance: the sum may not come back exactly to the time it was armed for.
            if end > now + 1e-9:
                self.deadline = end
                break
            sent.lost = True
            lost.append(sent)
            flight.popleft()
        return lost
