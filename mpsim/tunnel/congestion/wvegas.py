"""wVegas, weighted Vegas (Cao, Xu and Fu, ICNP 2012): the siblings share out how much they may queue.

Once a round trip, with the mean round-trip time of that round and w in packets, diff_r = w_r (1 - base_r / rtt_r) is
what path r keeps in queues. Above its share alpha_r the window shrinks by one packet, below it grows by one. The
shares are alpha_r = max(2, total_alpha x_r / sum x) with the rates x = w / rtt; they are computed anew only
when diff_r >= alpha_r. A round whose queueing delay is twice the least since the last such cut drains the queue:
w_r is multiplied by base_r / (2 rtt_r). Slow start ends when diff_r > gamma. Constants as in Linux's mptcp_wvegas.c.

The least queueing delay is that of rounds in which the share is reached. Linux's is that of all rounds, so on a quiet
link it halves its window as soon as its own first packet of queue becomes two (there 56 % of two such links are used).
"""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.congestion.newreno import NewReno

FEW_SAMPLES = 2  # up to so many in a round say nothing: it is NewReno's
DRAIN_AT = 2.0  # times the least queueing delay

_INFINITY = float("inf")


class WVegas(NewReno):
    """Coupled, by delay: a few packets of queue, shared out by the paths' rates (Cao et al., ICNP 2012).

    Parameters
        total_alpha: queue of all siblings together, packets
        initial_alpha: queue of one of them at first and at least, packets
        gamma: queue at which slow start ends, packets
        initial_window: window at the start, packets (RFC 6928)
        beta: what is left of the window after a loss, ratio
        minimum_window: smallest window, packets
        as_linux: the least queueing delay is that of all rounds
    """

    name = "wvegas"

    def __init__(
        self,
        *,
        total_alpha: float = 10,
        initial_alpha: float = 2,
        gamma: float = 1,
        initial_window: float = 10,
        beta: float = 0.5,
        minimum_window: float = 2,
        as_linux: bool = False,
    ) -> None:
        super().__init__(initial_window=initial_window, beta=beta, minimum_window=minimum_window)
        self.total_alpha = total_alpha
        self.initial_alpha = initial_alpha
        self.gamma = gamma
        self.as_linux = as_linux
        self.rate = 0.0  # bytes/s, when diff last reached alpha

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self._base = _INFINITY  # least round-trip time, s
        self._round_end = -1.0  # a round ends when something sent after this time is acknowledged, s
        self._forget()

    def _forget(self) -> None:
        """Begin anew after a loss."""
        self.alpha = self.initial_alpha  # packets
        self.rate = 0.0
        self._least_queue = 0.0  # s, since the last cut; 0: none seen
        self._sum = 0.0  # of this round's samples, s
        self._count = 0

    def on_acked(self, sample: AckSample) -> None:
        self.srtt = sample.srtt
        if sample.rtt is not None:
            self._base = min(self._base, sample.rtt)
            self._sum += sample.rtt
            self._count += 1
        if sample.sent_time <= self._recovery_start:
            return
        if sample.sent_time <= self._round_end:
            if self.cwnd < self.ssthresh:
                super().on_acked(sample)
            return
        self._round_end = sample.now
        total, count = self._sum, self._count
        self._sum, self._count = 0.0, 0
        if count <= FEW_SAMPLES:
            super().on_acked(sample)
        else:
            self._end_round(sample, total / count)

    def _end_round(self, sample: AckSample, rtt: float) -> None:
        diff = self.cwnd / self.mss * (1 - self._base / rtt)
        if self.cwnd < self.ssthresh:
            if diff > self.gamma:
                self._shrink_to(min(self.cwnd, self.cwnd * self._base / rtt + self.mss))
            else:
                super().on_acked(sample)
            return
        reached = diff >= self.alpha
        if reached:
            self.rate = self.cwnd / rtt
            self.alpha = max(self.initial_alpha, self._weight() * self.total_alpha)
        if diff > self.alpha:
            self._shrink_to(self.cwnd - self.mss)
        elif diff < self.alpha and sample.cwnd_limited:
            self.cwnd += self.mss
        if reached or self.as_linux:
            self._drain(rtt)

    def _drain(self, rtt: float) -> None:
        """Let the queue run empty if it is twice as long as it has been."""
        queue = rtt - self._base
        if not self._least_queue or queue < self._least_queue:
            self._least_queue = queue
        if queue > 0 and queue >= DRAIN_AT * self._least_queue:
            self._shrink_to(self.cwnd * self._base / (2 * rtt))
            self._least_queue = 0.0

    def _weight(self) -> float:
        """Return this path's part of all that the siblings carry, 0 to 1."""
        active = self.siblings.active if self.siblings is not None else ()
        total = sum(one.rate for one in active if isinstance(one, WVegas))
        return self.rate / total if total else 1.0

    def _shrink_to(self, cwnd: float) -> None:
        self.cwnd = max(cwnd, self.minimum_window * self.mss)
        self.ssthresh = min(self.ssthresh, self.cwnd)

    def _reduce(self, now: float) -> None:
        super()._reduce(now)
        self._forget()
