"""Which packets are on their way more than once: the loss of one copy is not the loss of the packet."""

from __future__ import annotations

from collections.abc import Iterable

from mpsim.tunnel.datagrams import DATA, Data


class Ledger:
    """Copies by (class, tunnel sequence), from the first to the last of them that is acknowledged or lost."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[tuple[int, int], list[int]] = {}  # copies without an answer, whether one has arrived

    def expect(self, cls: int, sequence: int, copies: int) -> None:
        """Take note that a packet leaves in so many copies."""
        self.entries[cls, sequence] = [copies, 0]

    def add(self, cls: int, sequence: int) -> None:
        """Take note of one more copy of a packet that is on its way."""
        entry = self.entries.get((cls, sequence))
        if entry is None:
            self.entries[cls, sequence] = [2, 0]
        else:
            entry[0] += 1

    def has_arrived(self, cls: int, sequence: int) -> bool:
        """Return whether some copy is known to have arrived while others are on their way."""
        entry = self.entries.get((cls, sequence))
        return entry is not None and bool(entry[1])

    def on_acked(self, acked: Iterable[Data]) -> None:
        """Take note of what has arrived."""
        entries = self.entries
        for sent in acked:
            entry = entries.get((sent.cls, sent.tunnel_sequence))
            if entry is not None and sent.type == DATA:
                entry[0] -= 1
                entry[1] = 1
                if entry[0] <= 0:
                    del entries[sent.cls, sent.tunnel_sequence]

    def on_lost(self, cls: int, sequence: int) -> bool:
        """Take note that one copy is lost; return whether another has arrived or is on its way."""
        entry = self.entries.get((cls, sequence))
        if entry is None:
            return False
        entry[0] -= 1
        if entry[0] <= 0:
            del self.entries[cls, sequence]
        return entry[0] > 0 or bool(entry[1])
