"""Equal-cost multipath: each flow keeps to one path by a hash of its key (RFC 2992, "modulo-N hash").

Nothing is ever reordered, and no flow is faster than one link.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class Ecmp(Scheduler):
    """The path that the hash of the flow's key falls on; a lost path's flows fall anew on the others (RFC 2992).

    Parameters
        weights: shares of the paths in the order of the scenario, whole numbers; left out: equal ones
        queue: what may wait on a path of a full window before all flows wait, bytes
    """

    name = "ecmp"
    positive = ("queue",)

    def __init__(self, *, weights: Sequence[int] = (), queue: int = 150_000) -> None:
        self.weights = weights
        self.queue = queue

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        if not paths:
            return None
        chosen = paths[0]
        if len(paths) > 1:
            shares = [self._weight(path) for path in paths]
            place = flow_hash(packet.flow) % (sum(shares) or 1)
            for path, share in zip(paths, shares, strict=True):
                chosen = path
                place -= share
                if place < 0:
                    break
        return chosen if chosen.queued_bytes + packet.size <= self.queue else None

    def _weight(self, path: PathView) -> int:
        return self.weights[path.index] if path.index < len(self.weights) else 1


def flow_hash(flow: object) -> int:
    """Return 64 bits that are the same in every process, unlike `hash`."""
    return int.from_bytes(blake2b(repr(flow).encode(), digest_size=8).digest(), "big")
