"""BALIA, balanced linked adaptation (Peng, Walid, Hwang and Low, ToN 2016; draft-walid-mptcp-congestion-control).

With rates x = w / rtt of the paths and a = max x / x_r, for each packet acknowledged on path r, w in packets:

    w_r += x_r / (rtt_r * (sum x)^2) * (1 + a) / 2 * (4 + a) / 5

and at a loss w_r -= w_r / 2 * min(a, 1.5). Between LIA, which is friendlier, and OLIA, which is slower to notice
that a path has become better. Alone a is 1, and it is NewReno. (Linux's mptcp_balia.c rounds a down at a loss.)
"""

from __future__ import annotations

from mpsim.tunnel.congestion.coupled import Coupled

MOST_CUT = 1.5  # times the cut of a TCP, at a loss on a path that is not the best


class Balia(Coupled):
    """Coupled: a balance between being friendly to TCP and quick to answer (Peng et al., ToN 2016).

    Parameters
        initial_window: window at the start, packets (RFC 6928)
        beta: what is left of the best path's window after a loss, ratio
        minimum_window: smallest window, packets
    """

    name = "balia"

    def _lag(self) -> tuple[float, float]:
        """Return a, how much faster the fastest path is than this one, and the sum of all rates, bytes/s."""
        rates = [one.cwnd / one.srtt for one in self._family()]
        if not rates:
            return 1.0, 0.0
        return max(rates) * self.srtt / self.cwnd, sum(rates)

    def _increase(self) -> float:
        lag, total = self._lag()
        if not total:
            return 1 / self.cwnd
        return self.cwnd / self.srtt**2 / total**2 * (1 + lag) / 2 * (4 + lag) / 5

    def _reduce(self, now: float) -> None:
        super()._reduce(now)
        lag, _ = self._lag()
        left = 1 - (1 - self.beta) * min(lag, MOST_CUT)
        self.ssthresh = max(self.cwnd * left, self.minimum_window * self.mss)
