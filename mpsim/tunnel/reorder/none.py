"""No resequencing: what arrives passes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.reorder.base import MOST_MISSING, NEVER, RECOVERED


class PassOn:
    """No resequencing: packets leave as they come, copies excepted ("none")."""

    __slots__ = ("_deliver", "_missing", "duplicates", "eager", "expected", "late", "occupancy_bytes")

    def __init__(self, deliver: Callable[[Packet], object]) -> None:
        self._deliver = deliver
        self.expected = 0
        self._missing: dict[int, None] = {}  # below `expected` and not seen; insertion-ordered
        self.duplicates = self.late = self.occupancy_bytes = 0
        self.eager = False

    def insert(  # what the header says
        self, sequence: int, packet: Packet, now: float, path: int = RECOVERED, number: int = 0, sent_us: int = 0
    ) -> bool:
        if sequence == self.expected:
            self.expected = sequence + 1
        elif not self._admit(sequence):
            return False
        self._deliver(packet)
        return True

    def _admit(self, sequence: int) -> bool:
        """Return whether a number out of order is here for the first time."""
        if sequence >= self.expected:
            self._note_missing(sequence)
            self.expected = sequence + 1
        elif sequence in self._missing:
            del self._missing[sequence]
            self.late += 1
        else:
            self.duplicates += 1
            return False
        return True

    def _note_missing(self, until: int) -> None:
        missing = self._missing
        missing.update(dict.fromkeys(range(max(self.expected, until - MOST_MISSING), until)))
        while len(missing) > MOST_MISSING:
            del missing[next(iter(missing))]

    def skip(self, ranges: Iterable[tuple[int, int]], now: float) -> None:
        """Nothing waits here."""

    def next_timeout(self) -> float:
        return NEVER

    def on_timeout(self, now: float) -> None:
        """Nothing waits here."""
