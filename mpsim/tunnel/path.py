"""The sending half of a path: window, delivery rate, flight, losses (liveness.py: its life and round-trip time).

On the way up a path's congestion control starts anew: what it knew is about another time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.liveness import DEAD_AFTER, PROBE_ACTIVE, Liveness
from mpsim.tunnel.loss_detection import NEVER, LossDetection
from mpsim.tunnel.loss_history import LossHistory
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.repair.ledger import Ledger
from mpsim.tunnel.wire import MICROSECONDS, OVERHEAD, SEQUENCE_MASK, Data, Feedback, expand
from mpsim.units import BITS_PER_BYTE

# How fast `loss_ratio` follows: of the last 256 datagrams.
LOSS_GAIN = 1 / 256
# Pacing may catch up this much after the caller came late (s).
PACING_SLACK = 0.001


class Path(Liveness):
    """One path, as its sender and the scheduler see it (satisfies PathView).

    Parameters
        index, name: its number on the wire and the link's name
        metric: paths of a higher metric are used when no lower one is up
        congestion, detection: parts of its own
        mss: IP bytes of a full datagram on the wire
        overhead: of them, what is not inner packet
        budget: bytes that the transport takes now; `Endpoint.on_path_writable` says anew. Control
            datagrams are never held back, and may bring it below zero
        dead_after: without a sign of life it is down (s)
    """

    __slots__ = (  # more than thirty attributes: a dictionary would no longer share its keys
        "_delivered_time",
        "_first_sent",
        "_flight",
        "_largest_acked",
        "_losses",
        "_marks",
        "_missing",
        "_next_send",
        "_sample",
        "_tell_sent",
        "acked_datagrams",
        "app_limited",
        "budget",
        "bytes_in_flight",
        "clocked",
        "congestion",
        "control_bytes",
        "control_datagrams",
        "cwnd",
        "delivered",
        "delivery_rate",
        "detection",
        "index",
        "last_sent",
        "leapt",
        "ledger",
        "loss_ratio",
        "lost_at",
        "lost_datagrams",
        "metric",
        "mss",
        "name",
        "next_control",
        "next_sequence",
        "overhead",
        "queue",
        "queued_bytes",
        "reinjected",
        "retransmitted",
        "sent_bytes",
        "sent_datagrams",
    )

    def __init__(
        self,
        index: int,
        *,
        congestion: CongestionController,
        detection: LossDetection,
        mss: int,
        name: str = "",
        metric: int = 0,
        overhead: int = OVERHEAD,
        budget: float = NEVER,
        dead_after: float = DEAD_AFTER,
    ) -> None:
        self.index, self.name, self.metric = index, name, metric
        self.overhead = overhead
        self.budget = budget
        self.congestion = congestion
        self.detection = detection
        self.mss = mss
        super().__init__(dead_after)
        self.delivery_rate = 0.0
        self.loss_ratio = 0.0
        self.bytes_in_flight = 0
        self.queue: deque[tuple[Packet, int, int, int]] = deque()  # (packet, class, sequence, flags)
        self.queued_bytes = 0
        self.next_sequence = 0
        self.next_control = 0  # numbering of feedback, skip and probe
        self._flight: deque[Data] = deque()
        self._missing: list[Data] = []  # passed over by feedback, not lost yet
        self._losses = LossHistory()
        self.lost_at = NEVER  # when one of `_missing` is lost by time
        self._largest_acked = -1
        self.delivered = 0
        self._delivered_time = 0.0
        self._first_sent = 0.0
        # Application-limited until this many bytes are delivered; 0: not. The endpoint sets it when
        # there is room in the window and nothing to send.
        self.app_limited = 0
        self._next_send = 0.0  # pacing
        self.last_sent = -NEVER
        self.leapt = -NEVER  # when the clock leapt: what was sent before tells no round-trip time
        self._sample = AckSample()
        self._marks = 0
        # Counters for the result.
        self.sent_datagrams = self.sent_bytes = self.lost_datagrams = 0
        self.control_datagrams = self.control_bytes = 0
        self.acked_datagrams = 0
        self.retransmitted = self.reinjected = 0  # of the datagrams sent: repetitions of lost, of stalled ones
        self.ledger = Ledger()  # of packets that are on their way more than once; a tunnel's paths share one
        congestion.start(mss, 0.0)
        # A copy, kept wherever the algorithm was told something: it is asked for with every packet.
        self.cwnd = congestion.cwnd
        # Most algorithms do not want to hear of every packet.
        self._tell_sent = type(congestion).on_sent is not CongestionController.on_sent
        self.clocked = type(congestion).next_timeout is not CongestionController.next_timeout

    @property
    def ssthresh(self) -> float:
        """Slow-start threshold in bytes."""
        return self.congestion.ssthresh

    @property
    def pacing_rate(self) -> float | None:
        """What the congestion control spreads packets to, bit/s; None: it does not."""
        return self.congestion.pacing_rate

    @property
    def in_recovery(self) -> bool:
        """Whether something was lost and nothing sent since was acknowledged."""
        return self._losses.in_recovery

    @property
    def last_loss(self) -> float:
        """When a loss was last noticed (s)."""
        return self._losses.last

    @property
    def loss_interval(self) -> int:
        """Bytes between losses: the last two, or since the last."""
        return self._losses.interval(self.delivered)

    def can_send(self, size: int, now: float) -> bool:
        """Return whether an inner packet of `size` bytes would leave at once."""
        if not self.up or self.queue:
            return False
        size += self.overhead
        if (self.bytes_in_flight + size > self.cwnd and self.bytes_in_flight) or size > self.budget:
            return False
        return self.congestion.pacing_rate is None or self._next_send <= now

    def window_open(self, size: int, now: float) -> bool:
        """Return whether the head of this path's own queue, `size` bytes, may leave."""
        if not self.up:
            return False
        size += self.overhead
        if (self.bytes_in_flight + size > self.cwnd and self.bytes_in_flight) or size > self.budget:
            return False
        return self.congestion.pacing_rate is None or self._next_send <= now

    def pacing_timeout(self) -> float:
        """Return when pacing lets the next packet go (s)."""
        return NEVER if self.congestion.pacing_rate is None else self._next_send

    def pacing_alarm(self, now: float) -> float:
        """Return when pacing, if it holds packets back, lets the next one go (s)."""
        later = self.pacing_timeout()
        return later if now < later else NEVER

    def transmit(
        self, packet: Packet, cls: int, sequence: int, flags: int, epoch: int, now: float, now_us: int
    ) -> Data:
        """Number an inner packet for this path, and take note of its leaving now."""
        number = self.next_sequence
        sent = Data(epoch, self.index, number, now_us, cls, sequence, packet, flags, 0, 0, self.overhead)
        self.send(sent, now)
        return sent

    def send(self, sent: Data, now: float) -> None:
        """Take note that a datagram which has this path's next number leaves now."""
        self.next_sequence = sent.path_sequence + 1
        size = sent.size
        self.budget -= size
        if not self.bytes_in_flight:
            self._first_sent = self._delivered_time = now
        if self.waiting_since == NEVER:
            self.wait_for_answer(now)
        sent.time = now
        sent.delivered = self.delivered
        sent.delivered_time = self._delivered_time
        sent.first_sent = self._first_sent
        sent.app_limited = self.app_limited > 0
        self._flight.append(sent)
        self.bytes_in_flight += size
        self.sent_datagrams += 1
        self.sent_bytes += size
        self.last_sent = now
        congestion = self.congestion
        if self._tell_sent:
            congestion.on_sent(now, size, self.bytes_in_flight)
            self.cwnd = congestion.cwnd
        if congestion.pacing_rate is not None:
            begin = max(self._next_send, now - PACING_SLACK)
            self._next_send = begin + size * BITS_PER_BYTE / congestion.pacing_rate

    def flight_after(self, number: int) -> list[Data]:
        """Return what is in flight beyond path sequence `number`, the oldest first; not what feedback passed over."""
        return [sent for sent in self._flight if sent.path_sequence > number]

    def heard(self, now: float) -> None:
        """Take note of proof that what is sent on this path arrives."""
        if self._flight or self._missing:
            self.waiting_since = now
            self.grace = self.dead_after
        else:
            self.waiting_since = NEVER

    def on_feedback(self, feedback: Feedback, now: float) -> tuple[int, Sequence[Data]]:  # noqa: C901  # hot
        """Read feedback about this path; return the bytes newly acknowledged and what is lost.

        Raises ValueError if it acknowledges what was never sent.
        """
        ranges = feedback.ranges
        largest = ranges[0][1]
        shift = 0
        if not self._largest_acked <= largest < self.next_sequence:
            shift = expand(largest, self._largest_acked) - largest
            largest += shift
            if largest >= self.next_sequence or largest < 0:
                raise ValueError("acknowledges what was never sent")
        horizon = largest
        if self.detection.negative:
            horizon = expand(feedback.ack, largest) - 1
        acked = self._take_acked(ranges, shift, horizon)
        if largest > self._largest_acked:
            self._largest_acked = largest
        self.heard(now)
        acked_bytes = 0
        if acked:
            if self.ledger.entries:
                self.ledger.on_acked(acked)
            acked_bytes = self._on_acked(acked, feedback, largest, now)
        if feedback.marks and feedback.marks != self._marks:
            self._marks = feedback.marks
            self.congestion.on_congestion_mark(now, acked[-1].time if acked else now)
            self.cwnd = self.congestion.cwnd
        if self._missing:
            return acked_bytes, self._sift(now)
        self.lost_at = NEVER
        return acked_bytes, ()

    def _take_acked(self, ranges: Sequence[tuple[int, int]], shift: int, horizon: int) -> list[Data]:
        """Take from the flight what `ranges` contain up to `horizon`, the oldest first."""
        flight = self._flight
        acked: list[Data] = []
        if not self._missing and flight and flight[0].path_sequence >= ranges[0][0] + shift:
            while flight and flight[0].path_sequence <= horizon:
                acked.append(flight.popleft())
            return acked
        candidates = self._missing
        while flight and flight[0].path_sequence <= horizon:
            candidates.append(flight.popleft())
        if not candidates:
            return acked
        kept: list[Data] = []
        ascending = ranges[::-1]
        position, count = 0, len(ascending)
        for sent in candidates:
            number = sent.path_sequence - shift
            while position < count and ascending[position][1] < number:
                position += 1
            if position < count and ascending[position][0] <= number:
                acked.append(sent)
            else:
                kept.append(sent)
        self._missing = kept
        return acked

    def _on_acked(self, acked: list[Data], feedback: Feedback, largest: int, now: float) -> int:
        newest = acked[-1]
        sample = self._sample
        sample.rtt = None
        if newest.path_sequence == largest and newest.time >= self.leapt:
            held = ((feedback.sent_us - feedback.received_us) & SEQUENCE_MASK) / MICROSECONDS
            self.update_rtt(now - newest.time - held)
            sample.rtt = self.latest_rtt
        in_flight = self.bytes_in_flight
        size = 0
        for sent in acked:
            size += sent.size
        self.acked_datagrams += len(acked)
        self.bytes_in_flight = in_flight - size
        delivered = self.delivered = self.delivered + size
        self._delivered_time = now
        self._first_sent = sent_time = newest.time
        interval = now - newest.delivered_time
        if sent_time - newest.first_sent > interval:
            interval = sent_time - newest.first_sent
        sample.delivery_rate = None
        if interval >= self.min_rtt:
            rate = (delivered - newest.delivered) * BITS_PER_BYTE / interval
            sample.delivery_rate = rate
            if rate > self.delivery_rate or not newest.app_limited:
                self.delivery_rate = rate
        if self.app_limited and delivered > self.app_limited:
            self.app_limited = 0
        congestion = self.congestion
        cwnd = congestion.cwnd
        sample.now = now
        sample.acked = size
        sample.sent_time = sent_time
        sample.min_rtt = self.min_rtt
        sample.srtt = self.srtt
        sample.one_way_delay = ((feedback.received_us - feedback.echo_us) & SEQUENCE_MASK) / MICROSECONDS
        sample.app_limited = newest.app_limited
        # In slow start half a window counts as using it (RFC 9002, section 7.8; Linux tcp_is_cwnd_limited).
        sample.cwnd_limited = in_flight + 2 * self.mss >= cwnd if cwnd >= congestion.ssthresh else 2 * in_flight >= cwnd
        sample.in_flight = in_flight
        sample.delivered = delivered
        sample.prior_delivered = newest.delivered
        congestion.on_acked(sample)
        self.cwnd = congestion.cwnd
        if self.loss_ratio:
            self.loss_ratio *= max(0.0, 1 - LOSS_GAIN * len(acked))
            self._losses.on_acked(sent_time)
        return size

    def _sift(self, now: float) -> list[Data]:
        lost, self.lost_at = self.detection.sift(self._missing, self._largest_acked, self, now)
        if lost:
            self._on_lost(lost, now)
        return lost

    def _on_lost(self, lost: list[Data], now: float) -> None:
        size = sum(sent.size for sent in lost)
        self.congestion.on_lost(now, size, lost[-1].time, self.bytes_in_flight)
        self.cwnd = self.congestion.cwnd
        self.bytes_in_flight -= size
        self.lost_datagrams += len(lost)
        self.loss_ratio += min(1.0, LOSS_GAIN * len(lost)) * (1 - self.loss_ratio)
        self._losses.on_lost(lost[-1].time, self.delivered, now)

    def on_probe_answered(self, sent_time: float, now: float) -> Sequence[Data]:
        """Count what was sent before an answered probe as passed over; return what is lost by that."""
        self.heard(now)
        flight = self._flight
        while flight and flight[0].time < sent_time:
            self._missing.append(flight.popleft())
        return self._sift(now) if self._missing else ()

    def on_time(self, now: float) -> Sequence[Data]:
        """Return what is lost by the clock."""
        lost: list[Data] = []
        if self._missing and self.lost_at <= now:
            lost = self._sift(now)
        late = self.detection.overdue(self._flight, self, now) if self._flight else []
        if late:
            self._on_lost(late, now)
            lost = [*lost, *late]
        if self.clocked:
            self.congestion.on_timer(now)
            self.cwnd = self.congestion.cwnd
        return lost

    def next_timeout(self) -> float:
        """Return when something of this path is due (s)."""
        deadline = min(self.probe_at(), self.lost_at)
        if self.up:
            deadline = min(deadline, self.waiting_since + self.grace)
            if self._flight:
                deadline = min(deadline, self.detection.deadline(self._flight[0], self))
            if self.clocked:
                deadline = min(deadline, self.clock())
        return deadline

    def clock(self) -> float:
        """Return when the congestion control's own clock is to tick (s)."""
        due = self.congestion.next_timeout()
        return NEVER if due is None else due

    def go_down(self, now: float) -> list[Data]:
        """Stop using the path; return what was in flight, which nobody waits for any longer."""
        given_up = [*self._missing, *self._flight]
        self._missing.clear()
        self._flight.clear()
        self.lost_datagrams += len(given_up)
        self.bytes_in_flight = 0
        self.lost_at = self.waiting_since = NEVER
        self.up = False
        self.congestion.pause()
        self.down_since = now
        self.next_probe = now
        self.downs += 1
        return given_up

    def come_up(self, now: float) -> None:
        """Use the path again, from the beginning."""
        self.up = True
        self.waiting_since = NEVER
        self.next_probe = now + PROBE_ACTIVE
        self._next_send = now
        self.congestion.start(self.mss, now)
        self.cwnd = self.congestion.cwnd
