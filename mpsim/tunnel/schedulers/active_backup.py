"""Active-backup: one path at a time, the others stand by (ATSSS "Active-Standby", 3GPP TS 23.501, 5.32; MP-DCCP).

Going over to another path is a matter of the path's liveness alone; going back waits, so that a link that
comes and goes does not drag every flow with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class ActiveBackup(Scheduler):
    """The path of the lowest metric that is up; back to a lost one only after a while (ATSSS, 3GPP TS 23.501).

    Parameters
        hold: a path that was lost must have been up again for so long before it is used, unless it is the last, seconds
    """

    name = "active-backup"
    sees_all_metrics = True  # the metric is the rank of a path here, and going back has its time

    def __init__(self, *, hold: float = 5.0) -> None:
        self.hold = hold
        self._active: int | None = None  # index of the path in use
        self._present: tuple[int, ...] = ()  # indices of the paths that were up when last asked
        self._lost: set[int] = set()  # that were up once and then not
        self._back_since: dict[int, float] = {}  # those of them that are up again, s

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        present = tuple([path.index for path in paths])
        if present != self._present:
            self._note(present, now)
        if not paths:
            return None
        chosen = min(paths, key=lambda path: (not self._trusted(path, now), path.metric, path.index))
        self._active = chosen.index
        return chosen if chosen.can_send(packet.size, now) else None

    def _note(self, present: tuple[int, ...], now: float) -> None:
        for index in self._present:
            if index not in present:
                self._lost.add(index)
                self._back_since.pop(index, None)
        for index in present:
            if index in self._lost:
                self._back_since.setdefault(index, now)
        self._present = present

    def _trusted(self, path: PathView, now: float) -> bool:
        """Return whether the path may be changed to; the one in use may be stayed with."""
        since = self._back_since.get(path.index)
        if since is None or path.index == self._active:
            return True
        if now - since < self.hold:
            return False
        self._lost.discard(path.index)
        del self._back_since[path.index]
        return True
