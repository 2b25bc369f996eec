"""BBR, version 1: a model of the path instead of an answer to losses.

Cardwell, Cheng, Gunn, Yeganeh and Jacobson, ACM Queue 14(5), 2016; draft-cardwell-iccrg-bbr-congestion-control-00;
constants as in Linux (tcp_bbr.c). Left out are Linux's detection of policers (which needs a fifth of all packets lost)
and its allowance for aggregated acknowledgements.
"""

from __future__ import annotations

from enum import Enum

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.congestion.bottleneck import MIN_RTT_WINDOW, Bottleneck, drawn
from mpsim.tunnel.congestion.filters import WindowedMax

HIGH_GAIN = 2.885  # 2/ln 2: the least that doubles each round
DRAIN_GAIN = 0.35  # about its inverse
CYCLE = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
BANDWIDTH_ROUNDS = 10
UP_MORE = 2  # packets on top while it probes for more, so that the flight can grow at all


class Phase(Enum):
    """What BBR is about."""

    STARTUP = 1
    DRAIN = 2
    PROBE_BW = 3
    PROBE_RTT = 4


GAINS = {Phase.STARTUP: HIGH_GAIN, Phase.DRAIN: DRAIN_GAIN, Phase.PROBE_RTT: 1.0}


class Bbr(Bottleneck):
    """Paces at the largest delivery rate seen, two bandwidth-delay products in flight (Cardwell et al., 2016).

    Parameters
        cwnd_gain: in flight at most, times the bandwidth-delay product, ratio
        extra: what may be in flight on top of that, packets (Linux: three bursts of two)
        initial_window: window at the start, packets (RFC 6928)
        minimum_window: smallest window, also while it probes for the least round-trip time, packets
    """

    name = "bbr"

    def __init__(
        self, *, cwnd_gain: float = 2.0, extra: float = 6, initial_window: float = 10, minimum_window: float = 4
    ) -> None:
        self.cwnd_gain = cwnd_gain
        self.extra = extra
        self.initial_window = initial_window
        self.minimum_window = minimum_window

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.phase = Phase.STARTUP
        self._bandwidth = WindowedMax(BANDWIDTH_ROUNDS)  # bit/s, by rounds
        self._step = 0  # of the cycle
        self._step_time = now

    @property
    def bandwidth(self) -> float:
        """The path's bandwidth as the model has it, bit/s."""
        return self._bandwidth.value

    @property
    def pacing_gain(self) -> float:
        """How much faster than the model it paces now."""
        if self.phase is Phase.PROBE_BW:
            return CYCLE[self._step]
        return GAINS[self.phase]

    def on_acked(self, sample: AckSample) -> None:
        self._delivered = sample.delivered
        self._rounds.on_acked(sample)
        limited = self._is_limited(sample)
        rate = sample.delivery_rate
        if rate is not None and (rate >= self.bandwidth or not limited):
            self._bandwidth.update(self._rounds.count, rate)
        self._advance_cycle(sample)
        if self._rounds.started and not self._pipe.reached and (not limited or self._has_queue(sample)):
            self._pipe.look(self.bandwidth, round_started=True)
        self._leave_startup(sample)
        self._watch_round_trip(sample)
        self._lost_lately = self._idle_over = False
        self._set_pacing(self.bandwidth, self.pacing_gain, sample.srtt)
        gain = HIGH_GAIN if self.phase in {Phase.STARTUP, Phase.DRAIN} else self.cwnd_gain
        self._set_window(sample, self._in_flight_at(gain))
        if self.phase is Phase.PROBE_RTT:
            self.cwnd = min(self.cwnd, self._least)

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        """Version 1 does not look at marks."""

    def _in_flight_at(self, gain: float) -> float:
        """Return a multiple of the bandwidth-delay product, and what bursts need on top, bytes."""
        more = self.extra + (UP_MORE if self.phase is Phase.PROBE_BW and not self._step else 0)
        return self._product(self.bandwidth, gain) + more * self.mss

    def _advance_cycle(self, sample: AckSample) -> None:
        if self.phase is not Phase.PROBE_BW:
            return
        over = sample.now - self._step_time > self._min_rtt
        gain = CYCLE[self._step]
        if gain > 1:
            over = over and (self._lost_lately or sample.in_flight >= self._in_flight_at(gain))
        elif gain < 1:
            over = over or sample.in_flight <= self._in_flight_at(1.0)
        if over:
            self._step = (self._step + 1) % len(CYCLE)
            self._step_time = sample.now

    def _leave_startup(self, sample: AckSample) -> None:
        if self.phase is Phase.STARTUP and self._pipe.reached:
            self.phase = Phase.DRAIN
        if self.phase is Phase.DRAIN and sample.in_flight - sample.acked <= self._in_flight_at(1.0):
            self._begin_cycle(sample.now)

    def _begin_cycle(self, now: float) -> None:
        self.phase = Phase.PROBE_BW
        # At any step but the slow one, so that flows do not probe all at once.
        self._step = (drawn(now).randrange(2, len(CYCLE) + 1)) % len(CYCLE)
        self._step_time = now

    def _watch_round_trip(self, sample: AckSample) -> None:
        expired = sample.now > self._min_rtt_time + MIN_RTT_WINDOW
        if sample.rtt is not None and (sample.rtt <= self._min_rtt or expired):
            self._min_rtt = sample.rtt
            self._min_rtt_time = sample.now
        if expired and not self._idle_over and self.phase is not Phase.PROBE_RTT:
            self.phase = Phase.PROBE_RTT
            self._begin_probe()
        if self.phase is Phase.PROBE_RTT and self._is_probe_over(sample, self._least):
            self._min_rtt_time = sample.now
            self._restore_window()
            if self._pipe.reached:
                self._begin_cycle(sample.now)
            else:
                self.phase = Phase.STARTUP
