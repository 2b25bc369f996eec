"""Rate pull: as much in flight as the path delivers in a round trip, and a small queue on top.

    cwnd = content + rate * delay + headroom,    rate * rtt = cwnd,    content = rate * (rtt - queue)

The fixed point is a queue of `delay` and `headroom` in front of the bottleneck, whatever its rate: no loss
is needed to find it. It is FAST TCP's law (Wei, Jin, Low and Hegde, ToN 2006) with its target in seconds.
The queue is read from the one-way delay, above its minimum, so that load on the way back does not count
(LEDBAT, RFC 6817, section 2). The headroom lets several such flows converge to equal shares. A loss alone
changes nothing; where a round loses more than 2 % (as in BBRv3, draft-ietf-ccwg-bbr, section 5.5.10) the
bottleneck has no room for such a queue, and the target shrinks. The minimum is measured anew when it is old.
"""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample, CongestionController

TOLERATED_LOSS = 0.02
SHRINK = 0.7  # of the target, when a round lost more than that
SMALLEST_SHARE = 0.25
REGROWTH = 0.1  # of the whole target, 1/s
# Loss beyond this is not put down to a bad path: the window falls to what was delivered of it.
MOST_BORNE = 0.1
EMPTY_ROUNDS = 4  # in which the queue was never half the target: the path has more room, slow start finds it
SAMPLES = 8  # that must show a queue before slow start ends (HyStart++, RFC 9406, section 4.3)
BASE_AGE = 10.0  # a least delay older than this (s) is measured anew (BBR's min RTT window)
# So is one by which the queue has not come near its target for so long (s): the way has become longer, or
# somebody else keeps the queue, who would otherwise starve this path.
OUT_OF_REACH = 1.0
NEAR = 2.0  # times the target
DRAIN = 0.9  # of what the path itself contains, for a round trip, so that its queue is seen empty

_INFINITY = float("inf")


class RatePull(CongestionController):
    """What the path delivers in a round trip without its queue, and a little more (own; after FAST TCP, ToN 2006).

    Parameters
        delay: queue to keep in front of the bottleneck, seconds
        headroom: what is in flight on top of that, packets
        initial_window: window at the start, packets (RFC 6928)
        minimum_window: smallest window, packets
    """

    name = "rate-pull"
    keeps_window = True

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
        self._empty = 0  # such rounds one after the other
        self._largest = 0.0  # queue of this round, s
        self._full = 0  # samples one after the other whose queue was larger than the target

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
        if queue <= NEAR * self.delay:
            self._near_time = sample.now
        self._adapt(sample, queue, sample.rtt)

    def _adapt(self, sample: AckSample, queue: float, rtt: float) -> None:
        wanted_queue = self._share * self.delay
        # A window that is not used shows no queue either.
        self._largest = max(self._largest, queue if sample.cwnd_limited else wanted_queue)
        if self.cwnd < self.ssthresh:
            self._full = self._full + 1 if queue > wanted_queue else 0
            if self._full < SAMPLES:
                if sample.cwnd_limited:
                    self.cwnd += sample.acked
                return
            self.ssthresh = self.cwnd
        if self._drain_from is not None:
            self.cwnd = min(self.cwnd, self._drained)
            return
        content = self.cwnd * (rtt - queue) / rtt  # of the path without its queue, bytes
        if self._is_stale(sample.now) and sample.cwnd_limited:
            self._drain_from = self._near_time = sample.now
            self._drained = max(DRAIN * content, self.minimum_window * self.mss)
            return
        wanted = content + self.cwnd * wanted_queue / rtt + self._share * self.headroom * self.mss
        step = (wanted - self.cwnd) * sample.acked / self.cwnd
        if step < 0 or sample.cwnd_limited:
            self.cwnd = max(self.cwnd + min(step, sample.acked), self.minimum_window * self.mss)

    def _is_stale(self, now: float) -> bool:
        """Return whether the least delay may be that of another time."""
        return now - self._base_time > BASE_AGE or now - self._near_time > OUT_OF_REACH

    def _end_round(self, now: float) -> None:
        total = self._acked + self._lost
        loss = self._lost / total if total else 0.0
        if loss > TOLERATED_LOSS:
            self._share = max(SHRINK * self._share, SMALLEST_SHARE)
            kept = 1 - max(0.0, loss - MOST_BORNE)
            self.ssthresh = self.cwnd = max(self.cwnd * kept, self.minimum_window * self.mss)
        else:
            self._share = min(self._share + REGROWTH * (now - self._round_begin), 1.0)
        self._empty = self._empty + 1 if self._share == 1 and self._largest < self.delay / 2 else 0
        if self._empty >= EMPTY_ROUNDS:
            self.ssthresh = _INFINITY
            self._empty = self._full = 0
        self._largest = 0.0
        self._acked = self._lost = 0
        self._round_begin = self._round_end = now

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self._lost += lost

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        self._lost += round(self.cwnd * TOLERATED_LOSS) + 1

    def on_timeout(self, now: float, in_flight: int) -> None:
        self.ssthresh = self.cwnd
        self.cwnd = self.minimum_window * self.mss
