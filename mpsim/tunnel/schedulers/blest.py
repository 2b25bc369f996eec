"""BLEST: blocking estimation (Ferlin et al., IFIP Networking 2016, section IV; mptcp_blest.c)."""

from __future__ import annotations

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import UNLIMITED, PathView, window_of
from mpsim.tunnel.schedulers.second_best import SecondBest

MOST_ROUNDS = 16  # of slow start that are looked ahead


class Blest(SecondBest):
    """A slow path only if the nearest one can go on beside it without filling the receiver (Ferlin et al., 2016).

    The receiver's room is MPTCP's receive window; in a tunnel it is what the resequencer holds in its patience
    (`SchedulerView.reorder_budget`). The estimate of what the nearest path sends is scaled by lambda, which
    grows when the receiver had no room, and shrinks when it had. A tunnel is not told, so that it shrinks there.

    Parameters
        scale: lambda at the beginning, ratio
        least: least lambda, ratio
        most: largest lambda, ratio
        up: what is added to lambda after the receiver had no room, ratio
        down: what is taken from it otherwise, at most once in the slow path's least srtt, ratio
    """

    name = "blest"

    def __init__(
        self, *, scale: float = 1.2, least: float = 1.0, most: float = 1.3, up: float = 0.04, down: float = 0.01
    ) -> None:
        self.scale = scale
        self.least = least
        self.most = most
        self.up = up
        self.down = down
        self._lambda = scale
        self._updated: float | None = None  # s
        self._stalls = 0

    def is_worth_it(self, packet: Packet, fast: PathView, slow: PathView, now: float) -> bool:
        self._update(slow, now)
        room = self.view.reorder_budget() - (packet.size + slow.bytes_in_flight)
        return self._lambda * sent_meanwhile(fast, linger_time(slow)) <= max(room, 0)

    def _update(self, slow: PathView, now: float) -> None:
        """Adapt lambda, once in the slow path's least srtt."""
        if self._updated is None:
            self._updated = now
        if now - self._updated < min(slow.smallest_srtt, slow.srtt):
            return
        self._updated = now
        stalls = self.view.stalls()
        change = self.up if stalls > self._stalls else -self.down
        self._stalls = stalls
        self._lambda = min(max(self._lambda + change, self.least), self.most)


def linger_time(slow: PathView) -> float:
    """Return how long a packet sent now stays unacknowledged, the window's filling counted (s)."""
    lowest, highest = min(slow.smallest_srtt, slow.srtt), max(slow.largest_srtt, slow.srtt)
    used = min(1.0, (slow.bytes_in_flight + slow.mss) / window_of(slow))
    return max(slow.srtt, lowest + (highest - lowest) * used)


def sent_meanwhile(fast: PathView, time: float) -> float:
    """Return what a path would send in `time` (s) if its window grew as Reno's does, bytes."""
    average = (min(fast.smallest_srtt, fast.srtt) + max(fast.largest_srtt, fast.srtt)) / 2
    rounds = int(time / average) + 1
    if fast.cwnd == UNLIMITED:
        return window_of(fast) * rounds
    if fast.ssthresh == UNLIMITED:  # before the first loss
        return fast.cwnd * (2.0 ** min(rounds, MOST_ROUNDS) - 1)
    window = max(fast.cwnd, fast.ssthresh + fast.mss)
    return (window + (rounds - 1) // 2 * fast.mss) * rounds
