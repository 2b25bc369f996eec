"""Slide together multipath scheduler: what goes by different paths arrives in turn.

Shi et al., "STMS: Improving MPTCP Throughput Under Heterogeneous Networks", ATC 2018. The fast path takes the
head of the queue, a slow path what lies a gap further back. The gap is what the fast path sends while the slow
one's packet is on its way for longer. In a tunnel, where a packet is numbered as it leaves the ingress queue, that
means: while a slow path has room, packets are committed to the fast path's own queue until the gap is full, and
the one behind them goes by the slow path.

The paper corrects the gap by what the receiver acknowledges of the data, without estimating delays. A tunnel
has acknowledgements of each path only. So once in a slow round trip one packet of the slow path is watched, and
the last packet that the fast path carries before it; their arrivals are taken to be half a least round trip before
the acknowledgements, and the fast path is the one of the shorter way there. The gap is kept as a lead in seconds
times the fast path's rate, so that it follows that rate at once. The paper's own law and step are not known to us
(from memory: parameter `gain`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.units import BITS_PER_BYTE

NEVER = float("inf")


@dataclass(slots=True)
class Watched:
    """A packet of the slow path and its predecessor on the fast one: when each arrived, s."""

    fast: int  # indices
    slow: int
    fast_mark: float  # bytes of the path that must be acknowledged
    slow_mark: float
    fast_arrival: float | None = None
    slow_arrival: float | None = None


class Stms(Scheduler):
    """The fast path takes the head, a slow one what lies a gap behind it: arrival in order (Shi et al., ATC 2018).

    Parameters
        gain: how much of the error in arrival corrects the lead, ratio (own choice, the paper's is not known)
        most_lead: the lead of a slow path is never more, seconds
    """

    name = "stms"

    def __init__(self, *, gain: float = 0.25, most_lead: float = 1.0) -> None:
        self.gain = gain
        self.most_lead = most_lead
        self._settled: dict[int, int] = {}  # bytes acknowledged or lost, by path
        self._leads: dict[tuple[int, int], float] = {}  # of (fast, slow), s
        self._watched: dict[int, Watched] = {}  # by slow path

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        size = packet.size
        ready = [path for path in paths if path.can_send(size, now)]
        if not ready:
            return None
        fast = min(paths, key=lambda path: (forward_delay(path), path.index))
        if fast in ready:
            return fast
        slow = min(ready, key=lambda path: (forward_delay(path), path.index))
        if fast.queued_bytes < self.gap(fast, slow):
            return fast
        self._watch(fast, slow)
        return slow

    def gap(self, fast: PathView, slow: PathView) -> float:
        """Return how far behind the fast path's next packet the slow one takes its own, bytes."""
        rate = fast.delivery_rate / BITS_PER_BYTE
        if not rate and fast.srtt and fast.cwnd < NEVER:
            rate = fast.cwnd / fast.srtt
        return rate * self._leads.get((fast.index, slow.index), self._first_lead(fast, slow))

    def _first_lead(self, fast: PathView, slow: PathView) -> float:
        return min(max(0.0, forward_delay(slow) - forward_delay(fast)), self.most_lead)

    def on_acked(self, path: PathView, acked: int, now: float) -> None:
        index = path.index
        settled = self._settled[index] = self._settled.get(index, 0) + acked
        for watched in [one for one in self._watched.values() if index in (one.fast, one.slow)]:
            arrival = now - path.min_rtt / 2
            if index == watched.slow and watched.slow_arrival is None and settled >= watched.slow_mark:
                watched.slow_arrival = arrival
            if index == watched.fast and watched.fast_arrival is None and settled >= watched.fast_mark:
                watched.fast_arrival = arrival
            self._correct(watched)

    def on_lost(self, path: PathView, lost: int, now: float) -> None:
        """A loss says nothing of when something arrives."""
        index = path.index
        self._settled[index] = self._settled.get(index, 0) + lost
        self._watched = {slow: one for slow, one in self._watched.items() if index not in (one.fast, one.slow)}

    def _watch(self, fast: PathView, slow: PathView) -> None:
        if slow.index in self._watched or not slow.srtt:
            return
        ahead = self._settled.get(fast.index, 0) + fast.bytes_in_flight + fast.queued_bytes
        own = self._settled.get(slow.index, 0) + slow.bytes_in_flight + 1
        self._watched[slow.index] = Watched(fast.index, slow.index, ahead, own)
        self._leads.setdefault((fast.index, slow.index), self._first_lead(fast, slow))

    def _correct(self, watched: Watched) -> None:
        """Lengthen the lead if the slow path's packet came after its turn, shorten it if before."""
        if watched.fast_arrival is None or watched.slow_arrival is None:
            return
        key = watched.fast, watched.slow
        lead = self._leads[key] + self.gain * (watched.slow_arrival - watched.fast_arrival)
        self._leads[key] = min(max(lead, 0.0), self.most_lead)
        del self._watched[watched.slow]


def forward_delay(path: PathView) -> float:
    """Return what a path's packets take to the other end, if only the way there has a queue, s."""
    return path.srtt - min(path.min_rtt, path.srtt) / 2
