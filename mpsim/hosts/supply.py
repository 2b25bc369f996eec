"""Where the data of a connection comes from, and how much of it may be sent."""

from __future__ import annotations

from typing import Protocol

from mpsim.hosts.segments import NO_LIMIT


class Source(Protocol):
    """Data that becomes available as time goes by. Whoever adds to it calls `TcpSender.push`."""

    @property
    def available(self) -> int:
        """Bytes that wait for a segment; asked for when one would leave at once."""

    def take(self, most: int) -> int:
        """Take at least one and up to `most` bytes for segment number `next_index` of the sender; return how many."""


class Transfer:
    """A given number of bytes, all there from the beginning."""

    __slots__ = ("available",)

    def __init__(self, total_bytes: int) -> None:
        self.available = total_bytes

    def take(self, most: int) -> int:
        """Take up to `most` bytes; return how many there were."""
        taken = min(most, self.available)
        self.available -= taken
        return taken


class Unsent:
    """What was not sent yet: whether there is any, and the room that the receiver leaves for it.

    edge: segments below may be sent, as a portal on the way back has written; stopped: nothing new any more.

    Parameters
        source: where the data comes from, instead of what total_bytes says
        total_bytes: how much there is to send; None: without end
        window: most segments beyond the lowest that is not acknowledged
    """

    __slots__ = ("_finite", "_source", "_window", "edge", "stopped")

    def __init__(self, source: Source | None, total_bytes: int | None, window: int) -> None:
        # None: without end, the common case, which asks nobody for the length of a segment.
        self._source = source if source is not None or total_bytes is None else Transfer(total_bytes)
        self._finite = source is None and total_bytes is not None
        self._window = window
        self.edge = NO_LIMIT
        self.stopped = False

    @property
    def over(self) -> bool:
        """Whether everything there was has been taken, and no more will come."""
        return self._finite and not self._available()

    def has_room(self, una: int, beyond: int) -> bool:
        """Return whether the receiver takes segment number `beyond`, the lowest not acknowledged being `una`."""
        return not self.stopped and beyond - una < self._window

    def may_send(self, una: int, beyond: int) -> bool:
        """Return whether there is a segment number `beyond`, and room for it."""
        return self.has_room(una, beyond) and beyond < self.edge and self._available()

    def take(self, mss: int) -> int:
        """Take the data of the next segment; return how many bytes."""
        return mss if self._source is None else self._source.take(mss)

    def _available(self) -> bool:
        return self._source is None or self._source.available > 0
