"""What BBR's versions share: a model of bandwidth and least round-trip time, and the window that follows from it.

The window also counts while losses are repaired: for one round trip no more leaves than was delivered, then the
window is what it was (Linux tcp_bbr.c; draft-ietf-ccwg-bbr, section 5.6.4.4).
"""

from __future__ import annotations

from abc import abstractmethod
from random import Random

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.rounds import FULL_GROWTH, FullPipe, Rounds
from mpsim.units import BITS_PER_BYTE

PACING_MARGIN = 0.99  # a little below the model, so that a queue that was built falls
MIN_RTT_WINDOW = 10.0  # s
PROBE_RTT_TIME = 0.2  # s

_INFINITY = float("inf")


class Bottleneck(CongestionController):
    """State and rules that the versions have in common; each says how its model is updated."""

    keeps_window = True
    minimum_window: float
    initial_window: float

    @property
    @abstractmethod
    def bandwidth(self) -> float:
        """The path's bandwidth as the model has it, bit/s."""

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = max(self.initial_window, self.minimum_window) * mss
        self.pacing_rate = None
        self._rounds = Rounds()
        self._pipe = FullPipe()
        self._delivered = 0
        self._acked = 0  # bytes, in this life
        self._min_rtt = _INFINITY  # s
        self._min_rtt_time = now
        self._recovery_start = -1.0
        self._conserving = False  # one round trip after a loss
        self._prior_window: float | None = None  # before a loss or a probe of the round-trip time, bytes
        self._lost_lately = False  # since the last acknowledgement
        self._idle_over = False  # nothing was in flight when the newest was sent
        self._quiet_from = _INFINITY  # the algorithm itself keeps the flight small, s
        self._quiet_until = -1  # and samples are low until so many bytes were delivered
        self._probe_end: float | None = None  # of the probe for the round-trip time, s
        self._probe_round = False  # it has lasted a round trip

    @property
    def _least(self) -> float:
        return self.minimum_window * self.mss

    # The model.

    def _product(self, rate: float, gain: float) -> float:
        """Return a bandwidth-delay product in bytes; without a model the initial window."""
        if self._min_rtt == _INFINITY or not rate:
            return self.initial_window * self.mss
        return gain * rate * self._min_rtt / BITS_PER_BYTE

    def _is_limited(self, sample: AckSample) -> bool:
        """Return whether a rate sample shows less than the path could do: lack of data, or our own restraint."""
        quiet = sample.sent_time >= self._quiet_from and sample.prior_delivered <= self._quiet_until
        return sample.app_limited or quiet

    def _has_queue(self, sample: AckSample) -> bool:
        """Return whether so much is in flight that a rate that does not grow is the path's, lack of data or not.

        An inner TCP that is a little short of the window at times would otherwise keep a tunnel in startup.
        """
        return sample.in_flight > FULL_GROWTH * self._product(self.bandwidth, 1.0)

    def _keep_quiet(self, sample: AckSample, in_flight: int) -> None:
        """Note that samples of what is sent now will be low by our own doing."""
        if self._quiet_from == _INFINITY or self._quiet_until < sample.delivered:
            self._quiet_from = sample.now
        self._quiet_until = sample.delivered + in_flight

    def _begin_probe(self) -> None:
        """Probe for the least round-trip time; the version keeps the window small meanwhile."""
        self._save_window()
        self._probe_end = None

    def _is_probe_over(self, sample: AckSample, most: float) -> bool:
        """Return whether no more than `most` bytes were in flight for PROBE_RTT_TIME and a round trip."""
        in_flight = sample.in_flight - sample.acked
        self._keep_quiet(sample, in_flight)
        if self._probe_end is None:
            if in_flight <= most:
                self._probe_end = sample.now + PROBE_RTT_TIME
                self._probe_round = False
                self._rounds.begin(sample.delivered)
            return False
        self._probe_round = self._probe_round or self._rounds.started
        return self._probe_round and sample.now > self._probe_end

    def on_sent(self, now: float, size: int, in_flight: int) -> None:
        if in_flight <= size:
            self._idle_over = True

    def _set_pacing(self, rate: float, gain: float, srtt: float) -> None:
        """Pace by the model; faster only, until the pipe was full."""
        if not rate:
            if srtt:
                self.pacing_rate = gain * self.cwnd * BITS_PER_BYTE / srtt
            return
        wanted = gain * rate * PACING_MARGIN
        if self._pipe.reached or self.pacing_rate is None or wanted > self.pacing_rate:
            self.pacing_rate = wanted

    # The window.

    def _set_window(self, sample: AckSample, target: float) -> None:
        """Grow by what was delivered, up to the target; after a loss keep what is in flight for a round trip."""
        self._acked += sample.acked
        if self._conserving and sample.sent_time > self._recovery_start:
            self._conserving = False
            self._restore_window()
        if self._conserving:
            self.cwnd = max(self.cwnd, sample.in_flight)  # what was in flight less what has left, plus as much
        elif self._pipe.reached:
            self.cwnd = min(self.cwnd + sample.acked, target)
        elif self.cwnd < target or self._acked < self.initial_window * self.mss:
            self.cwnd += sample.acked
        self.cwnd = max(self.cwnd, self._least)

    def _save_window(self) -> None:
        self._prior_window = max(self.cwnd, self._prior_window or 0.0)

    def _restore_window(self) -> None:
        if self._prior_window is not None:
            self.cwnd = max(self.cwnd, self._prior_window)
            self._prior_window = None

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self._lost_lately = True
        if sent_time > self._recovery_start:
            if not self._conserving:
                self._save_window()
            self._conserving = True
            self._recovery_start = now
            self._rounds.begin(self._delivered)
            self.cwnd = min(self.cwnd, float(in_flight))
        if self._conserving:
            self.cwnd = max(self.cwnd - lost, self._least)

    def on_loss_undone(self, now: float) -> None:
        if self._conserving:
            self._conserving = False
            self._recovery_start = -1.0
            self._restore_window()

    def on_timeout(self, now: float, in_flight: int) -> None:
        self._conserving = False
        self._prior_window = None
        self._recovery_start = now
        self.cwnd = self._least


def drawn(now: float) -> Random:
    """Return a random stream of the moment: flows draw differently, and equal runs draw the same."""
    return Random(round(now * 1e9))
