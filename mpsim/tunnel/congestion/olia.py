"""OLIA, opportunistic linked increases (Khalili et al., ToN 2013; draft-khalili-mptcp-congestion-control).

For each packet acknowledged on path r, with windows w in packets:

    w_r += (w_r / rtt_r^2) / (sum_p w_p / rtt_p)^2 + epsilon_r / w_r

The first term makes the sum as fast as one TCP and moves it to where less is lost. epsilon moves some of it
from the paths of the largest window (M) to those that would carry the most (B) and have not yet got a large
window: +1 / (n |B without M|) for these, -1 / (n |M|) for those, 0 where B lies in M. Of n paths B are those
of the largest l_r / rtt_r^2, a TCP's rate squared: l_r is what was acknowledged since the last loss, or between the
last two, whichever is more. (INET's, after the draft, ranks by l_r^2 / rtt_r.) Windows are compared in whole
packets, as Linux's mptcp_olia.c does.
"""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.coupled import Coupled


class Olia(Coupled):
    """Coupled: together as fast as one TCP, and most where a TCP would be fastest (Khalili et al., ToN 2013).

    Parameters
        initial_window: window at the start, packets (RFC 6928)
        beta: what is left of the window after a loss, ratio
        minimum_window: smallest window, packets
    """

    name = "olia"

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self._since_loss = 0  # bytes acknowledged since the last loss
        self._between_losses = 0  # and between that and the one before it

    def on_acked(self, sample: AckSample) -> None:
        self._since_loss += sample.acked
        super().on_acked(sample)

    def _reduce(self, now: float) -> None:
        super()._reduce(now)
        if self._since_loss:
            self._between_losses, self._since_loss = self._since_loss, 0

    @property
    def quality(self) -> float:
        """Of its path: bytes between losses over the round-trip time squared, bytes/s^2."""
        return max(self._since_loss, self._between_losses) / self.srtt**2

    def _increase(self) -> float:
        family = self._family()
        total = sum(one.cwnd / one.srtt for one in family)
        if not total:
            return 1 / self.cwnd
        return self.cwnd / self.srtt**2 / total**2 + self._epsilon(family) / self.cwnd

    def _epsilon(self, family: list[CongestionController]) -> float:
        largest = max(one.cwnd // one.mss for one in family)
        best = max(_quality(one) for one in family)
        wide = [one for one in family if one.cwnd // one.mss == largest]
        small_and_best = [one for one in family if one not in wide and _quality(one) == best]
        if not small_and_best:
            return 0.0
        if self in small_and_best:
            return 1 / (len(family) * len(small_and_best))
        return -1 / (len(family) * len(wide)) if self in wide else 0.0


def _quality(one: CongestionController) -> float:
    return one.quality if isinstance(one, Olia) else 0.0
