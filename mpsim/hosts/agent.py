"""What the simulator asks of one end of a flow."""

from __future__ import annotations

from typing import Protocol

from mpsim.tunnel.packet import Packet


class Agent(Protocol):
    """One end of a flow; sans-IO. silent: it never sends anything nor waits for a time."""

    silent: bool

    def receive(self, packet: Packet, now: float) -> None:
        """Take a packet of the flow that arrived at `now` (s)."""

    def packets_to_send(self) -> list[Packet]:
        """Take what is to be sent, in order."""

    def next_timeout(self) -> float:
        """Return when `handle_timeout` is to be called (s); too early is harmless."""

    def handle_timeout(self, now: float) -> None:
        """Do what is due by now (s)."""

    def stop(self, now: float) -> None:
        """Send nothing new from now on."""


class Outgoing:
    """The packets that an end wants sent, until they are taken."""

    __slots__ = ("_out",)

    def __init__(self) -> None:
        self._out: list[Packet] = []

    def packets_to_send(self) -> list[Packet]:
        """Take what is to be sent, in order."""
        out = self._out
        # Most calls find nothing: they need no new list.
        if out:
            self._out = []
        return out
