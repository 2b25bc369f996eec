"""C2TCP, cellular controlled delay TCP (Abbasloo, Li, Xu and Chao, IFIP Networking 2018; JSAC 2019), on top of CUBIC.

Each round-trip time is judged as CoDel judges a queue. "Good" is one of at most the setpoint: the window grows, beside
what CUBIC adds, by floor(setpoint / rtt) packets for each window acknowledged. When there was none for one interval
the condition is "bad": ssthresh as after a loss, and the window begins at one packet again. As long as it stays bad
the n-th further step comes interval / sqrt(n) later. The rule is that of the authors' patch of Linux 4.13; we count
acknowledged packets where it counts acknowledgements. With `ratio` the setpoint and the interval are that many least
round-trip times, as in JSAC 2019 (where a program beside the sender goes on adapting the ratio; that is not here).
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.congestion.cubic import Cubic


class C2Tcp(Cubic):
    """CUBIC that speeds up below a round-trip time, and starts over above it (Abbasloo et al., IFIP Networking 2018).

    Parameters
        setpoint: round-trip time to stay below, seconds
        interval: how long it may be above before that counts, seconds
        ratio: both in least round-trip times instead, ratio (0: as they are given; JSAC 2019: 2)
        minimum_window: smallest window, and the one to start over with, packets
    """

    name = "c2tcp"
    positive = ("setpoint",)

    def __init__(
        self,
        *,
        setpoint: float = 0.1,
        interval: float = 0.1,
        ratio: float = 0.0,
        minimum_window: float = 1,
        **of_cubic: Any,
    ) -> None:
        super().__init__(minimum_window=minimum_window, **of_cubic)
        self.setpoint = setpoint
        self.interval = interval
        self.ratio = ratio

    def _reset(self) -> None:
        super()._reset()
        self._next_check: float | None = None  # when the condition counts as bad, s; None: it is good
        self._steps = 0  # taken since it was good
        self._started_over = False

    def on_acked(self, sample: AckSample) -> None:
        if self._started_over and self.cwnd < self.ssthresh:
            # HyStart would take the queue that is still there for one of this slow start.
            if sample.cwnd_limited and sample.sent_time > self._recovery_start:
                self.cwnd = min(self.cwnd + sample.acked, self.ssthresh)
        else:
            super().on_acked(sample)
        if sample.rtt is not None:
            self._judge(sample, sample.rtt)

    def _judge(self, sample: AckSample, rtt: float) -> None:
        setpoint, interval = self.setpoint, self.interval
        if self.ratio:
            setpoint = interval = self.ratio * sample.min_rtt
        if rtt <= setpoint:
            self._next_check = None
            self._steps = 0
            if sample.cwnd_limited and sample.sent_time > self._recovery_start:
                self.cwnd += (setpoint // rtt) * sample.acked * self.mss / self.cwnd
        elif self._next_check is None:
            self._next_check = sample.now + interval
        elif sample.now > self._next_check:
            self._steps += 1
            self._next_check = sample.now + interval / sqrt(self._steps)
            self._start_over(sample.now)

    def _start_over(self, now: float) -> None:
        recovery_start = self._recovery_start
        self._reduce(now)
        # Nothing was lost: what is in flight goes on counting, and there is nothing to take back.
        self._recovery_start = recovery_start
        self._before = None
        self.cwnd = self.minimum_window * self.mss
        self._started_over = True
