"""Smallest delay, the steering mode of ATSSS (3GPP TS 23.501, section 5.32.8).

All traffic goes by the access of the smallest round-trip time, unlike `min-rtt`, which fills the next one
when that is full. How measurements are compared is left to the implementation; the margin is our own.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class SmallestDelay(Scheduler):
    """Everything by the path of the smallest srtt, full or not (ATSSS "Smallest Delay", 3GPP TS 23.501).

    Parameters
        margin: another path must be nearer by so much of the used one's srtt to take its place, ratio
    """

    name = "smallest-delay"

    def __init__(self, *, margin: float = 0.1) -> None:
        self.margin = margin
        self._current = -1  # index of the path in use

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        if not paths:
            return None
        chosen = min(paths, key=lambda path: (path.srtt, path.index))
        for path in paths:
            if path.index == self._current and path.srtt * (1 - self.margin) <= chosen.srtt:
                chosen = path
        self._current = chosen.index
        return chosen if chosen.can_send(packet.size, now) else None
