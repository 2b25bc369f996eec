"""A reorder buffer under test: what it accepted, what of that came late, and what it has released."""

from __future__ import annotations

from typing import Any


class Bench:
    """A buffer, and what it has released; `put`, by which packets arrive, is the test's own.

    Parameters
        kind: class of the buffer
        more: its parameters
    """

    def __init__(self, kind: Any, **more: Any) -> None:
        self.out: list[int] = []
        self.buffer = kind(lambda packet: self.out.append(packet.payload), **more)
        self.accepted: set[int] = set()
        self._late: set[int] = set()
        self._late_count = 0

    def note(self, number: int, *, accepted: bool) -> None:
        """Take note of what `put` has answered: a buffer accepts each number once."""
        assert accepted == (number not in self.accepted)
        if self.buffer.late > self._late_count:
            self._late.add(number)
        self._late_count = self.buffer.late
        self.accepted.add(number)

    def is_in_order(self) -> bool:
        """Return whether all that came in time was released in order."""
        in_time = [number for number in self.out if number not in self._late]
        return in_time == sorted(in_time)
