"""Resequencing at the receiver, one buffer for each class of flows.

A buffer takes numbered packets and hands over what may leave. It never delivers a number twice. What
comes after its hole was given up is late: it passes on (the inner flow can still use it), or is
dropped where the buffer was told so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from mpsim.tunnel.packet import Packet

NEVER = float("inf")
# Numbers below the newest that are remembered as missing: what comes by a path that is late by two seconds is still
# known to be new at 300 Mbit/s, as in security/window.py.
MOST_MISSING = 65_536
# "Path" of a packet that no path delivered: it was computed from parity.
RECOVERED = -1


class ReorderBuffer(Protocol):
    """What an endpoint asks of its reorder buffers."""

    expected: int  # the next number in order
    duplicates: int
    late: int
    occupancy_bytes: int
    eager: bool  # each arrival may bring `next_timeout` forward, not only the first one that is held

    def insert(  # what the header says
        self, sequence: int, packet: Packet, now: float, path: int = RECOVERED, number: int = 0, sent_us: int = 0
    ) -> bool:
        """Take a packet; return False if its number has been here before.

        path, number: which path brought it, and its number there; sent_us: its send time on the wire.
        """

    def skip(self, ranges: Iterable[tuple[int, int]], now: float) -> None:
        """Do not wait for these (first, length) numbers."""

    def next_timeout(self) -> float:
        """Return when `on_timeout` has something to release (s)."""

    def on_timeout(self, now: float) -> None:
        """Give up the holes whose time has come."""
