"""Recent rate: as much in flight as the path has lately delivered in its least round trip, and a little longer.

    cwnd = (1 + growth * vacancy) * most delivered within (base + delay), of the last `memory`, + headroom
    vacancy = 1 where the queue was empty, 0 from a queue of `delay` on

What a path delivered is counted by the times of arrival, as feedback echoes them: a slow way back, or answers that come
in a bunch, change nothing. At a constant rate the queue settles at `delay`. Where it was empty for a while the window
grows faster than by what `delay` adds in a round trip, as far as the queue lets it. Random loss changes nothing.
Windows from a recent delivery rate are the idea of BBR (draft-ietf-ccwg-bbr) and, for cellular links, of Sprout
(Winstein et al., NSDI 2013); this rule has neither phases nor a model.

While a call shares the path `delay`, `cut`, `growth` and `headroom` shrink to their `calm` part: a call suffers by a
queue more than a bulk flow by a smaller window; and a burst is then not counted whole. So small a window has no room
for what feedback tells late, by a queue on the way back: half of that is added to the interval. On a tunnel's only path
all four are twice as large: no packet of another path waits there for what is queued.

A queue that stays beyond `cut` proves that the rate has fallen: what was counted before is forgotten. Memory does not
age while nothing arrives, so that a path that was silent goes on as before; it ages slowly while the window is not
the limit, so that a path which nobody used keeps its window.

A link that serves in bursts (LTE under load is silent for 50 to 300 ms between them) makes everything wait for the next
burst, however few packets there are: half of how long the path was silent lately is added to `cut`.
"""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.congestion.filters import WindowedMax, WindowedMin

INFINITY = float("inf")
UNUSED = 0.1  # how fast memory ages while the window is not the limit
MOST_AGING = 0.02  # s, by one arrival, however long it took
STANDING = 0.05  # s, in which the smallest queue is what stands there
BURSTY = 0.05  # s of silence, from which on a link counts as one that serves in bursts
LONGEST_SILENCE = 0.3  # s; a longer one is an outage, and says nothing about the next bursts
SILENCE_MEMORY = 1.0  # s
CALMER = 0.6  # of `calm` where a link serves in bursts: what a call finds waiting there costs it another silence
CALL_CUT = 0.1  # s, what `cut` is at most while a call shares the path, before its `calm` part is taken
ALONE = 2.0  # of `delay`, `cut`, `growth` and `headroom` on a tunnel's only path
HALF = 0.5  # of a silence is what a packet waits for its end in the mean; of late feedback, what calls can stand
SAMPLES = 4  # in a row that show a queue beyond `delay` end the beginning (as HyStart++, RFC 9406, wants several)
BASE_AGE = 10.0  # a least round trip older than this (s) is measured anew (BBR's min RTT window)
OUT_OF_REACH = 1.5  # so is one that no round trip came near for so long (s): the way has become longer
NEAR = 1.25  # of base + delay
DRAIN = 0.9  # of what the path holds without a queue, for a round trip, so that its queue is seen empty


class RecentRate(CongestionController):
    """What the path lately delivered in its least round trip and a little longer, whatever is lost (own; after BBR).

    Parameters
        delay: queue to keep in front of the bottleneck, seconds
        memory: how long the largest count holds, seconds
        cut: standing queue beyond which older counts are forgotten, seconds
        growth: of the window while there is no queue, ratio
        headroom: on top, packets
        calm: part of `delay`, `cut`, `growth` and `headroom` that is left while a call shares the path, ratio
        initial_window: window at the start, packets (RFC 6928)
        minimum_window: smallest window, packets
    """

    name = "recent-rate"
    positive = ("memory",)
    keeps_window = True
    heeds_calls = True

    def __init__(  # a rule of so many numbers
        self,
        *,
        delay: float = 0.02,
        memory: float = 0.2,
        cut: float = 0.12,
        growth: float = 0.3,
        headroom: float = 1,
        calm: float = 0.3,
        initial_window: float = 10,
        minimum_window: float = 2,
    ) -> None:
        self.delay = delay
        self.memory = memory
        self.cut = cut
        self.growth = growth
        self.headroom = headroom
        self.calm = calm
        self.initial_window = initial_window
        self.minimum_window = minimum_window

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = self.initial_window * mss
        self.ssthresh = INFINITY
        self._base = INFINITY  # least round trip, s
        self._base_time = self._near_time = now
        self._least_delay = INFINITY  # one way, s; clocks may differ, so only differences mean something
        self._drain_from: float | None = None  # when what is sent after this is acknowledged the drain is over, s
        self._full = 0  # samples in a row that showed a queue
        self._arrivals: deque[tuple[float, int]] = deque()  # (s, bytes delivered by then)
        self._age = 0.0  # position in the memory, s
        self._counts = WindowedMax(self.memory)
        self._queues = WindowedMin(STANDING)
        self._silences = WindowedMax(SILENCE_MEMORY)

    def on_acked(self, sample: AckSample) -> None:
        if sample.rtt is None:
            return
        usual = ALONE if self.alone else 1.0
        self._update_base(sample, sample.rtt, usual * self.delay)
        arrived = sample.now if sample.one_way_delay is None else sample.sent_time + sample.one_way_delay
        if self._arrivals:
            arrived = max(arrived, self._arrivals[-1][0])
        silence = self._silence(arrived, sample)
        calls = sample.now < self.calls_until
        part = self._part(silence) if calls else usual
        queue = self._queue(sample, sample.rtt)
        standing = self._queues.update(arrived, queue)
        late = HALF * max(0.0, sample.rtt - self._base - queue) if calls else 0.0
        count = self._count(arrived, sample, self._base + part * self.delay + late, whole=not calls)
        allowed = part * min(self.cut, CALL_CUT) if calls else part * self.cut + HALF * silence
        if standing > allowed:
            self._counts = WindowedMax(self.memory)
        most = self._counts.update(self._age, count)
        if self.cwnd < self.ssthresh:
            self._full = self._full + 1 if queue > self.delay else 0
            if self._full < SAMPLES:
                if sample.cwnd_limited:
                    self.cwnd += sample.acked
                return
            self.ssthresh = self.cwnd
        if self._drain_from is None:
            room = part * self.delay
            vacancy = max(0.0, 1 - standing / room) if room else float(standing <= 0)
            gain = 1 + part * self.growth * vacancy
            self.cwnd = max(gain * most + part * self.headroom * self.mss, self.minimum_window * self.mss)

    def _part(self, silence: float) -> float:
        """Return the part of everything that is left while a call shares the path."""
        return self.calm * CALMER if silence else self.calm

    def _count(self, arrived: float, sample: AckSample, interval: float, *, whole: bool) -> float:
        """Return the bytes that arrived within `interval` before `arrived` (s).

        whole: what a silence ended with is not spread over it.
        """
        arrivals = self._arrivals
        if arrivals:
            since = min(arrived - arrivals[-1][0], MOST_AGING)
            self._age += since * (1.0 if sample.cwnd_limited else UNUSED)
        arrivals.append((arrived, sample.delivered))
        begin = arrived - interval
        while len(arrivals) > 1 and arrivals[1][0] <= begin:
            arrivals.popleft()
        first, before = arrivals[0]
        if first > begin:
            return float(sample.delivered - before + sample.acked)
        if whole and len(arrivals) > 1 and arrivals[1][0] - first >= BURSTY:
            return float(sample.delivered - before)
        return (sample.delivered - before) * interval / (arrived - first)

    def _silence(self, arrived: float, sample: AckSample) -> float:
        """Return how long the path lately delivered nothing of what was on its way (s); 0: too short to count."""
        if not self._arrivals:
            return 0.0
        reached = sample.sent_time + self._base / 2  # the bottleneck, at the soonest
        silent = arrived - max(self._arrivals[-1][0], reached)
        longest = self._silences.update(arrived, min(max(silent, 0.0), LONGEST_SILENCE))
        return longest if longest >= BURSTY else 0.0

    def _queue(self, sample: AckSample, rtt: float) -> float:
        """Return how long the path's queue delayed what was just acknowledged (s)."""
        delay = sample.one_way_delay
        if delay is None:
            return rtt - self._base
        self._least_delay = min(self._least_delay, delay)
        return delay - self._least_delay

    def _update_base(self, sample: AckSample, rtt: float, room: float) -> None:
        now = sample.now
        if self._drain_from is not None and sample.sent_time > self._drain_from:
            self._drain_from = None
            self._base = self._least_delay = INFINITY
        if rtt <= self._base:
            self._base = rtt
            self._base_time = now
        if rtt <= NEAR * (self._base + room):
            self._near_time = now
        stale = now - self._base_time > BASE_AGE or now - self._near_time > OUT_OF_REACH
        if stale and self._drain_from is None and sample.cwnd_limited:
            self._drain_from = self._near_time = self._base_time = now
            self.cwnd = max(DRAIN * self.cwnd * min(self._base / rtt, 1.0), self.minimum_window * self.mss)

    def on_timeout(self, now: float, in_flight: int) -> None:
        self.ssthresh = self.cwnd
        self.cwnd = self.minimum_window * self.mss
        self._counts = WindowedMax(self.memory)
