"""ECF: earliest completion first (Lim et al., CoNEXT 2017, algorithm 1; mptcp_ecf.c)."""

from __future__ import annotations

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, window_of
from mpsim.tunnel.schedulers.second_best import SecondBest


class Ecf(SecondBest):
    """A slow path only for what the nearest one would not have sent before it arrives (Lim et al., CoNEXT 2017).

    What waits, k, and the windows are in bytes. The nearest path f needs 1 + k / cwnd_f of its round trips
    for all; if that is less than the slow path's round trip, and that one needs longer than two of f's, the packet
    waits. Having begun to wait it stays with that unless the advantage is gone by a margin.

    Parameters
        beta: margin that keeps it waiting, ratio
        deviations: mean deviations of the round-trip time that sigma is, ratio (mptcp_ecf.c: 2; the paper names none)
    """

    name = "ecf"

    def __init__(self, *, beta: float = 0.25, deviations: float = 1.0) -> None:
        self.beta = beta
        self.deviations = deviations
        self._waiting = False

    def is_worth_it(self, packet: Packet, fast: PathView, slow: PathView, now: float) -> bool:
        waiting = max(self.view.backlog(), packet.size)
        delta = self.deviations * max(fast.rttvar, slow.rttvar)
        window_f, window_s = window_of(fast), window_of(slow)
        by_fast = fast.srtt * (1 + max(waiting, window_f) / window_f)
        margin = 1 + self.beta if self._waiting else 1.0
        if by_fast >= margin * (slow.srtt + delta):
            self._waiting = False
            return True
        if slow.srtt * max(waiting, window_s) / window_s >= 2 * fast.srtt + delta:
            self._waiting = True
            return False
        return True
