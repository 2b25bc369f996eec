"""Where the data of a connection comes from."""

from __future__ import annotations

from typing import Protocol


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
