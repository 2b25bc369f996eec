"""Verus (Zaki, Pötsch, Chen, Subramanian and Görg, SIGCOMM 2015): a delay to aim at, a profile that says the window.

Every epoch (5 ms) the largest round-trip time D of that epoch is compared with its average and with the least one:

    D_avg / D_min > R:  D_est = max(D_min, D_est - delta2)
    D > D_avg:          D_est = max(D_min, D_est - delta1)
    otherwise:          D_est = D_est + delta2

and the window becomes the largest whose delay, by the profile (verus_profile.py), is at most D_est. A loss takes the
window to `beta` of what it was when the lost packet left; until something sent since is acknowledged it grows by one
packet for a window, and the profile does not learn. Slow start, one packet more for each acknowledged, ends by a loss
or a round-trip time of `slow_start_delay`. Rules and constants as in the authors' verus_server.cpp and verus.hpp.

There max(0, W + (2 - n) / (n - 1) W_now) packets are sent an epoch, n = ceil(rtt / epoch): what brings the flight to W
with the acknowledgements that this epoch will bring. Here the window itself is the limit, so that each
acknowledgement does so at once. Where nothing is in flight, or the window is not used, an epoch says nothing.
"""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.verus_profile import DelayProfile

OLD_SHARE = 0.2  # of the average of D, an epoch
NO_CHANGE = 1e-7  # s; D has not risen by less
SLOW_START_SHARE = 0.75  # of R * D_min: the first D_est after slow start
MIN_RTT_STEP = 0.010  # s, added to D_min while D_est is down at it with nearly nothing in flight: a longer way
NEARLY_NOTHING = 2  # packets
MOST_EPOCHS = 400  # that are caught up with at once: nothing changes after so many without an answer
SLEEP_AFTER = 1.0  # s without an answer; then the next one wakes it

_INFINITY = float("inf")


class Verus(CongestionController):
    """A window from a learnt profile of delay over window (Zaki et al., SIGCOMM 2015).

    Parameters
        epoch: how often the window is set, seconds
        delta1: step down when the delay rises, seconds
        delta2: step up, and step down above the bound, seconds
        bound: of the average delay over the least (R), ratio
        beta: what is left of the window after a loss, ratio
        refresh: how often the profile is computed anew, seconds
        slow_start_delay: round-trip time that ends slow start, seconds
        initial_window: window at the start, packets (RFC 6928; the authors': 1)
        minimum_window: smallest window, packets
    """

    name = "verus"
    positive = ("epoch", "delta2")
    keeps_window = True

    def __init__(
        self,
        *,
        epoch: float = 0.005,
        delta1: float = 0.001,
        delta2: float = 0.002,
        bound: float = 2.0,
        beta: float = 0.7,
        refresh: float = 1.0,
        slow_start_delay: float = 0.5,
        initial_window: float = 10,
        minimum_window: float = 1,
    ) -> None:
        self.epoch = epoch
        self.delta1 = delta1
        self.delta2 = delta2
        self.bound = bound
        self.beta = beta
        self.refresh = refresh
        self.slow_start_delay = slow_start_delay
        self.initial_window = initial_window
        self.minimum_window = minimum_window

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self._begin(self.initial_window * mss, now)
        self._in_flight = 0  # bytes
        self._recovery_start = -1.0

    def _begin(self, cwnd: float, now: float) -> None:
        """Begin slow start, knowing nothing."""
        self.cwnd = cwnd
        self.ssthresh = _INFINITY
        self._profile = DelayProfile()
        self._windows: deque[tuple[float, float]] = deque([(now, cwnd)])  # (since when, which), of what is in flight
        self._min_rtt = _INFINITY
        self._estimate = 0.0  # D_est, s
        self._largest = 0.0  # of this epoch, s; 0: no answer came
        self._average = 0.0  # of the epochs' largest, s; 0: none
        self._next_epoch: float | None = None  # s; None: in slow start
        self._next_refresh = now
        self._last_answer = now
        self._limited = False  # the window was used in this epoch
        self._recovering = False

    def on_sent(self, now: float, size: int, in_flight: int) -> None:
        if in_flight <= size:
            self._last_answer = now  # from now on there is one to wait for
        self._in_flight = in_flight

    def on_acked(self, sample: AckSample) -> None:
        self._catch_up(sample.now)
        window = self._window_at(sample.sent_time)
        self._last_answer = sample.now
        self._in_flight = sample.in_flight - sample.acked
        self._limited = self._limited or sample.cwnd_limited
        if self._recovering and sample.sent_time > self._recovery_start:
            self._recovering = False
            self._average = self._largest = 0.0
        if sample.rtt is not None:
            self._min_rtt = min(self._min_rtt, sample.rtt)
            self._largest = max(self._largest, sample.rtt)
            if not self._recovering and sample.cwnd_limited:
                self._profile.learn(window / self.mss, sample.rtt)
        if self._next_epoch is None:
            self._slow_start(sample, window)
        elif self._recovering and sample.cwnd_limited:
            self._set_window(self.cwnd + self.mss * sample.acked / self.cwnd, sample.now)

    def _slow_start(self, sample: AckSample, window: float) -> None:
        if sample.rtt is not None and sample.rtt > self.slow_start_delay:
            self._leave_slow_start(sample.now, window)
        elif sample.cwnd_limited:
            self._set_window(self.cwnd + sample.acked, sample.now)

    def _leave_slow_start(self, now: float, window: float) -> None:
        self._estimate = SLOW_START_SHARE * self.bound * self._min_rtt if self._min_rtt < _INFINITY else 0.0
        self._next_epoch = now + self.epoch
        self._next_refresh = now
        self._average = self._largest = 0.0
        self._cut(now, window)

    def _cut(self, now: float, window: float) -> None:
        self._recovering = True
        self._recovery_start = now
        self._set_window(min(self.cwnd, self.beta * window), now)

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self._catch_up(now, most=self.cwnd)
        if in_flight:  # else it is a mark
            self._in_flight = in_flight - lost
        if sent_time <= self._recovery_start:
            return
        window = self._window_at(sent_time)
        if self._next_epoch is None:
            self._leave_slow_start(now, window)
        else:
            self._cut(now, window)
            self._estimate = min(self._estimate, self._profile.delay(self.cwnd / self.mss))

    def on_timeout(self, now: float, in_flight: int) -> None:
        """Start over, as the authors' program does where its profile leads nowhere."""
        self._begin(self.minimum_window * self.mss, now)
        self._in_flight = 0
        self._recovery_start = now

    # The clock.

    def next_timeout(self) -> float | None:
        due = self._next_epoch
        return None if due is None or due - self._last_answer > SLEEP_AFTER else due

    def on_timer(self, now: float) -> None:
        if self.next_timeout() is not None:
            self._catch_up(now)

    def _catch_up(self, now: float, most: float = float("inf")) -> None:
        """Live through the epochs that have ended by now; leave the window at `most` bytes at the most."""
        if self._next_epoch is None or now < self._next_epoch:
            return
        for _ in range(MOST_EPOCHS):
            self._end_epoch(self._next_epoch)
            self._next_epoch += self.epoch
            if now < self._next_epoch:
                break
        else:
            self._next_epoch = now + self.epoch
        if self.cwnd > most:
            self._set_window(most, now)

    def _end_epoch(self, now: float) -> None:
        if self._min_rtt == _INFINITY or (not self._largest and self._in_flight <= 0):
            return
        largest = self._largest or max(self._average, now - self._last_answer)
        self._largest = 0.0
        if not self._average:
            self._average = largest
        if not self._recovering:
            self._aim(largest)
            if now >= self._next_refresh:
                self._next_refresh = now + self.refresh
                self._profile.refresh()
            self._set_window(self._profile.window(self._estimate) * self.mss, now)
        self._limited = False
        self._average = OLD_SHARE * self._average + (1 - OLD_SHARE) * largest

    def _aim(self, largest: float) -> None:
        """Move D_est by what this epoch's largest delay says."""
        least = self._min_rtt
        if self._average > self.bound * least:
            self._estimate = max(least, self._estimate - self.delta2)
            if self._estimate == least and self.cwnd < NEARLY_NOTHING * self.mss:
                self._min_rtt += MIN_RTT_STEP
        elif largest - self._average > NO_CHANGE:
            self._estimate = max(least, self._estimate - self.delta1)
        elif self._limited:
            self._estimate = max(least, self._estimate) + self.delta2

    # Which window was it?

    def _set_window(self, cwnd: float, now: float) -> None:
        before = self.cwnd
        self.cwnd = max(cwnd, self.minimum_window * self.mss)
        if self._next_epoch is not None:
            self.ssthresh = self.cwnd
        if self.cwnd == before:
            return
        if self._windows[-1][0] == now:
            self._windows.pop()
        self._windows.append((now, self.cwnd))

    def _window_at(self, sent_time: float) -> float:
        """Return the window when something was sent, and forget what was before."""
        windows = self._windows
        while len(windows) > 1 and windows[1][0] <= sent_time:
            windows.popleft()
        return windows[0][1]
