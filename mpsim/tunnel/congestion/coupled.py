"""What coupled congestion controls have in common: NewReno, but for an increase that looks at the siblings."""

from __future__ import annotations

from abc import abstractmethod

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.newreno import NewReno


class Coupled(NewReno):
    """NewReno whose increase in congestion avoidance depends on all siblings.

    Parameters
        initial_window: window at the start, packets (RFC 6928)
        beta: what is left of the window after a loss, ratio
        minimum_window: smallest window, packets
    """

    def on_acked(self, sample: AckSample) -> None:
        self.srtt = sample.srtt
        if not sample.cwnd_limited or sample.sent_time <= self._recovery_start:
            return
        if self.cwnd < self.ssthresh:
            self.cwnd = min(self.cwnd + sample.acked, self.ssthresh)
        else:
            grown = self.cwnd + sample.acked * self.mss * self._increase()
            self.cwnd = max(grown, self.minimum_window * self.mss)

    @abstractmethod
    def _increase(self) -> float:
        """Return by how much the window grows for each byte acknowledged and each byte of a packet, 1/bytes.

        1 / cwnd is what a TCP alone does: one packet for a window acknowledged.
        """

    def _family(self) -> list[CongestionController]:
        """Return the siblings that take part and whose round-trip time is known; empty: it stands alone."""
        if self.siblings is None or self not in self.siblings.active or not self.srtt > 0:
            return []
        return [one for one in self.siblings.active if one.srtt > 0]
