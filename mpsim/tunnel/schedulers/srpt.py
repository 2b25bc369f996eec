"""Shortest flow first, without knowing how long flows are: least attained service.

Shortest remaining processing time (Schrage, Operations Research 1968) lets nobody finish later on average, but
a tunnel does not see what remains of a flow. What a flow has had so far stands for it (least attained service;
Rai, Urvoy-Keller and Biersack, SIGMETRICS 2003). Counts are halved from time to time, so that a flow that has
run for an hour does not stand still behind one that has just begun. Own combination, there is no single paper.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView
from mpsim.tunnel.schedulers.greedy import Greedy


class Srpt(Greedy):
    """The flow that had least so far, by the path that delivers first (least attained service; Rai et al., 2003).

    Looks at every packet that waits, so it suits short queues. Classes of flows take turns before it is asked.

    Parameters
        half_life: after so long a flow's bytes count half, seconds
    """

    name = "srpt"

    def __init__(self, *, half_life: float = 1.0) -> None:
        self.half_life = half_life
        self._had: dict[object, float] = {}  # bytes, by flow
        self._next_halving = 0.0  # s

    def pick(self, waiting: Sequence[Packet], now: float) -> int:
        if now >= self._next_halving:
            self._next_halving = now + self.half_life
            self._had = {flow: had / 2 for flow, had in self._had.items() if had >= 2}
        chosen, least = 0, float("inf")
        for position, packet in enumerate(waiting):
            had = self._had.get(packet.flow, 0.0)
            if had < least:
                chosen, least = position, had
                if not had:
                    break
        return chosen

    def on_sent(self, path: PathView, packet: Packet, now: float) -> None:
        self._had[packet.flow] = self._had.get(packet.flow, 0.0) + packet.size
