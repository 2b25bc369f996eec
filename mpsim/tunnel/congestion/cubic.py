"""CUBIC (RFC 9438), with HyStart++ (RFC 9406) as its slow start."""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.hystart import HyStart


class Cubic(CongestionController):
    """Window growth by a cubic of the time since the last loss, at least as fast as Reno's (RFC 9438).

    Parameters
        initial_window: window at the start, packets (RFC 6928)
        c: aggressiveness of the cubic, packets/s^3 (RFC 9438, section 5)
        beta: what is left of the window after a loss, ratio (RFC 9438, section 4.6)
        fast_convergence: give way to new flows (RFC 9438, section 4.7)
        hystart: leave slow start when the delay rises (RFC 9406)
        as_linux: as Linux, windows are whole packets, and the Reno-friendly region stays slow (RFC 8312, section 4.2)
        minimum_window: smallest window, packets
    """

    name = "cubic"
    positive = ("c",)

    def __init__(
        self,
        *,
        initial_window: float = 10,
        c: float = 0.4,
        beta: float = 0.7,
        fast_convergence: bool = True,
        hystart: bool = True,
        as_linux: bool = False,
        minimum_window: float = 2,
    ) -> None:
        self.initial_window = initial_window
        self.c = c
        self.beta = beta
        self.fast_convergence = fast_convergence
        self.hystart = hystart
        self.as_linux = as_linux
        self.minimum_window = minimum_window
        self._slow_start = HyStart()
        self._reset()

    def _reset(self) -> None:
        self._recovery_start = -1.0
        self._before: tuple[float, float, float] | None = None
        self._w_max = 0.0  # packets
        self._epoch: float | None = None  # start of this congestion avoidance, s
        self._last = 0.0

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self._reset()
        self._slow_start = HyStart()
        self.cwnd = self.initial_window * mss
        self.ssthresh = float("inf")

    def on_acked(self, sample: AckSample) -> None:
        if sample.sent_time <= self._recovery_start:
            return
        if not sample.cwnd_limited:
            # Time without use of the window is not counted (RFC 9438, section 5.8).
            if self._epoch is not None:
                self._epoch += sample.now - self._last
            self._last = sample.now
            return
        if self.cwnd < self.ssthresh:
            if not self.hystart:
                self.cwnd = min(self.cwnd + sample.acked, self.ssthresh)
                return
            self.cwnd = min(self.cwnd + self._slow_start.growth(sample, self.cwnd, self.mss), self.ssthresh)
            if self._slow_start.finished:
                self.ssthresh = self.cwnd
            return
        self._avoid_congestion(sample)

    def _avoid_congestion(self, sample: AckSample) -> None:
        now = sample.now
        window = self.cwnd / self.mss  # packets, as all that follows
        if self._epoch is None:
            self._epoch = now
            self._estimate = window  # Reno's window, W_est
            if window < self._w_max:
                self._k = ((self._w_max - window) / self.c) ** (1 / 3)
            else:
                self._k = 0.0
                self._w_max = window
        self._last = now
        elapsed = now - self._epoch
        target = self.c * (elapsed + sample.srtt - self._k) ** 3 + self._w_max
        target = min(max(target, window), 1.5 * window)
        acked = sample.acked / self.mss
        # alpha makes Reno with this beta as fast as Reno with one half; 1 once the old window is back.
        old_window = self._estimate >= self._prior and not self.as_linux
        alpha = 1.0 if old_window else 3 * (1 - self.beta) / (1 + self.beta)
        self._estimate += alpha * acked / window
        if self.c * (elapsed - self._k) ** 3 + self._w_max < self._estimate:
            # Section 4.3: the Reno-friendly region.
            if self.as_linux:
                window += max(0, int(self._estimate) - int(window)) * acked / window
            else:
                window = max(window, self._estimate)
        else:
            window += (target - window) / window * acked
        self.cwnd = window * self.mss

    _estimate = 0.0
    _prior = 0.0
    _k = 0.0

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        if sent_time <= self._recovery_start:
            return
        self._reduce(now)
        self.cwnd = self.ssthresh

    def _reduce(self, now: float) -> None:
        window = self.cwnd / self.mss
        self._before = (self.cwnd, self.ssthresh, self._w_max)
        self._recovery_start = now
        self._prior = window
        self._w_max = window * (1 + self.beta) / 2 if self.fast_convergence and window < self._w_max else window
        left = window * self.beta
        self.ssthresh = max(int(left) if self.as_linux else left, self.minimum_window) * self.mss
        self._epoch = None

    def on_timeout(self, now: float, in_flight: int) -> None:
        if self._before is None or self.cwnd > self.minimum_window * self.mss:
            self._reduce(now)
        self.cwnd = self.minimum_window * self.mss
        self._slow_start = HyStart()

    def on_loss_undone(self, now: float) -> None:
        if self._before is not None:
            cwnd, self.ssthresh, self._w_max = self._before
            self.cwnd = max(self.cwnd, cwnd)
            self._before = None
            self._recovery_start = -1.0
            self._epoch = None
