"""PCC Vivace (Dong et al., NSDI 2018): sends at a rate, looks at what that was worth, and goes where it is worth more.

Time is cut into monitor intervals (vivace_interval.py has the utility U of one, with the rate x in Mbit/s).

    starting   the rate doubles as long as U rises, then goes back to the one before
    probing    four intervals at x (1 + eps), x (1 - eps), x (1 - eps), x (1 + eps); if both pairs say the same
               direction the rate moves there, otherwise they are repeated
    moving     x changes by theta0 * ((rounds + 1) / 2)^1.2 * dU/dx Mbit/s, at most (omega + d k) x, where k counts how
               often that bound was met in a row and falls by one where it was not; when U falls the last step is
               taken back and the rate probed again

Constants are those of the authors' pcc_vivace_sender.cpp (PCC-Uspace). There a step has at least 0.5 Mbit/s whatever
the rate; here not more than the bound. Their order of high and low in a pair is random; here it is fixed. While a
result is not there yet the rate stays, and what is sent counts for nothing; so does an interval in which the sender
had too little to send. A window of twice what the rate puts on its way is a limit for when nothing comes back.

Where an interval has 20 packets one lost by chance is 5 % of them: beyond 1 % of such loss the rate wanders. A rate
that has dropped is found as slowly as the steps allow, each as long as the round trip with its queue has become.
"""

from __future__ import annotations

from collections import deque
from math import pow  # noqa: A004  # of floats alone
from typing import Literal

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.vivace_interval import MonitorInterval
from mpsim.units import BITS_PER_BYTE

MEGABIT = 1e6  # bit
AMPLIFIER_EXPONENT = 1.2
WINDOW = 2.0  # times what the rate sends in a round trip
PROBES = 4
# A loss is noticed with the third packet behind the lost one: what was sent so much later has been answered before
# an interval is judged (packets; round trips).
LATE_PACKETS = 4
LATE_ROUNDS = 0.25
USED = 0.8  # of the rate, or the interval says nothing

Phase = Literal["starting", "probing", "moving"]


class Vivace(CongestionController):
    """A rate that climbs the gradient of throughput less delay growth and loss (Dong et al., NSDI 2018).

    Parameters
        latency: weight of the growth of the round-trip time (b), ratio
        loss: weight of the loss (c), ratio
        exponent: of the rate in the utility, ratio
        gradient_floor: growth of the round-trip time that is taken for noise, ratio
        epsilon: how far probes are from the rate, ratio
        theta: conversion of a gradient to a step, Mbit/s
        omega: largest step at first, ratio
        omega_step: by how much that bound grows when it is met (d), ratio (NSDI 2018: 0.1)
        least_step: smallest step, bit/s
        minimum_rate: smallest rate, bit/s
        interval: length of a monitor interval, round trips
        interval_packets: least packets of one, packets
        initial_window: window before a round-trip time is known, packets (RFC 6928)
        minimum_window: smallest window, packets
    """

    name = "vivace"
    keeps_window = True

    def __init__(
        self,
        *,
        latency: float = 900.0,
        loss: float = 11.35,
        exponent: float = 0.9,
        gradient_floor: float = 0.02,
        epsilon: float = 0.05,
        theta: float = 1.0,
        omega: float = 0.05,
        omega_step: float = 0.05,
        least_step: float = 5e5,
        minimum_rate: float = 1e5,
        interval: float = 1.0,
        interval_packets: float = 20,
        initial_window: float = 10,
        minimum_window: float = 4,
    ) -> None:
        self.latency = latency
        self.loss = loss
        self.exponent = exponent
        self.gradient_floor = gradient_floor
        self.epsilon = epsilon
        self.theta = theta
        self.omega = omega
        self.omega_step = omega_step
        self.least_step = least_step
        self.minimum_rate = minimum_rate
        self.interval = interval
        self.interval_packets = interval_packets
        self.initial_window = initial_window
        self.minimum_window = minimum_window

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = max(self.initial_window, self.minimum_window) * mss
        self.ssthresh = float("inf")
        self.pacing_rate = None
        self.rate = 0.0  # bit/s; 0: no round-trip time is known yet
        self._phase: Phase = "starting"
        self._plan: deque[float] = deque()  # rates to be tried, bit/s
        self._current: MonitorInterval | None = None
        self._unjudged: deque[MonitorInterval] = deque()
        self._answered = -1.0  # when what the acknowledgement before the last one answered was sent, s
        self._results: list[tuple[float, float]] = []  # of this probing: (rate, utility)
        self._last = (0.0, 0.0)  # rate and utility that the next one is compared with
        self._direction = 1
        self._rounds = 1  # in this direction
        self._bounded = 0  # k

    # What is told.

    def on_sent(self, now: float, size: int, in_flight: int) -> None:
        if not self.rate:
            return
        current = self._current
        if current is None or now >= current.end:
            current = self._current = self._next_interval(now)
            self.pacing_rate = current.rate
        current.sent += size
        current.last_sent = now

    def on_acked(self, sample: AckSample) -> None:
        self.srtt = sample.srtt
        if not self.rate:
            if sample.rtt is None:
                return
            self._set_rate(self.cwnd * BITS_PER_BYTE / sample.srtt)
            self._try(self.rate)
        late = LATE_ROUNDS * self.srtt
        while self._unjudged:
            oldest = self._unjudged[0]
            if self._answered <= oldest.last_sent + late + LATE_PACKETS * self.mss * BITS_PER_BYTE / oldest.rate:
                break
            self._judge(self._unjudged.popleft())
        interval = self._interval_of(sample.sent_time)
        if interval is not None:
            if sample.rtt is not None:
                interval.add_rtt(sample.sent_time, sample.rtt)
            interval.idle = interval.idle or sample.app_limited
        self._answered = sample.sent_time
        self.cwnd = max(WINDOW * self.rate * self.srtt / BITS_PER_BYTE, self.minimum_window * self.mss)

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        interval = self._interval_of(sent_time)
        if interval is None and self._unjudged and sent_time < self._unjudged[0].begin:
            interval = self._unjudged[0]  # its own was judged already
        if interval is not None:
            interval.lost += lost

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        self.on_lost(now, self.mss, sent_time, 0)

    def on_timeout(self, now: float, in_flight: int) -> None:
        self.cwnd = min(self.cwnd, self.minimum_window * self.mss)
        if self.rate:
            self._unjudged.clear()
            self._set_rate(self.rate / 2)
            self._probe()

    # Intervals.

    def _next_interval(self, now: float) -> MonitorInterval:
        rate = self._plan.popleft() if self._plan else 0.0
        wanted = rate or self.rate
        packets = self.interval_packets * self.mss * BITS_PER_BYTE / wanted
        made = MonitorInterval(wanted, now, now + max(self.interval * self.srtt, packets))
        if rate:
            self._unjudged.append(made)
        return made

    def _interval_of(self, sent_time: float) -> MonitorInterval | None:
        for one in self._unjudged:
            if one.begin <= sent_time <= one.last_sent:
                return one
        return None

    def _try(self, *rates: float) -> None:
        """Plan intervals at these rates, from the next packet on."""
        self._plan.clear()
        self._plan.extend(rates)
        self._current = None
        self.pacing_rate = rates[0]

    # Decisions.

    def _judge(self, done: MonitorInterval) -> None:
        used = done.sent * BITS_PER_BYTE >= USED * done.rate * (done.end - done.begin)
        if done.idle or not used:
            self._repeat()
            return
        utility = done.utility(self.exponent, self.latency, self.loss, self.gradient_floor)
        if self._phase == "starting":
            self._start_up(done.rate, utility)
        elif self._phase == "probing":
            self._results.append((done.rate, utility))
            if len(self._results) == PROBES:
                self._decide()
        else:
            self._move_on(done.rate, utility)

    def _repeat(self) -> None:
        """Try again: an interval said nothing."""
        self._unjudged.clear()
        if self._phase == "starting":
            self._try(self.rate)
        else:
            self._probe()

    def _start_up(self, rate: float, utility: float) -> None:
        if utility > self._last[1]:
            self._last = (rate, utility)
            self._set_rate(2 * self.rate)
            self._try(self.rate)
        else:
            self._set_rate(self.rate / 2)
            self._probe()

    def _probe(self) -> None:
        self._phase = "probing"
        self._results = []
        high, low = self.rate * (1 + self.epsilon), self.rate * (1 - self.epsilon)
        self._try(high, low, low, high)

    def _decide(self) -> None:
        (high, first_high), (low, first_low), (_, second_low), (_, second_high) = self._results
        gains = (first_high - first_low, second_high - second_low)
        if (gains[0] > 0) != (gains[1] > 0):
            self._probe()
            return
        up = gains[0] > 0
        self._direction = 1 if up else -1
        self._last = (high, second_high) if up else (low, second_low)
        self._rounds = 1
        self._bounded = 0
        self._phase = "moving"
        gradient = abs(sum(gains)) / 2 / ((high - low) / MEGABIT)
        self._set_rate(self._last[0])
        self._set_rate(self.rate + self._direction * self._step(gradient))
        self._try(self.rate)

    def _move_on(self, rate: float, utility: float) -> None:
        risen, gained = (rate - self._last[0]) / MEGABIT, utility - self._last[1]
        gradient = abs(gained / risen) if risen else 0.0
        if risen * gained * self._direction > 0:
            self._rounds += 1
            self._last = (rate, utility)
            self._set_rate(self.rate + self._direction * self._step(gradient))
            self._try(self.rate)
        else:
            self._rounds = 1
            self._set_rate(self.rate - self._direction * self._step(gradient))
            self._probe()

    def _step(self, gradient: float) -> float:
        """Return by how much the rate is to change for a gradient (1 / (Mbit/s)), bit/s."""
        wanted = self.theta * MEGABIT * gradient * pow((self._rounds + 1) / 2, AMPLIFIER_EXPONENT)
        bound = (self.omega + self.omega_step * self._bounded) * self.rate
        if wanted > bound:
            self._bounded += 1
        elif self._bounded:
            self._bounded -= 1
        return min(max(wanted, self.least_step), bound)

    def _set_rate(self, rate: float) -> None:
        self.rate = max(rate, self.minimum_rate)
