"""What an endpoint asks of whatever stands between it and its paths: the guard, or the imitation of another's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from mpsim.tunnel.datagrams import Datagram, Handshake
from mpsim.tunnel.security.cookie import Address


class Exchange(Protocol):
    """Seals what leaves, opens what comes, and says who may be believed."""

    rejected: Counter[str]
    sources: list[Address | None]  # where each path leads
    handshakes: int
    renewed: bool  # something has been agreed upon; the endpoint takes note, and probes at once
    asked: bool  # something was sent that wants an answer; the endpoint's alarm takes note

    @property
    def ready(self) -> bool:
        """Whether anything but handshake messages can leave."""

    def seal(self, datagram: Datagram) -> bytes | None:
        """Return a datagram's bytes; None: it cannot leave."""

    def open(self, data: bytes, path: int, now: float, source: Address | None = None) -> Datagram | None:
        """Return the datagram in bytes that came in by `path` if it is to be believed, or else count it."""

    def take(self, now: float) -> list[Handshake]:
        """Take the handshake messages that are to leave now."""

    def next_timeout(self) -> float:
        """Return when `on_time` has something to do (s)."""

    def on_time(self, now: float, usable: Sequence[int]) -> None:
        """Begin, repeat and end what is due; usable: the paths that have a carrier."""
