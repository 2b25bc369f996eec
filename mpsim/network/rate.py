"""How fast a link empties its queue: at a constant rate, or by the opportunities of a trace."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

from mpsim.units import BITS_PER_BYTE

# A mahimahi trace line is one opportunity to deliver this many IP bytes (mm-link(1)).
OPPORTUNITY_BYTES = 1500


class Rate(Protocol):
    """What a link asks of its rate."""

    def departure(self, start: float, size: int) -> float:
        """Return when the last of `size` bytes leaves (s), if transmission may begin at `start` (s).

        Called once for each packet, in the order of departure.
        """

    def capacity_bits(self, begin: float, end: float) -> float:
        """Return how many bits the link could carry between two times (s)."""


class ConstantRate:
    """A fixed rate in bit/s."""

    __slots__ = ("bits_per_second", "seconds_per_byte")

    def __init__(self, bits_per_second: float) -> None:
        if not bits_per_second > 0:
            raise ValueError(f"rate: above 0 bit/s; given {bits_per_second}")
        self.bits_per_second = bits_per_second
        self.seconds_per_byte = BITS_PER_BYTE / bits_per_second

    def departure(self, start: float, size: int) -> float:
        return start + size * self.seconds_per_byte

    def capacity_bits(self, begin: float, end: float) -> float:
        return self.bits_per_second * max(0.0, end - begin)

    def __repr__(self) -> str:
        return f"ConstantRate({self.bits_per_second!r})"


class TraceRate:
    """Delivery opportunities at recorded times, looped, as in mahimahi's mm-link.

    An opportunity carries 1500 IP bytes: several packets may share it, a packet may span several,
    and what finds the queue empty is lost.

    Parameters
        times: seconds since the start of the recording, non-decreasing; the last one is the period
        offset: where in the recording the link begins, seconds
    """

    __slots__ = ("_count", "_index", "_left", "_now", "_offset", "_period", "_times")

    def __init__(self, times: Sequence[float], offset: float = 0.0) -> None:
        if not times or times[-1] <= 0:
            raise ValueError("a trace needs at least one opportunity after time 0")
        self._times = list(times)
        self._count = len(times)
        self._period = times[-1]
        self._offset = offset
        self._index = self._first_at(0.0)
        self._left = OPPORTUNITY_BYTES
        self._now = self._time(self._index)

    def _time(self, index: int) -> float:
        cycle, position = divmod(index, self._count)
        return cycle * self._period + self._times[position] - self._offset

    def _first_at(self, time: float) -> int:
        """Return the index of the first opportunity at or after `time` (s)."""
        cycle, inside = divmod(time + self._offset, self._period)
        index = int(cycle) * self._count + bisect_left(self._times, inside)
        # Rounding in divmod may leave the opportunity a hair before `time`.
        while self._time(index) < time:
            index += 1
        return index

    def departure(self, start: float, size: int) -> float:
        if start > self._now:
            self._index = self._first_at(start)
            self._left = OPPORTUNITY_BYTES
        while size > self._left:
            size -= self._left
            self._left = OPPORTUNITY_BYTES
            self._index += 1
        self._left -= size
        self._now = self._time(self._index)
        return self._now

    def capacity_bits(self, begin: float, end: float) -> float:
        opportunities = max(0, self._before(end) - self._before(begin))
        return opportunities * OPPORTUNITY_BYTES * BITS_PER_BYTE

    def _before(self, time: float) -> int:
        """Count the opportunities up to and including `time` (s)."""
        cycle, inside = divmod(time + self._offset, self._period)
        return int(cycle) * self._count + bisect_right(self._times, inside)

    def __repr__(self) -> str:
        return f"TraceRate({self._count} opportunities in {self._period} s, offset={self._offset})"
