"""What a way of repair is told, and whom it asks to send something once more.

The receiver needs to know nothing of it: a copy is known by its tunnel sequence, and parity says itself
what it protects. What is repeated takes part in the windows of the paths like everything else.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar, Protocol

from mpsim.registry import Tunable
from mpsim.tunnel.datagrams import Data
from mpsim.tunnel.packet import Packet

NEVER = float("inf")


class FlightView(Protocol):
    """What a repair may know of a path."""

    index: int
    up: bool
    min_rtt: float  # s; infinity: not known
    srtt: float  # s; 0: not known
    waiting_since: float  # s, since when what is in flight has had no answer; infinity: nothing is

    @property
    def bytes_in_flight(self) -> int:
        """Bytes sent, neither acknowledged nor lost."""

    def flight_after(self, number: int) -> Sequence[Data]:
        """Return what is in flight beyond path sequence `number`, the oldest first."""


class Outlet(Protocol):
    """What a repair can ask of its tunnel."""

    @property
    def paths(self) -> Sequence[FlightView]:
        """All paths, in the order of the scenario."""

    def patience(self) -> float:
        """Return how long after its first sending a packet is still worth sending again (s)."""

    def alternatives(self, path: int) -> int:
        """Return how many paths may be used beside path number `path`."""

    def send_again(self, lost: Data, origin: float, until: float) -> None:
        """Send a lost packet, first sent at `origin`, by the best path; at `until` (s) it is too late."""

    def send_copy(self, sent: Data, until: float, *, stalled: bool = False, urgent: bool = False) -> None:
        """Send a packet that is in flight by another path too.

        stalled: because its own is silent; urgent: whether windows have room or not.
        """

    def send_parity(self, cls: int, first: int, count: int, index: int, packet: Packet, until: float) -> None:
        """Send parity number `index` of the `count` packets of a class from sequence `first` on."""


class Repair(Tunable, ABC):
    """Base of all ways of repair. Parameters are keyword arguments, stored under the same name."""

    name: ClassVar[str]
    outlet: Outlet
    # How soon after sending into an idle path `on_time` wants to be called (s).
    reaction: float = NEVER

    def attach(self, outlet: Outlet) -> None:
        """Be told which tunnel this is for; called once before anything else."""
        self.outlet = outlet

    def on_sent(self, sent: Data, now: float) -> None:
        """Take note that a packet has left for the first time."""

    def on_lost(self, lost: Data, now: float) -> bool:
        """Take note that a packet is lost on its path; return whether it is sent again."""
        return False

    def announce_at(self, lost: Data, now: float) -> float:
        """Return until when (s) the other end is not told that a packet which is not sent again is lost."""
        return now

    def next_timeout(self) -> float:
        """Return when `on_time` wants to be called (s)."""
        return NEVER

    def on_time(self, now: float) -> None:
        """Do what is due by now; calling it early is harmless."""
