"""What a scheduler sees, and the one thing it has to answer: which path carries the next packet.

A new scheduler of ten lines:

    class Fastest(Scheduler):
        name = "fastest"

        def select(self, packet, paths, now):
            ready = [path for path in paths if path.can_send(packet.size, now)]
            return min(ready, key=lambda path: path.srtt, default=None)
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar, Protocol

from mpsim.tunnel.packet import Packet


class PathView(Protocol):
    """What a scheduler may know of a path; a tunnel's path and an MPTCP subflow both satisfy it."""

    index: int
    metric: int

    @property
    def up(self) -> bool:
        """Whether it may be chosen."""

    @property
    def cwnd(self) -> float:
        """Window in bytes."""

    @property
    def ssthresh(self) -> float:
        """Slow-start threshold in bytes."""

    @property
    def bytes_in_flight(self) -> int:
        """Bytes sent, neither acknowledged nor lost."""

    @property
    def queued_bytes(self) -> int:
        """Bytes given to this path, not sent yet."""

    @property
    def srtt(self) -> float:
        """Smoothed round-trip time in seconds; 0: not known yet."""

    @property
    def rttvar(self) -> float:
        """Variation of the round-trip time in seconds."""

    @property
    def min_rtt(self) -> float:
        """Smallest round-trip time in seconds."""

    latest_rtt: float  # seconds
    delivery_rate: float  # bit/s; 0: not known yet
    loss_ratio: float  # of what was sent, 0 to 1

    def can_send(self, size: int, now: float) -> bool:
        """Return whether a packet of `size` bytes would leave at once: window, pacing, path up."""


class SchedulerView(Protocol):
    """What a scheduler may read of its tunnel (`self.view`)."""

    def backlog(self) -> int:
        """Return the bytes that wait in the ingress queue."""

    def peek(self, position: int) -> Packet | None:
        """Return the packet at `position` of the ingress queue, 0 being the next, or None."""

    def unacknowledged(self) -> int:
        """Return the bytes in flight on all paths."""


class Scheduler(ABC):
    """Base of all schedulers. Parameters are keyword arguments, stored under the same name.

    `self.view` shows the tunnel, `self.random` is a seeded stream of its own; both are set by `attach`.
    """

    name: ClassVar[str]
    view: SchedulerView
    random: Random
    # A metric filters the paths before `select`: only the lowest one that has a path up takes part.
    sees_all_metrics: ClassVar[bool] = False

    def attach(self, view: SchedulerView, random: Random) -> None:
        """Be told which tunnel this is for; called once before anything else."""
        self.view = view
        self.random = random

    @abstractmethod
    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | Sequence[PathView] | None:
        """Return the path that carries `packet`; several: copies; None: the packet waits.

        paths: those that are up, in the order of the scenario. A path that cannot send now keeps the
        packet in a queue of its own.
        """

    def next_timeout(self) -> float | None:
        """Return when `on_timeout` wants to be called (s), or None."""
        return None

    def on_timeout(self, now: float) -> None:
        """Let the scheduler's own clock tick; calling it early is harmless."""

    def on_sent(self, path: PathView, packet: Packet, now: float) -> None:
        """Take note that a packet has left by `path`."""

    def on_acked(self, path: PathView, acked: int, now: float) -> None:
        """Take note that `acked` bytes of `path` were acknowledged."""

    def on_lost(self, path: PathView, lost: int, now: float) -> None:
        """Take note that `lost` bytes of `path` were lost."""

    def __repr__(self) -> str:
        parameters = [f"{name}={getattr(self, name)!r}" for name in inspect.signature(type(self)).parameters]
        return f"{type(self).__name__}({', '.join(parameters)})"
