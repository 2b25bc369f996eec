"""NewReno for packets or datagrams: RFC 6582's response in the form of RFC 9002, section 7.

With loss detection "nack" over datagrams it is the dissertation's algorithm (section 3.2.3): one more
for each acknowledged packet until the first loss, then one more for each full window, half on loss.
"""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample, CongestionController


class NewReno(CongestionController):
    """Slow start, additive increase, one halving a round (RFC 6582, RFC 9002).

    Parameters
        initial_window: window at the start, packets (RFC 6928)
        beta: what is left of the window after a loss, ratio
        minimum_window: smallest window, packets (RFC 9002, section 7.2)
    """

    name = "newreno"

    def __init__(self, *, initial_window: float = 10, beta: float = 0.5, minimum_window: float = 2) -> None:
        self.initial_window = initial_window
        self.beta = beta
        self.minimum_window = minimum_window
        self._recovery_start = -1.0
        self._before: tuple[float, float] | None = None

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = self.initial_window * mss
        self.ssthresh = float("inf")
        self._recovery_start = -1.0
        self._before = None

    def on_acked(self, sample: AckSample) -> None:
        if not sample.cwnd_limited or sample.sent_time <= self._recovery_start:
            return
        if self.cwnd < self.ssthresh:
            grown = self.cwnd + sample.acked
            if grown <= self.ssthresh:
                self.cwnd = grown
                return
            # What takes the window over the threshold already counts for congestion avoidance.
            over = grown - self.ssthresh
            self.cwnd = self.ssthresh + self.mss * over / self.ssthresh
        else:
            self.cwnd += self.mss * sample.acked / self.cwnd

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        if sent_time <= self._recovery_start:
            return
        self._reduce(now)
        self.cwnd = self.ssthresh

    def on_timeout(self, now: float, in_flight: int) -> None:
        if self._before is None or self.cwnd > self.minimum_window * self.mss:
            self._reduce(now)
        self.cwnd = self.minimum_window * self.mss

    def _reduce(self, now: float) -> None:
        self._before = (self.cwnd, self.ssthresh)
        self._recovery_start = now
        self.ssthresh = max(self.cwnd * self._left_by_loss(), self.minimum_window * self.mss)

    def _left_by_loss(self) -> float:
        return self.beta

    def on_loss_undone(self, now: float) -> None:
        if self._before is not None:
            cwnd, self.ssthresh = self._before
            self.cwnd = max(self.cwnd, cwnd)
            self._before = None
            self._recovery_start = -1.0
