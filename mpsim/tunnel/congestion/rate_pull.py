"""Rate pull: as much in flight as the path delivers in a round-trip time, and a small queue on top.

    cwnd = rate * (rtt - queue + delay) + headroom,    queue = one-way delay - its minimum

The fixed point is a queue of `delay` (and of `headroom` packets) in front of the bottleneck, whatever its
rate: loss is not needed to find it. It is FAST TCP's law (Wei, Jin, Low and Hegde, ToN 2006) with a target in
seconds. The queue is read from the one-way delay, so that load on the way back does not count (LEDBAT,
RFC 6817, section 2); the headroom is what lets several such flows converge to equal shares. The target
shrinks where the queue overflows before it is reached (more than 2 % lost, as in BBRv3,
draft-ietf-ccwg-bbr, section 5.5.10), and the least delay is measured anew when it is old.
"""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.units import BITS_PER_BYTE

TOLERATED_LOSS = 0.02
SHRINK = 0.7  # of the target, when a round lost more than that
SMALLEST_SHARE = 0.25
REGROWTH = 0.1  # of the whole target, 1/s
# Loss up to here is put down to the path and made up for: the delivered rate is less than the sent one.
MOST_COMPENSATED = 0.1
BASE_AGE = 10.0  # a least delay older than this (s) is measured anew (BBR's min RTT window)
# So is one by which the queue has not come near its target for so long (s): the way has become longer, or
# somebody else keeps the queue, who would otherwise starve this path.
OUT_OF_REACH = 1.0
NEAR = 2.0  # times the target
DRAIN = 0.9  # of what the path itself contains, for a round trip, so that its queue is seen empty

_INFINITY = float("inf")


class RatePull(CongestionController):
    """A window of the delivered rate times the round trip without its queue, and a little more.

    Parameters
        delay: queue to keep in front of the bottleneck, seconds
        headroom: what is in flight on top of that, packets
        initial_window: window at the start, packets (RFC 6928)
        minimum_window: smallest window, packets
    """

    name = "rate-pull"

    def __init__(
        self, *, delay: float = 0.01, headroom: float = 4, initial_window: float = 10, minimum_window: float = 4
    ) -> None:
        self.delay = delay
        self.headroom = headroom
        self.initial_window = initial_window
        self.minimum_window = minimum_window

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = self.initial_window * mss
        self.ssthresh = _INFINITY
        self._base = _INFINITY  # least one-way delay, s; clocks may differ, so only differences mean something
        self._base_time = now
        self._near_time = now  # when the queue was last near its target, s
        self._drain_from: float | None = None  # when what is sent after this is acknowledged the drain is over, s
        self._drained = 0.0  # window of the drain, bytes
        self._share = 1.0  # of the target that the bottleneck's queue has room for
        self._round_end = -1.0  # a round ends when something sent after this time is acknowledged, s
        self._round_begin = now
        self._acked = self._lost = 0  # bytes of this round
        self._loss = 0.0  # ratio, of the round before

    def on_acked(self, sample: AckSample) -> None:
        self._acked += sample.acked
        if sample.sent_time > self._round_end:
            self._end_round(sample.now)
        delay = sample.one_way_delay
        if delay is None or sample.rtt is None:
            return
        if self._drain_from is not None and sample.sent_time > self._drain_from:
            self._drain_from = None
            self._base = _INFINITY
        if delay <= self._base:
            self._base = delay
            self._base_time = sample.now
        queue = delay - self._base
        if queue <= NEAR * (self.delay + self.headroom * self.mss * sample.rtt / self.cwnd):
            self._near_time = sample.now
        self._adapt(sample, queue, sample.rtt)

    def _adapt(self, sample: AckSample, queue: float, rtt: float) -> None:
        wanted_queue = self._share * self.delay
        if self.cwnd < self.ssthresh:
            if queue <= wanted_queue:
                if sample.cwnd_limited:
                    self.cwnd += sample.acked
                return
            self.ssthresh = self.cwnd
        rate = sample.delivery_rate
        # An idle sender's rate says nothing about the path, unless there is a queue all the same.
        if rate is None or (sample.app_limited and queue <= wanted_queue):
            return
        if self._drain_from is not None:
            self.cwnd = min(self.cwnd, self._drained)
            return
        pull = rate / BITS_PER_BYTE / (1 - min(self._loss, MOST_COMPENSATED))  # bytes/s
        if self._is_stale(sample.now):
            self._drain_from = self._near_time = sample.now
            self._drained = max(DRAIN * pull * (rtt - queue), self.minimum_window * self.mss)
            return
        wanted = pull * (rtt - queue + wanted_queue) + self._share * self.headroom * self.mss
        step = (wanted - self.cwnd) * sample.acked / self.cwnd
        if step > 0 and not sample.cwnd_limited:
            return
        self.cwnd = max(self.cwnd + min(step, sample.acked), self.minimum_window * self.mss)

    def _is_stale(self, now: float) -> bool:
        """Return whether the least delay may be that of another time."""
        return now - self._base_time > BASE_AGE or now - self._near_time > OUT_OF_REACH

    def _end_round(self, now: float) -> None:
        total = self._acked + self._lost
        self._loss = self._lost / total if total else 0.0
        if self._loss > TOLERATED_LOSS:
            self._share = max(SHRINK * self._share, SMALLEST_SHARE)
            self.ssthresh = min(self.ssthresh, self.cwnd)
        else:
            self._share = min(self._share + REGROWTH * (now - self._round_begin), 1.0)
        self._acked = self._lost = 0
        self._round_begin = self._round_end = now

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self._lost += lost

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        self._lost += round(self.cwnd * TOLERATED_LOSS) + 1

    def on_timeout(self, now: float, in_flight: int) -> None:
        self.ssthresh = self.cwnd
        self.cwnd = self.minimum_window * self.mss
