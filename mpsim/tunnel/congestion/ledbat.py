"""LEDBAT (RFC 6817): uses what others leave, by keeping its own queue at a target and giving way above it."""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.congestion.newreno import NewReno

# RFC 6817, section 2.5, and the filters of section 2.4.2 (ns-3's tcp-ledbat.cc has the same).
ALLOWED_INCREASE = 1  # packets
CURRENT_FILTER = 4  # samples
BASE_HISTORY = 10  # minutes
MINUTE = 60.0  # s
# Of the target, where slow start ends, which the RFC leaves open (draft-irtf-iccrg-ledbat-plus-plus, section 4.2).
SLOW_START_SHARE = 0.75

_INFINITY = float("inf")


class Ledbat(NewReno):
    """Less than best effort: a queue of `target` seconds by the one-way delay, others included (RFC 6817).

    A loss halves the window as NewReno's does, at most once in a round trip (section 2.4).

    Parameters
        target: queueing delay to keep, seconds (RFC 6817: at most 0.1)
        gain: growth at an empty queue, packets per round trip, ratio (RFC 6817: at most 1)
        slow_start: double until the delay nears the target, as widespread implementations do
        initial_window: window at the start, packets
        minimum_window: smallest window, packets
    """

    name = "ledbat"
    positive = ("target",)

    def __init__(
        self,
        *,
        target: float = 0.1,
        gain: float = 1.0,
        slow_start: bool = True,
        initial_window: float = 2,
        minimum_window: float = 2,
    ) -> None:
        super().__init__(initial_window=initial_window, minimum_window=minimum_window)
        self.target = target
        self.gain = gain
        self.slow_start = slow_start

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = max(self.initial_window, self.minimum_window) * mss
        self.ssthresh = _INFINITY if self.slow_start else self.cwnd
        self._current: deque[float] = deque(maxlen=CURRENT_FILTER)
        self._minima: deque[float] = deque(maxlen=BASE_HISTORY)  # of each minute, s; only differences mean something
        self._minute_end = now

    def on_acked(self, sample: AckSample) -> None:
        if sample.one_way_delay is not None:
            self._take_delay(sample.one_way_delay, sample.now)
        if sample.sent_time <= self._recovery_start or not self._current:
            return
        self._adapt(sample)

    def _take_delay(self, delay: float, now: float) -> None:
        self._current.append(delay)
        if now >= self._minute_end:
            self._minute_end = now + MINUTE
            self._minima.append(delay)
        elif delay < self._minima[-1]:
            self._minima[-1] = delay

    def queueing_delay(self) -> float:
        """Return the least of the last delays above the base, s."""
        return min(self._current) - min(self._minima)

    def _adapt(self, sample: AckSample) -> None:
        queue = self.queueing_delay()
        floor = self.minimum_window * self.mss
        most = sample.in_flight + ALLOWED_INCREASE * self.mss
        if self.cwnd < self.ssthresh:
            if queue < SLOW_START_SHARE * self.target:
                if sample.cwnd_limited:
                    self.cwnd = min(self.cwnd + sample.acked, self.ssthresh)
                return
            # What is seen now was done a round trip ago, by half the window.
            self.ssthresh = self.cwnd = max(self.cwnd / 2, floor)
        off = (self.target - queue) / self.target  # 1: nothing in the queue
        step = self.gain * off * sample.acked * self.mss / self.cwnd
        # What was not used does not grow; the RFC's bound is the same rule.
        grown = min(self.cwnd + step, max(self.cwnd, most)) if step > 0 else self.cwnd + step
        self.cwnd = max(grown, floor)
