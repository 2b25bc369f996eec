"""Overflow: the dearer link carries only what the cheaper ones cannot (after RFC 8157, section 1).

There a token bucket at the DSL line's rate tells what exceeds it. Here nobody knows a rate: the windows
of the cheaper paths say what they take, and a packet that has waited for them for too long is an excess.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class Overflow(Scheduler):
    """The lowest metric with room in a window; a higher one only for what has waited some time (after RFC 8157).

    Of several paths of one metric the one that has used least of its window goes first, as with `greedy`.

    Parameters
        patience: how long a packet waits in the ingress queue for each step up in metric, seconds
    """

    name = "overflow"
    sees_all_metrics = True

    def __init__(self, *, patience: float = 0.01) -> None:
        self.patience = patience
        self._due: float | None = None

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        size = packet.size
        self._due = None
        ready = [path for path in paths if path.can_send(size, now)]
        if not ready:
            return None
        chosen = min(ready, key=lambda path: (path.metric, path.bytes_in_flight / path.cwnd, path.index))
        steps = len({path.metric for path in paths if path.metric < chosen.metric})
        if steps and now < packet.entered + steps * self.patience:
            self._due = packet.entered + steps * self.patience
            return None
        return chosen

    def next_timeout(self) -> float | None:
        return self._due

    def on_timeout(self, now: float) -> None:
        """Being asked again is all that is wanted."""
        self._due = None
