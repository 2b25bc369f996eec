"""Redundant: every path carries everything, the first copy counts (MPTCP's mptcp_redundant.c; ProgMP; mptunnel).

There each path has a place of its own in the data, passes over what is acknowledged, and new data goes when a path
has caught up: the fastest path is never held up by the others. Here copies wait on a path of a full window, and
what that has no place for goes without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class Redundant(Scheduler):
    """Every packet by every path; loss p on each of n paths leaves p to the power of n (mptcp_redundant.c).

    Parameters
        queue: copies that may wait on a path of a full window before packets go without it, bytes
    """

    name = "redundant"

    def __init__(self, *, queue: int = 15_000) -> None:
        self.queue = queue

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> Sequence[PathView] | None:
        size = packet.size
        ready = [path for path in paths if path.can_send(size, now)]
        if not ready:
            return None
        if len(ready) == len(paths):
            return ready
        late = [path for path in paths if path not in ready and path.queued_bytes + size <= self.queue]
        return ready + late
