"""Greedy pull: one shared queue, and each path takes from it whenever its window opens.

The dissertation's load balancing (sections 1.2 and 3.1): congestion control alone decides the split.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class Greedy(Scheduler):
    """Each path takes the head of the shared queue whenever its window is open."""

    name = "greedy"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        # Of several paths with room the nearest goes first.
        chosen = None
        for path in paths:
            if path.can_send(packet.size, now) and (chosen is None or path.srtt < chosen.srtt):
                chosen = path
        return chosen
