"""Retransmission by the tunnel: what a path has lost is sent again, before anything new."""

from __future__ import annotations

from mpsim.tunnel.datagrams import FLAG_REPAIR, Data
from mpsim.tunnel.repair.base import Repair


class Retransmit(Repair):
    """What is lost on a path is sent again by the one that delivers it first, unless it is too old.

    The loss is the path's finding (RFC 9002: three later ones have arrived, or 9/8 of a round trip has passed), so
    a repetition costs about a round trip; a lost repetition is repeated. Once the other end waits no longer the
    packet is given up, and announced.

    Parameters
        budget: age beyond which a packet is given up, None: as long as the other end's reorder buffer waits, seconds
    """

    name = "retransmit"

    def __init__(self, *, budget: float | None = None) -> None:
        self.budget = budget

    def on_lost(self, lost: Data, now: float) -> bool:
        origin = lost.origin if lost.flags & FLAG_REPAIR else lost.time
        until = origin + (self.outlet.patience() if self.budget is None else self.budget)
        if now > until:
            return False
        self.outlet.send_again(lost, origin, until)
        return True
