"""Flowlets: a flow changes its path only after a pause (FLARE, Kandula et al., CCR 2007; LetFlow, NSDI 2017).

After a pause longer than the difference of the paths' delays what goes by another path cannot overtake what
went before. FLARE then chooses by the wanted shares, LetFlow at random; here it is the path by which the
packet is expected first, as with `greedy`.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.tunnel.schedulers.greedy import expected_delay

MOST_FLOWS = 4096  # that are remembered; those whose flowlets are the oldest are forgotten
DEVIATIONS = 2  # mean deviations of the round-trip time that a packet may be later than half of it


class Flowlet(Scheduler):
    """A flow keeps to its path until it pauses; then the one that delivers first (FLARE, 2007; LetFlow, NSDI 2017).

    Parameters
        gap: pause after which a flow may change its path; 0: by how much the paths' delays differ, with jitter, seconds
        margin: what is added to that, seconds (own choice)
        queue: what may wait on a path of a full window before all flows wait, bytes
    """

    name = "flowlet"
    positive = ("queue",)

    def __init__(self, *, gap: float = 0.0, margin: float = 0.005, queue: int = 150_000) -> None:
        self.gap = gap
        self.margin = margin
        self.queue = queue
        self._flows: dict[object, tuple[int, float]] = {}  # index of the path, when it was last chosen (s)

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        if not paths:
            return None
        kept, last = self._flows.get(packet.flow, (-1, now))
        chosen = next((path for path in paths if path.index == kept), None)
        if chosen is None or (now - last > self.pause(paths) and not chosen.queued_bytes):
            chosen = min(paths, key=lambda path: (expected_delay(path, packet.size), path.index))
        if chosen.queued_bytes + packet.size > self.queue:
            return None
        self._note(packet.flow, kept, chosen, now)
        return chosen

    def pause(self, paths: Sequence[PathView]) -> float:
        """Return how long a flow must have paused to change its path (s)."""
        if self.gap:
            return self.gap
        longest = max(path.srtt / 2 + DEVIATIONS * path.rttvar for path in paths)
        shortest = min(min(path.srtt, path.min_rtt) / 2 for path in paths)
        return longest - shortest + self.margin

    def _note(self, flow: object, kept: int, chosen: PathView, now: float) -> None:
        flows = self._flows
        if chosen.index != kept:
            flows.pop(flow, None)
            if len(flows) >= MOST_FLOWS:
                del flows[next(iter(flows))]
        flows[flow] = chosen.index, now
