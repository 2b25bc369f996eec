"""BBR, version 3: the model of version 1, bounded by losses, and probing at intervals that leave others room.

draft-ietf-ccwg-bbr (Cardwell, Swett and Beshay), whose names of phases are kept. Not taken over: the allowance for
aggregated acknowledgements, and the interpolation of where in a packet train the losses became too many.
"""

from __future__ import annotations

from enum import Enum

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.congestion.bbr3_bounds import BETA, LOSS_THRESHOLD, LongTerm, Sendings, ShortTerm
from mpsim.tunnel.congestion.bottleneck import MIN_RTT_WINDOW, Bottleneck, drawn
from mpsim.tunnel.congestion.filters import WindowedMax
from mpsim.tunnel.congestion.rounds import FullPipe

PROBE_RTT_INTERVAL = 5.0  # s
PROBE_RTT_GAIN = 0.5
STARTUP_LOSSES = 6  # loss events in a round that end startup, if they are too many bytes as well
PROBE_WAIT = 2.0, 3.0  # s, at random
MOST_WAIT_ROUNDS = 63  # a Reno flow of so many packets of window probes as often

_INFINITY = float("inf")


class Phase(Enum):
    """What BBR is about: its gains for pacing and for the window."""

    STARTUP = "startup", 2.77, 2.0
    DRAIN = "drain", 0.5, 2.0
    DOWN = "down", 0.90, 2.0
    CRUISE = "cruise", 1.0, 2.0
    REFILL = "refill", 1.0, 2.0
    UP = "up", 1.25, 2.25
    PROBE_RTT = "probe-rtt", 1.0, PROBE_RTT_GAIN


PROBE_BW = frozenset({Phase.DOWN, Phase.CRUISE, Phase.REFILL, Phase.UP})
PROBING = frozenset({Phase.STARTUP, Phase.REFILL, Phase.UP})


class Bbr3(Bottleneck):
    """BBR that keeps below what lost more than 2 %, and probes every few seconds (draft-ietf-ccwg-bbr).

    Parameters
        extra: what may be in flight on top of the model, packets (Linux: three bursts of two)
        initial_window: window at the start, packets (RFC 6928)
        minimum_window: smallest window, packets
    """

    name = "bbr3"

    def __init__(self, *, extra: float = 6, initial_window: float = 10, minimum_window: float = 4) -> None:
        self.extra = extra
        self.initial_window = initial_window
        self.minimum_window = minimum_window

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.phase = Phase.STARTUP
        self._cycle = 0
        self._bandwidth = WindowedMax(1)  # bit/s, of this cycle and the last
        self._growth = FullPipe()  # while it probes for more
        self._short, self._long, self._sendings = ShortTerm(), LongTerm(), Sendings()
        self._lost = 0  # bytes so far
        self._lost_before = 0  # when this round of losses began
        self._loss_events = 0  # in this round
        self._limited = False  # by lack of data, as of the last sample
        self._samples_count = False  # losses now are those of a probe
        self._stopping = False  # a probe has ended less than a round trip ago
        self._phase_time = now
        self._wait = PROBE_WAIT[0]
        self._rounds_since = 0  # the last probe
        self._probe_rtt = _INFINITY  # least round-trip time lately, s
        self._probe_rtt_time = now

    @property
    def bandwidth(self) -> float:
        """The path's bandwidth as the model has it, bit/s."""
        return min(self._bandwidth.value, self._short.rate)

    def on_sent(self, now: float, size: int, in_flight: int) -> None:
        super().on_sent(now, size, in_flight)
        self._sendings.on_sent(now, in_flight, self._lost)

    def on_acked(self, sample: AckSample) -> None:
        self._delivered = sample.delivered
        self._sendings.on_acked(sample.sent_time)
        self._rounds.on_acked(sample)
        self._rounds_since += self._rounds.started
        self._limited = self._is_limited(sample)
        self._learn(sample)
        self._leave_startup(sample)
        self._advance_cycle(sample)
        self._watch_round_trip(sample)
        if self._short.round_over:
            self._end_loss_round(sample)
        self._idle_over = False
        _, pacing_gain, gain = self.phase.value
        self._set_pacing(self.bandwidth, pacing_gain, sample.srtt)
        self._set_window(sample, self._in_flight_at(gain))
        self._bound_window()

    def _learn(self, sample: AckSample) -> None:
        rate = sample.delivery_rate
        self._short.on_acked(sample)
        if rate is None:
            return
        if rate >= self._bandwidth.value or not self._limited:
            self._bandwidth.update(self._cycle, rate)

    def _end_loss_round(self, sample: AckSample) -> None:
        self._short.end_round(sample, bandwidth=self._bandwidth.value, cwnd=self.cwnd, probing=self.phase in PROBING)
        self._lost_before = self._lost
        self._loss_events = 0

    # Window.

    def _in_flight_at(self, gain: float) -> float:
        """Return a multiple of the bandwidth-delay product, and what bursts need on top, bytes."""
        return self._product(self.bandwidth, gain) + self.extra * self.mss

    def _bound_window(self) -> None:
        most = self._short.window
        if self.phase in {Phase.CRUISE, Phase.PROBE_RTT}:
            most = min(most, self._long.left(self._least, self.mss))
        elif self.phase in PROBE_BW:
            most = min(most, self._long.window)
        if self.phase is Phase.PROBE_RTT:
            most = min(most, self._product(self.bandwidth, PROBE_RTT_GAIN))
        self.cwnd = min(self.cwnd, max(most, self._least))

    # Startup.

    def _leave_startup(self, sample: AckSample) -> None:
        pipe = self._pipe
        if self.phase is Phase.STARTUP:
            if sample.delivery_rate is not None and (not self._limited or self._has_queue(sample)):
                pipe.look(sample.delivery_rate, round_started=self._rounds.started)
            if self._short.round_over and self._loss_events >= STARTUP_LOSSES:
                lost = self._lost - self._lost_before
                if lost > LOSS_THRESHOLD * (lost + self._short.delivered):
                    pipe.reached = True
                    self._long.window = max(self._product(self.bandwidth, 1.0), float(self._short.delivered))
            if pipe.reached:
                self.phase = Phase.DRAIN
        if self.phase is Phase.DRAIN and sample.in_flight - sample.acked <= self._in_flight_at(1.0):
            self._begin_down(sample.now)

    # The cycle.

    def _advance_cycle(self, sample: AckSample) -> None:
        if not self._pipe.reached:
            return
        self._adapt_long_term(sample)
        in_flight = sample.in_flight - sample.acked
        if self.phase in {Phase.DOWN, Phase.CRUISE}:
            if self._is_time_to_probe(sample.now):
                self._begin_refill()
            elif self.phase is Phase.DOWN and self._has_come_down(in_flight):
                self.phase = Phase.CRUISE
        elif self.phase is Phase.REFILL:
            if self._rounds.started:
                self._begin_up(sample)
        elif self.phase is Phase.UP:
            self._watch_growth(sample)

    def _adapt_long_term(self, sample: AckSample) -> None:
        if self._stopping and self._rounds.started:
            self._stopping = self._samples_count = False
            if self.phase in PROBE_BW and not self._limited:
                self._cycle += 1
        long = self._long
        if long.window == _INFINITY or self._is_too_much():
            return
        long.window = max(long.window, float(self._sendings.in_flight))
        if self.phase is Phase.UP and sample.cwnd_limited and self.cwnd >= long.window:
            long.raise_by(sample.acked, self.mss)
            if self._rounds.started:
                long.steepen(self.cwnd, self.mss)

    def _is_too_much(self) -> bool:
        """Return whether more than 2 % of what was in flight with the newest acknowledged packet is lost."""
        return self._lost - self._sendings.lost > LOSS_THRESHOLD * self._sendings.in_flight

    def _is_time_to_probe(self, now: float) -> bool:
        packets = min(self._product(self.bandwidth, 1.0), self.cwnd) / self.mss
        return now - self._phase_time > self._wait or self._rounds_since >= min(packets, MOST_WAIT_ROUNDS)

    def _has_come_down(self, in_flight: int) -> bool:
        if in_flight > self._long.left(self._least, self.mss):
            return False
        # By the bandwidth that was seen, not by what lossy rounds have left of it (as Linux has it, too).
        return in_flight <= self._product(self._bandwidth.value, 1.0) + self.extra * self.mss

    def _watch_growth(self, sample: AckSample) -> None:
        rate = sample.delivery_rate or 0.0
        if sample.cwnd_limited and self.cwnd >= self._long.window:
            self._growth.again(rate)  # the bound is in the way, not the path
            return
        if not self._limited:
            self._growth.look(rate, round_started=self._rounds.started)
        if self._growth.reached:
            self._begin_down(sample.now)

    def _begin_down(self, now: float) -> None:
        random = drawn(now)
        self.phase = Phase.DOWN
        self._phase_time = now
        self._wait = random.uniform(*PROBE_WAIT)
        self._rounds_since = random.randrange(2)
        self._stopping = True
        self._long.begin_slope()
        self._rounds.begin(self._delivered)

    def _begin_refill(self) -> None:
        self.phase = Phase.REFILL
        self._short.forget()
        self._long.begin_slope()
        self._rounds.begin(self._delivered)

    def _begin_up(self, sample: AckSample) -> None:
        self.phase = Phase.UP
        self._samples_count = True
        self._growth.again(sample.delivery_rate or 0.0)
        self._long.steepen(self.cwnd, self.mss)
        self._rounds.begin(self._delivered)

    # The least round-trip time.

    def _watch_round_trip(self, sample: AckSample) -> None:
        now, rtt = sample.now, sample.rtt
        due = now > self._probe_rtt_time + PROBE_RTT_INTERVAL
        if rtt is not None and (rtt < self._probe_rtt or due):
            self._probe_rtt = rtt
            self._probe_rtt_time = now
        if self._probe_rtt < self._min_rtt or now > self._min_rtt_time + MIN_RTT_WINDOW:
            self._min_rtt = self._probe_rtt
            self._min_rtt_time = now
        if due and not self._idle_over and self.phase is not Phase.PROBE_RTT:
            self.phase = Phase.PROBE_RTT
            self._begin_probe()
            self._stopping = True
            self._rounds.begin(self._delivered)
        if self.phase is Phase.PROBE_RTT:
            self._probe_round_trip(sample)

    def _probe_round_trip(self, sample: AckSample) -> None:
        if self._is_probe_over(sample, max(self._product(self.bandwidth, PROBE_RTT_GAIN), self._least)):
            self._probe_rtt_time = sample.now
            self._restore_window()
            self._short.forget()
            if self._pipe.reached:
                self._begin_down(sample.now)
                self.phase = Phase.CRUISE
            else:
                self.phase = Phase.STARTUP

    # Losses.

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        super().on_lost(now, lost, sent_time, in_flight)
        self._lost += lost
        self._loss_events += 1
        self._short.lossy = True
        if self._samples_count and self._is_too_much():
            self._samples_count = False
            if not self._limited:
                target = min(self._product(self.bandwidth, 1.0), self.cwnd)
                self._long.window = max(float(self._sendings.in_flight), BETA * target)
            if self.phase is Phase.UP:
                self._begin_down(now)

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        self._short.lossy = True

    def on_loss_undone(self, now: float) -> None:
        super().on_loss_undone(now)
        self._short.lossy = False
