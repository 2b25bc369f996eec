"""TCP Vegas: a few packets of queue, counted by the round-trip time.

Brakmo, O'Malley and Peterson, SIGCOMM 1994, and Brakmo and Peterson, JSAC 1995: of the window the share
1 - base/rtt lies in queues. Constants as in Linux (tcp_vegas.c). Losses are answered as NewReno does, instead
of by the paper's finer retransmission timers, which belong to the loss detection. It is paced, because of
bursts, which follow from acknowledgements that come together, the last would meet the others' queue (so do
Linux's pacing ratios, tcp_pacing_ss_ratio and tcp_pacing_ca_ratio).
"""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.congestion.newreno import NewReno
from mpsim.units import BITS_PER_BYTE

# With fewer samples a round says nothing: delayed acknowledgements would count as queue (Linux: tcp_vegas.c).
LEAST_SAMPLES = 3
LEFT_BY_LOSS = 0.5  # of the window
PACING_SLOW_START, PACING = 2.0, 1.2  # times the window per round trip

_INFINITY = float("inf")


class Vegas(NewReno):
    """Keeps `alpha` to `beta` packets in queues, a packet more or less a round trip (Brakmo et al., SIGCOMM 1994).

    Parameters
        alpha: least queue to keep, packets
        beta: most queue to keep, packets
        gamma: queue that ends slow start, packets
        initial_window: window at the start, packets (RFC 6928)
        as_linux: as Linux, count the queue against the least round-trip time, slow start in each round, do not pace
        minimum_window: smallest window, packets
    """

    name = "vegas"

    def __init__(
        self,
        *,
        alpha: float = 2.0,
        beta: float = 4.0,
        gamma: float = 1.0,
        initial_window: float = 10,
        as_linux: bool = False,
        minimum_window: float = 2,
    ) -> None:
        super().__init__(initial_window=initial_window, minimum_window=minimum_window)
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.as_linux = as_linux
        self._forget()

    def _forget(self) -> None:
        self._base = _INFINITY  # least round-trip time, s
        self._round_end = -1.0  # a round ends when something sent after this time is acknowledged, s
        self._round_min = _INFINITY
        self._samples = 0
        self._grows = True  # slow start in this round: in every other one

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.pacing_rate = None
        self._forget()

    def on_acked(self, sample: AckSample) -> None:
        if sample.rtt is not None:
            self._base = min(self._base, sample.rtt)
            self._round_min = min(self._round_min, sample.rtt)
            self._samples += 1
        recovering = sample.sent_time <= self._recovery_start
        if sample.sent_time > self._round_end:
            if not recovering:
                self._end_round(sample)
            self._round_end = sample.now
            self._round_min = _INFINITY
            self._samples = 0
        if self.cwnd < self.ssthresh and (self._grows or self.as_linux) and sample.cwnd_limited and not recovering:
            self.cwnd = min(self.cwnd + sample.acked, self.ssthresh)
        if sample.srtt and not self.as_linux:
            gain = PACING_SLOW_START if self.cwnd < self.ssthresh else PACING
            self.pacing_rate = gain * self.cwnd * BITS_PER_BYTE / sample.srtt

    def _end_round(self, sample: AckSample) -> None:
        self._grows = not self._grows
        if self._samples < LEAST_SAMPLES:
            if self.cwnd >= self.ssthresh and sample.cwnd_limited:
                self.cwnd += self.mss  # as Reno, for want of samples
            return
        queued = self.queued()
        if self.cwnd < self.ssthresh:
            if queued > self.gamma:
                # What the path holds without its queue, and one more.
                self._set(min(self.cwnd, self.cwnd * self._base / self._round_min + self.mss))
                self.ssthresh = self.cwnd
        elif queued > self.beta:
            self._set(self.cwnd - self.mss)
            self.ssthresh = min(self.ssthresh, self.cwnd)
        elif queued < self.alpha and sample.cwnd_limited:
            self.cwnd += self.mss

    def queued(self) -> float:
        """Return how many packets of the window lie in queues, by the least round-trip time of the round."""
        rtt = self._round_min
        against = self._base if self.as_linux else rtt
        return self.cwnd / self.mss * (rtt - self._base) / against

    def _set(self, cwnd: float) -> None:
        self.cwnd = max(cwnd, self.minimum_window * self.mss)

    def _left_by_loss(self) -> float:
        return LEFT_BY_LOSS
