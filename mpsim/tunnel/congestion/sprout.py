"""Sprout (Winstein, Sivaraman and Balakrishnan, NSDI 2013): as much as will surely be delivered in 100 ms.

Deliveries are taken for a Poisson process whose rate wanders (sprout_forecast.py). Every tick (20 ms) the distribution
of the rate takes in how much was delivered; the window is what will be delivered in the next `look_ahead` ticks with
all but the probability `doubt`. Losses say nothing.

The authors' receiver counts and forecasts, and sends forecasts for 8 ticks, which its sender uses up until the next one
comes (sproutconn.cc). Here the sender itself counts what is acknowledged, so a forecast is never older than a tick,
and what it believes to wait in the queue is what is in flight. A tick without deliveries counts if an answer was due
in all of it: something in flight had been sent a round-trip time before. (Theirs counts unless the sender has
announced a pause.) By its nature it cannot fill a path whose round trip takes longer than it looks ahead, nor one
faster than the model knows (max_rate).
"""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.sprout_forecast import RateModel, rate_model

MOST_TICKS = 250  # that are caught up with at once: after so many nothing is known any more


class Sprout(CongestionController):
    """A window by a cautious forecast of what a cellular link will deliver (Winstein et al., NSDI 2013).

    Parameters
        tick: how often deliveries are counted, seconds
        look_ahead: ticks in which what is in flight is to arrive, count
        doubt: that less arrives, probability
        max_rate: fastest rate of the model, packets/s
        bins: rates that the model distinguishes, count
        volatility: how far the rate wanders in a second (standard deviation), packets/s
        outage_escape: how often an outage ends, 1/s
        minimum_window: smallest window, packets
    """

    name = "sprout"
    positive = ("tick", "look_ahead", "doubt", "max_rate", "bins")
    keeps_window = True

    def __init__(
        self,
        *,
        tick: float = 0.02,
        look_ahead: int = 5,
        doubt: float = 0.05,
        max_rate: float = 1000.0,
        bins: int = 256,
        volatility: float = 200.0,
        outage_escape: float = 1.0,
        minimum_window: float = 1,
    ) -> None:
        self.tick = tick
        self.look_ahead = look_ahead
        self.doubt = doubt
        self.max_rate = max_rate
        self.bins = bins
        self.volatility = volatility
        self.outage_escape = outage_escape
        self.minimum_window = minimum_window

    def _model(self) -> RateModel:
        # Large, equal for all of the same parameters, and not to be sent to worker processes.
        return rate_model(self.max_rate, self.bins, self.volatility, self.outage_escape, self.tick, self.look_ahead)

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self._belief = self._model().anything()
        self._tick_end = now + self.tick
        self._delivered = 0  # bytes of this tick
        self._unanswered: deque[float] = deque()  # when what is in flight was sent, s
        self.cwnd = self._window()

    def _window(self) -> float:
        count = self._model().least_deliveries(self._belief, self.doubt)
        return max(count, self.minimum_window) * self.mss

    def on_sent(self, now: float, size: int, in_flight: int) -> None:
        self._unanswered.append(now)

    def on_acked(self, sample: AckSample) -> None:
        self._advance(sample.now)
        self.srtt = sample.srtt
        self._delivered += sample.acked
        self._forget(sample.sent_time)

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self._forget(sent_time)

    def on_timeout(self, now: float, in_flight: int) -> None:
        self._unanswered.clear()

    def _forget(self, sent_time: float) -> None:
        """Wait no longer for what was sent up to a time: what comes back comes back in order, or is lost."""
        unanswered = self._unanswered
        while unanswered and unanswered[0] <= sent_time:
            unanswered.popleft()

    def next_timeout(self) -> float | None:
        return self._tick_end if self._unanswered else None

    def on_timer(self, now: float) -> None:
        if self._unanswered:
            self._advance(now)

    def _advance(self, now: float) -> None:
        """Live through the ticks that have ended by now."""
        if now < self._tick_end:
            return
        for _ in range(MOST_TICKS):
            self._end_tick(self._tick_end)
            self._tick_end += self.tick
            if now < self._tick_end:
                break
        else:
            self._tick_end = now + self.tick
        self.cwnd = self._window()

    def _end_tick(self, now: float) -> None:
        model = self._model()
        self._belief = model.evolved(self._belief)
        due = bool(self._unanswered) and 0 < self.srtt <= now - self.tick - self._unanswered[0]
        if self._delivered or due:
            # A part of a packet is one: only a whole tick without any is an outage.
            count = max(round(self._delivered / self.mss), 1) if self._delivered else 0
            self._belief = model.observed(self._belief, count)
        self._delivered = 0
