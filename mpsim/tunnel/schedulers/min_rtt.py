"""Lowest round-trip time first, MPTCP's default scheduler up to version 0.96 (mptcp_sched.c)."""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class MinRtt(Scheduler):
    """The path of the smallest srtt that has room in its window, one without a sample first (mptcp_sched.c)."""

    name = "min-rtt"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        ready = [path for path in paths if path.can_send(packet.size, now)]
        return min(ready, key=lambda path: (path.srtt, path.index), default=None)
