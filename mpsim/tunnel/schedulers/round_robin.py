"""Round robin, after MPTCP's mptcp_rr.c (Paasch et al., CSWS 2014)."""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class RoundRobin(Scheduler):
    """The next path in cyclic order after a number of packets (mptcp_rr.c; Paasch et al., CSWS 2014).

    Parameters
        packets: how many packets a path takes before it is the next one's turn, count
        cwnd_limited: pass over a path whose window is full; otherwise wait for it
    """

    name = "round-robin"

    def __init__(self, *, packets: int = 1, cwnd_limited: bool = True) -> None:
        self.packets = packets
        self.cwnd_limited = cwnd_limited
        self._current = -1  # index of the path whose turn it is
        self._left = 0

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        ordered = sorted(paths, key=lambda path: (path.index <= self._current, path.index))
        if self._left > 0:
            ordered = [path for path in paths if path.index == self._current] + ordered
        for path in ordered:
            if path.can_send(packet.size, now):
                self._left = (self._left if path.index == self._current and self._left else self.packets) - 1
                self._current = path.index
                return path
            if not self.cwnd_limited:
                return None
        return None
