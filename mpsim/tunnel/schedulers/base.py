"""What a scheduler sees, and the one thing it has to answer: which path carries the next packet.

A new scheduler of ten lines:

    class Fastest(Scheduler):
        name = "fastest"

        def select(self, packet, paths, now):
            ready = [path for path in paths if path.can_send(packet.size, now)]
            return min(ready, key=lambda path: path.srtt, default=None)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar, Protocol

from mpsim.registry import Tunable
from mpsim.tunnel.packet import Packet
from mpsim.units import BITS_PER_BYTE

UNLIMITED = float("inf")


class PathView(Protocol):
    """What a scheduler may know of a path; a tunnel's path and an MPTCP subflow both satisfy it."""

    index: int
    metric: int

    @property
    def mss(self) -> int:
        """Bytes of a full packet, as `cwnd` and `bytes_in_flight` count them."""

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
    smallest_srtt: float  # that there was, seconds; infinity: not known yet
    largest_srtt: float  # that there was, seconds; 0: not known yet
    delivery_rate: float  # bit/s; 0: not known yet

    @property
    def pacing_rate(self) -> float | None:
        """What the congestion control spreads packets to, bit/s; None: it does not."""

    @property
    def delivered(self) -> int:
        """Bytes acknowledged so far."""

    @property
    def loss_ratio(self) -> float:
        """How many of the last few hundred packets were lost, 0 to 1."""

    @property
    def in_recovery(self) -> bool:
        """Whether something was lost, and nothing sent since was acknowledged."""

    @property
    def last_loss(self) -> float:
        """When a loss was last noticed, seconds; minus infinity: never."""

    @property
    def loss_interval(self) -> int:
        """Bytes delivered between the last two episodes of loss, or since the last if that is more."""

    def can_send(self, size: int, now: float) -> bool:
        """Return whether a packet of `size` bytes would leave at once: window, pacing, path up."""


def window_of(path: PathView) -> float:
    """Return a path's window in bytes; where it has none, as over TCP, what its delivery rate puts on the way."""
    if path.cwnd < UNLIMITED:
        return path.cwnd
    return max(path.delivery_rate / BITS_PER_BYTE * path.srtt, path.mss)


class SchedulerView(Protocol):
    """What a scheduler may read of its tunnel (`self.view`)."""

    def backlog(self) -> int:
        """Return the bytes that wait in the ingress queue."""

    def peek(self, position: int) -> Packet | None:
        """Return the packet at `position` of the ingress queue, 0 being the next, or None."""

    def unacknowledged(self) -> int:
        """Return the bytes in flight on all paths."""

    def reorder_budget(self) -> float:
        """Return the bytes that may wait at the other end for others: MPTCP's receive window.

        A tunnel's resequencer gives up by the clock, so its budget is the delivery rate of all paths
        times its timeout; without one, or if nothing is known of it, times the spread of the srtts.
        """

    def reorder_occupancy(self) -> int | None:
        """Return how many bytes wait there now; None: not known (a tunnel's other end does not tell)."""

    def stalls(self) -> int:
        """Return how often so far something had to wait because there was no room; a tunnel is never told."""

    def flow_bytes(self, flow: object) -> int:
        """Return the bytes of a flow that have left so far; counted only where `counts_flows` says so."""


class Scheduler(Tunable, ABC):
    """Base of all schedulers. Parameters are keyword arguments, stored under the same name.

    `self.view` shows the tunnel, `self.random` is a seeded stream of its own; both are set by `attach`.
    """

    name: ClassVar[str]
    view: SchedulerView
    random: Random
    # A metric filters the paths before `select`: only the lowest one that has a path up takes part.
    sees_all_metrics: ClassVar[bool] = False
    # Whether `view.flow_bytes` is to be kept, which costs a little with every packet.
    counts_flows: ClassVar[bool] = False

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

    def pick(self, waiting: Sequence[Packet], now: float) -> int:
        """Return which of the packets that wait in a class is offered next; only asked for where overridden.

        Packets are numbered as they leave, so that another order than theirs is not undone at the other
        end: do not change it within a flow. Not asked for by MPTCP, whose packets are all alike.
        """
        return 0

    def measured_weight(self, path: PathView) -> float | None:
        """Return the weight by which `path` gets its share now, for series.csv; None: there are none that change."""
        return None

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
