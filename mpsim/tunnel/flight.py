"""What is in flight on a path: acknowledged by feedback, passed over by it, or lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mpsim.tunnel.datagrams import Data, Feedback
from mpsim.tunnel.loss_detection import NEVER, LossDetection, RttView
from mpsim.tunnel.wire import expand


class Flight:
    """The datagrams of a path that nobody has acknowledged yet, and which of them are lost.

    sent: those beyond what feedback has told of, the oldest first; missing: those that it passed over, not lost
    yet; lost_at: when one of these is lost by time (s); largest_acked: path sequence, -1: none.

    Parameters
        detection: decides what is lost
    """

    __slots__ = ("detection", "largest_acked", "lost_at", "missing", "sent")

    def __init__(self, detection: LossDetection) -> None:
        self.detection = detection
        self.sent: deque[Data] = deque()
        self.missing: list[Data] = []
        self.lost_at = NEVER
        self.largest_acked = -1

    def after(self, number: int) -> list[Data]:
        """Return what was sent beyond path sequence `number`, the oldest first; not what feedback passed over."""
        return [sent for sent in self.sent if sent.path_sequence > number]

    def take_acked(self, feedback: Feedback, beyond: int) -> tuple[list[Data], int]:
        """Take what feedback newly acknowledges, the oldest first; return that, and the largest number it names.

        beyond: the path sequence of the next datagram. Raises ValueError if that, or a later one, is acknowledged.
        """
        ranges = feedback.ranges
        largest = ranges[0][1]
        shift = 0
        if not self.largest_acked <= largest < beyond:
            shift = expand(largest, self.largest_acked) - largest
            largest += shift
            if largest >= beyond or largest < 0:
                raise ValueError("acknowledges what was never sent")
        horizon = largest
        if self.detection.negative:
            horizon = expand(feedback.ack, largest) - 1
        acked = self._take(ranges, shift, horizon)
        if largest > self.largest_acked:
            self.largest_acked = largest
        return acked, largest

    def _take(self, ranges: Sequence[tuple[int, int]], shift: int, horizon: int) -> list[Data]:
        """Take what `ranges` contain up to `horizon`; all else up to there has been passed over."""
        flight = self.sent
        if not self.missing and flight and flight[0].path_sequence >= ranges[0][0] + shift:
            acked: list[Data] = []
            while flight and flight[0].path_sequence <= horizon:
                acked.append(flight.popleft())
            return acked
        missing = self.missing
        while flight and flight[0].path_sequence <= horizon:
            missing.append(flight.popleft())
        return self._take_missing(ranges, shift) if missing else []

    def _take_missing(self, ranges: Sequence[tuple[int, int]], shift: int) -> list[Data]:
        acked: list[Data] = []
        kept: list[Data] = []
        ascending = ranges[::-1]
        position, count = 0, len(ascending)
        for sent in self.missing:
            number = sent.path_sequence - shift
            while position < count and ascending[position][1] < number:
                position += 1
            if position < count and ascending[position][0] <= number:
                acked.append(sent)
            else:
                kept.append(sent)
        self.missing = kept
        if not kept:
            self.lost_at = NEVER
        return acked

    def pass_over(self, following: int) -> None:
        """Count what was sent before that path sequence as passed over."""
        flight = self.sent
        while flight and flight[0].path_sequence < following:
            self.missing.append(flight.popleft())

    def sift(self, path: RttView, now: float) -> list[Data]:
        """Take out what was passed over and is lost by now, the oldest first."""
        lost, self.lost_at = self.detection.sift(self.missing, self.largest_acked, path, now)
        return lost

    def overdue(self, path: RttView, now: float) -> Sequence[Data]:
        """Take out what is lost by time alone, the oldest first."""
        return self.detection.overdue(self.sent, path, now) if self.sent else ()

    def deadline(self, path: RttView) -> float:
        """Return when the next datagram is lost by time (s)."""
        if not self.sent:
            return self.lost_at
        return min(self.lost_at, self.detection.deadline(self.sent[0], path))

    def clear(self) -> list[Data]:
        """Take out everything, whatever becomes of it."""
        given_up = [*self.missing, *self.sent]
        self.missing.clear()
        self.sent.clear()
        self.lost_at = NEVER
        return given_up
