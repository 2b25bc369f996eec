"""Duplication: some packets leave by two paths from the beginning."""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.datagrams import Data
from mpsim.tunnel.packet import CLASS_EXPEDITED, CLASS_OTHER, CLASS_TCP, CLASS_UDP
from mpsim.tunnel.repair.base import Outlet, Repair
from mpsim.tunnel.sparse import Sparse

CLASSES = {"tcp": CLASS_TCP, "udp": CLASS_UDP, "other": CLASS_OTHER, "expedited": CLASS_EXPEDITED}


class Duplicate(Repair):
    """Sends a second copy of a class of packets, or of a share of it, by another path.

    With independent losses p and q of the two paths p * q is left. A copy is as urgent as its packet: it goes
    before what waits, and one that finds no room within `wait` is left out. With `most` the class is no load, and its
    copies do not ask for room.

    Parameters
        classes: of "tcp", "udp", "other", "expedited" (DSCP EF, RFC 3246) those that are copied; none named: all
        share: of their packets that are copied, evenly spread, ratio
        wait: longest wait of a copy for a path, seconds
        most: rate beyond which a class is no longer copied, None: it always is, bit/s
    """

    name = "duplicate"

    def __init__(
        self,
        *,
        classes: Sequence[str] = ("expedited",),
        share: float = 1.0,
        wait: float = 0.02,
        most: float | None = None,
    ) -> None:
        for word in classes:
            if word not in CLASSES:
                raise ValueError(f"classes: {', '.join(CLASSES)}; given {word!r}")
        if not 0 <= share <= 1:
            raise ValueError(f"share: min 0, max 1; given {share}")
        self.classes = tuple(classes)
        self.share = share
        self.wait = wait
        self.most = most

    def attach(self, outlet: Outlet) -> None:
        super().attach(outlet)
        self._chosen = frozenset(CLASSES[word] for word in self.classes) or frozenset(CLASSES.values())
        self._owed = 0.0
        self._sparse = None if self.most is None else Sparse(self.most)

    def on_sent(self, sent: Data, now: float) -> None:
        if sent.cls not in self._chosen:
            return
        if self._sparse is not None and not self._sparse.note(sent.cls, sent.packet.size, now):
            return
        self._owed += self.share
        if self._owed >= 1:
            self._owed -= 1
            if self.outlet.alternatives(sent.path):
                self.outlet.send_copy(sent, now + self.wait, urgent=self._sparse is not None)
