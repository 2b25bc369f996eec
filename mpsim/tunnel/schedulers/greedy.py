"""Greedy pull: one shared queue, and each path takes from it whenever its window opens.

The dissertation's load balancing (sections 1.2 and 3.1): congestion control alone decides the split.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler

UNLIMITED = float("inf")


class Greedy(Scheduler):
    """Each path takes the head of the shared queue whenever its window is open.

    With a backlog the order does not matter. Without one (the inner flow cannot fill all windows)
    it decides the split: of several paths with room the one that has used least of its window goes
    first. Nearest first would fill one window before the others get anything; in turn, the dissertation's
    blocked consumers, would send as much by a slow path as by a fast one. Without windows (no congestion
    control, or that of a TCP transport) it is the path whose flight is over first at its delivery rate.
    """

    name = "greedy"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        chosen = None
        least = 0.0
        size = packet.size
        for path in paths:
            if path.can_send(size, now):
                window = path.cwnd
                if window == UNLIMITED:
                    window = path.delivery_rate
                used = path.bytes_in_flight / window if window else 0.0
                if chosen is None or used < least:
                    chosen, least = path, used
        return chosen
