"""MuSher: searches the ratio between two paths that carries most.

Saha et al., "MuSher: An Agile Multipath-TCP Scheduler for Dual-Band 802.11ad/ac Wireless LANs", MobiCom 2019; rules
and constants as in the authors' mptcp_musher.c and mptcp_ratio.c.

Of every `burst` packets the first path takes `ratio` percent and the second the rest, whatever windows say: what
does not fit waits on its path. The rate is sampled. When it has differed from what it was for five samples
running, or the paths hold much less than before (they could take more), other ratios are tried: one step up,
then one step down, and on in the direction that brings more, until it brings less; then one step back. A path
that is lost leaves all to the other.

The source's constants are for wireless LANs of Gbit/s and of milliseconds. Here the thresholds (200 Mbit/s, 75 kB,
5 Mbit/s there) are relative, bursts shorter, and a sample in a search lasts two round trips at least. What is
acknowledged stands for the interfaces' count of sent bytes. Our own: a first search follows the first samples that
are alike, and with more than two paths all but the first share alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.tunnel.schedulers.ratio_search import RatioSearch
from mpsim.units import BITS_PER_BYTE


class Musher(Scheduler):
    """Packets by a ratio that a search moves towards the highest rate (Saha et al., MobiCom 2019).

    Parameters
        burst: packets that the ratio is kept in, count (100 in the source)
        ratio: what the first path takes at the beginning, percent
        step: by how much a search moves the ratio, percent
        interval: how often the rate is sampled, seconds
        search_interval: likewise during a search, seconds
        holdoff: least time between the beginnings of two searches, seconds
        change: difference of the rate that lets search, of what it was, ratio
        shrink: loss of what the paths hold that lets search, of what it was, ratio
        gain: the first step must bring so much of the rate to go on, ratio
        queue: what may wait on a path of a full window before all packets wait, bytes
    """

    name = "musher"
    positive = ("burst", "interval")

    def __init__(
        self,
        *,
        burst: int = 20,
        ratio: int = 50,
        step: int = 5,
        interval: float = 0.1,
        search_interval: float = 0.2,
        holdoff: float = 3.0,
        change: float = 0.1,
        shrink: float = 0.5,
        gain: float = 0.02,
        queue: int = 30_000,
    ) -> None:
        self.burst = burst
        self.ratio = ratio
        self.step = step
        self.interval = interval
        self.search_interval = search_interval
        self.holdoff = holdoff
        self.change = change
        self.shrink = shrink
        self.gain = gain
        self.queue = queue
        self.search = RatioSearch(ratio, step=step, holdoff=holdoff, change=change, shrink=shrink, gain=gain)
        self._position = 0  # of the next packet in its burst
        self._paths: Sequence[PathView] = ()
        self._acked = 0  # bytes since the last sample
        self._sampled_at: float | None = None  # s

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        if not paths:
            return None
        self._paths = paths
        chosen = paths[0]
        if len(paths) > 1:
            share = round(self.search.ratio / 100 * self.burst)
            if self._position >= share:
                others = paths[1:]
                chosen = others[(self._position - share) * len(others) // (self.burst - share)]
        if not chosen.can_send(packet.size, now):
            # What waits is committed only to let the other path go on.
            others_wait = not any(path.can_send(packet.size, now) for path in paths)
            if others_wait or chosen.queued_bytes + packet.size > self.queue:
                return None
        self._position = (self._position + 1) % self.burst
        return chosen

    def on_acked(self, path: PathView, acked: int, now: float) -> None:
        self._acked += acked
        if self._sampled_at is None:
            self._sampled_at, self._acked = now, 0
        elapsed = now - self._sampled_at
        if elapsed >= self.interval and (not self.search.running or elapsed >= self._search_interval()):
            held = sum(path.bytes_in_flight + path.queued_bytes for path in self._paths)
            self.search.sample(self._acked * BITS_PER_BYTE / elapsed, held, now)
            self._sampled_at, self._acked = now, 0

    def _search_interval(self) -> float:
        return max(self.search_interval, 2 * max(path.srtt for path in self._paths))
