"""Copa (Arun and Balakrishnan, NSDI 2018): a rate of 1 / (delta * queueing delay), found by small steps.

At the fixed point 1/delta packets of queue, whose empty moments show the least round-trip time. Against flows
that fill the buffer it makes delta smaller, additively in 1/delta, and larger again by loss (section 2.2). What
the paper leaves open is as in its authors' code (genericCC) and in mvfst, both read for the rule. Its queue swings
with a period of five round trips; where feedback comes late, or few packets are a window, a swing takes longer, and
the paper's five round trips without an empty queue are too few to tell its own queue from another's.
"""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.filters import WindowedMax, WindowedMin
from mpsim.units import BITS_PER_BYTE

LEAST_RTT_WINDOW = 10.0  # s, in which the queue was empty at least once
STANDING_SHARE = 0.5  # of srtt: the standing round-trip time is the least of so long
PACING_GAIN = 2.0
SAME_DIRECTION = 3  # round trips before the velocity doubles
# Section 2.2: a queue below a tenth of its range over 4 round trips is nearly empty.
NEARLY_EMPTY = 0.1
RANGE_ROUNDS = 4
# Packets of our own. On a slow link one is more than that tenth, and a smaller one has set the least round-trip time.
OWN_PACKETS = 1.25


class Copa(CongestionController):
    """Keeps about 1/delta packets of queue; competes when it must (Arun and Balakrishnan, NSDI 2018).

    Parameters
        delta: weight of delay against throughput, the inverse of the queue to keep in packets, ratio
        competitive: compete when the queue never empties
        patience: so long without a nearly empty queue until it competes, round trips (the paper: 5)
        initial_window: window at the start, packets
        minimum_window: smallest window, packets
    """

    name = "copa"
    positive = ("delta",)
    keeps_window = True

    def __init__(
        self,
        *,
        delta: float = 0.5,
        competitive: bool = True,
        patience: float = 12,
        initial_window: float = 10,
        minimum_window: float = 2,
    ) -> None:
        self.delta = delta
        self.competitive = competitive
        self.patience = patience
        self.initial_window = initial_window
        self.minimum_window = minimum_window

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = max(self.initial_window, self.minimum_window) * mss
        self.pacing_rate = None
        self._least = WindowedMin(LEAST_RTT_WINDOW)
        self._standing = WindowedMin(0.0)
        self._largest = WindowedMax(0.0)
        self._slow_start = True
        self._velocity = 1.0
        self._direction = 1  # 1: up, -1: down
        self._same = 0  # round trips in this direction
        self._round_end = -1.0  # a round ends when something sent after this time is acknowledged, s
        self._window_before = self.cwnd  # at the beginning of the round
        self._filled_rounds = 0  # since the queue was nearly empty
        self._used_delta = self.delta
        self._recovery_start = -1.0
        self._halved_in_round = False

    def on_acked(self, sample: AckSample) -> None:
        if sample.rtt is None:
            return
        now = sample.now
        least = self._least.update(now, sample.rtt)
        standing = self._standing.update(now, sample.rtt, STANDING_SHARE * sample.srtt)
        queue = standing - least
        self._watch_queue(sample, sample.rtt, least)
        if sample.sent_time > self._round_end:
            self._end_round(now)
        # Whether a window a standing round trip is less than the target: a packet in `delta` queueing delays.
        below = self.cwnd / self.mss * self._used_delta * queue <= standing
        if self._slow_start and not below:
            # What is seen now was done a round trip ago, by half the window. The paper leaves it at that; the queue of
            # several flows that all were too fast takes them so long to empty that each believes in a buffer filler.
            self._slow_start = False
            self.cwnd = max(self.cwnd / 2, self.minimum_window * self.mss)
            self._filled_rounds = 0
        if self._slow_start:
            if sample.cwnd_limited:
                self.cwnd += sample.acked
        else:
            self._step(1 if below else -1, sample)
        self.pacing_rate = PACING_GAIN * self.cwnd * BITS_PER_BYTE / standing

    def _step(self, direction: int, sample: AckSample) -> None:
        window = self.cwnd / self.mss
        if direction != self._direction and self._velocity > 1:
            self._velocity = 1.0  # at once, not only at the end of the round (mvfst)
            self._direction = direction
            self._same = 0
        if direction > 0 and not sample.cwnd_limited:
            return
        while self._velocity > 1 and self._velocity >= self._used_delta * window:
            self._velocity /= 2  # at most one packet an acknowledged one (genericCC)
        change = self._velocity * sample.acked / (self._used_delta * window)
        change = min(change, sample.acked)
        self.cwnd = max(self.cwnd + direction * change, self.minimum_window * self.mss)

    def _end_round(self, now: float) -> None:
        self._round_end = now
        self._filled_rounds += 1
        if not self._slow_start:
            direction = 1 if self.cwnd > self._window_before else -1
            if direction == self._direction:
                self._same += 1
                if self._same >= SAME_DIRECTION:
                    self._velocity *= 2
            else:
                self._direction = direction
                self._same = 0
                self._velocity = 1.0
        self._window_before = self.cwnd
        if not self._halved_in_round and self._used_delta < self.delta:
            self._used_delta = 1 / (1 / self._used_delta + 1)
        self._halved_in_round = False

    def _watch_queue(self, sample: AckSample, rtt: float, least: float) -> None:
        self._largest.window = RANGE_ROUNDS * sample.srtt
        largest = self._largest.update(sample.now, rtt)
        own = self.cwnd / self.mss * (rtt - least) / rtt  # packets
        if rtt - least <= NEARLY_EMPTY * (largest - least) or own <= OWN_PACKETS:
            self._filled_rounds = 0
        if not self.competitive or self._filled_rounds <= self.patience:
            self._used_delta = self.delta
        elif self._used_delta >= self.delta:
            self._used_delta = 1 / (1 / self.delta + 1)

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        if sent_time <= self._recovery_start:
            return
        self._recovery_start = now
        self._slow_start = False
        self._halved_in_round = True
        self._used_delta = min(2 * self._used_delta, self.delta)

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        self.on_lost(now, 0, sent_time, 0)

    def on_timeout(self, now: float, in_flight: int) -> None:
        self.cwnd = self.minimum_window * self.mss
        self._recovery_start = now
        self._slow_start = True
        self._velocity = 1.0
        self._same = 0
