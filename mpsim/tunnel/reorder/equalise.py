"""Delay equalisation: all packets show the slowest path's delay, and need no order among them."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.reorder.base import NEVER, RECOVERED
from mpsim.tunnel.reorder.latency import Latencies
from mpsim.tunnel.reorder.none import PassOn


class Equalise(PassOn):
    """A packet is held by as much as the slowest path is behind its own ("equalise").

        hold_i = min(max_j L_j - L_i + offset, timeout)

    L_i: smoothed one-way delay of path i. Nothing waits for a hole, so a loss delays nobody; jitter that is
    larger than the offset still reorders. What is due at once leaves in the tunnel's order.
    draft-amend-iccrg-multipath-reordering, delay equalisation.

    Parameters
        timeout: longest hold, seconds
        offset: hold of the slowest path's packets, which takes up its jitter, seconds
        inactive: a path without packets for so many arrivals does not count, count
    """

    __slots__ = ("_due", "_latencies", "offset", "timeout")

    def __init__(
        self,
        deliver: Callable[[Packet], object],
        *,
        timeout: float = 0.1,
        offset: float = 0.005,
        inactive: int = 250,
    ) -> None:
        super().__init__(deliver)
        self.timeout = timeout
        self.offset = offset
        self._latencies = Latencies(inactive)
        self._due: list[tuple[float, int, Packet]] = []  # a heap: (time of release, number, packet)
        self.eager = True

    def insert(  # what the header says
        self, sequence: int, packet: Packet, now: float, path: int = RECOVERED, number: int = 0, sent_us: int = 0
    ) -> bool:
        if path != RECOVERED:
            self._latencies.note(path, sent_us, now)
        if not self._admit(sequence):
            return False
        hold = min(self._latencies.behind(path) + self.offset, self.timeout)
        heapq.heappush(self._due, (now + hold, sequence, packet))
        self.occupancy_bytes += packet.size
        return True

    def next_timeout(self) -> float:
        return self._due[0][0] if self._due else NEVER

    def on_timeout(self, now: float) -> None:
        due: list[tuple[int, Packet]] = []
        while self._due and self._due[0][0] <= now:
            _, sequence, packet = heapq.heappop(self._due)
            due.append((sequence, packet))
        for _, packet in sorted(due, key=lambda one: one[0]):
            self.occupancy_bytes -= packet.size
            self._deliver(packet)
