"""The sending half of a path: its window and pacing, and what feedback says of what it sent (flight.py, delivery.py).

Its life and its round-trip time are in liveness.py. On the way up a path's congestion control starts anew:
what it knew is about another time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mpsim.tunnel.congestion.base import CongestionController
from mpsim.tunnel.datagrams import OVERHEAD, Data, Feedback
from mpsim.tunnel.delivery import Delivery
from mpsim.tunnel.flight import Flight
from mpsim.tunnel.liveness import DEAD_AFTER, PROBE_ACTIVE, Liveness
from mpsim.tunnel.loss_detection import NEVER, LossDetection
from mpsim.tunnel.loss_history import LossHistory
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.repair.ledger import Ledger
from mpsim.tunnel.wire import MICROSECONDS, SEQUENCE_MASK
from mpsim.units import BITS_PER_BYTE

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
        "_losses",
        "_marks",
        "_next_send",
        "_tell_sent",
        "acked_datagrams",
        "budget",
        "bytes_in_flight",
        "clocked",
        "congestion",
        "control_bytes",
        "control_datagrams",
        "cwnd",
        "delivery",
        "delivery_rate",
        "flight",
        "index",
        "last_sent",
        "leapt",
        "ledger",
        "lost_datagrams",
        "metric",
        "mss",
        "name",
        "next_control",
        "next_sequence",
        "one_way_delay",
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
        self.mss = mss
        super().__init__(dead_after)
        self.delivery_rate = 0.0
        self.one_way_delay = NEVER  # last seen, s; clocks may differ, so that only two paths' can be compared
        self.bytes_in_flight = 0
        self.queue: deque[tuple[Packet, int, int, int]] = deque()  # (packet, class, sequence, flags)
        self.queued_bytes = 0
        self.next_sequence = 0
        self.next_control = 0  # numbering of feedback, skip and probe
        self.flight = Flight(detection)
        self.delivery = Delivery()
        self._losses = LossHistory()
        self._next_send = 0.0  # pacing
        self.last_sent = -NEVER
        self.leapt = -NEVER  # when the clock leapt: what was sent before tells no round-trip time
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
    def delivered(self) -> int:
        """Bytes acknowledged so far."""
        return self.delivery.delivered

    @property
    def loss_ratio(self) -> float:
        """How many of the last few hundred datagrams were lost, 0 to 1."""
        return self._losses.ratio

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
        return self._losses.interval(self.delivery.delivered)

    def can_send(self, size: int, now: float, *, ahead: bool = False) -> bool:
        """Return whether an inner packet of `size` bytes would leave at once.

        ahead: it need not wait for this path's own queue, being its head or a repair.
        """
        if not self.up or (self.queue and not ahead):
            return False
        size += self.overhead
        if (self.bytes_in_flight + size > self.cwnd and self.bytes_in_flight) or size > self.budget:
            return False
        return self.congestion.pacing_rate is None or self._next_send <= now

    def can_carry(self, size: int) -> bool:
        """Return whether an inner packet of `size` bytes may leave whatever the window says, being a call's."""
        return self.up and size + self.overhead <= self.budget

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
        delivery = self.delivery
        if not self.bytes_in_flight:
            delivery.on_idle_over(now)
        if self.waiting_since == NEVER:
            self.wait_for_answer(now)
        sent.time = now
        delivery.note(sent)
        self.flight.sent.append(sent)
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
        return self.flight.after(number)

    def heard(self, now: float) -> None:
        """Take note of proof that what is sent on this path arrives."""
        flight = self.flight
        if flight.sent or flight.missing:
            self.waiting_since = now
            self.grace = self.dead_after
        else:
            self.waiting_since = NEVER

    def on_feedback(self, feedback: Feedback, now: float) -> tuple[int, Sequence[Data]]:
        """Read feedback about this path; return the bytes newly acknowledged and what is lost.

        Raises ValueError if it acknowledges what was never sent.
        """
        acked, largest = self.flight.take_acked(feedback, self.next_sequence)
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
        return acked_bytes, self._take_lost(now) if self.flight.missing else ()

    def _on_acked(self, acked: list[Data], feedback: Feedback, largest: int, now: float) -> int:
        newest = acked[-1]
        rtt = None
        if newest.path_sequence == largest and newest.time >= self.leapt:
            held = ((feedback.sent_us - feedback.received_us) & SEQUENCE_MASK) / MICROSECONDS
            self.update_rtt(now - newest.time - held)
            rtt = self.latest_rtt
        in_flight = self.bytes_in_flight
        size = 0
        for sent in acked:
            size += sent.size
        self.acked_datagrams += len(acked)
        self.bytes_in_flight = in_flight - size
        delivery = self.delivery
        delivery.delivered += size
        sample = delivery.on_delivered(newest, now, self.min_rtt)
        rate = sample.delivery_rate
        if rate is not None and (rate > self.delivery_rate or not newest.app_limited):
            self.delivery_rate = rate
        congestion = self.congestion
        cwnd = congestion.cwnd
        sample.rtt = rtt
        sample.acked = size
        sample.srtt = self.srtt
        sample.one_way_delay = self.one_way_delay = (
            (feedback.received_us - feedback.echo_us) & SEQUENCE_MASK
        ) / MICROSECONDS
        # In slow start half a window counts as using it (RFC 9002, section 7.8; Linux tcp_is_cwnd_limited).
        sample.cwnd_limited = in_flight + 2 * self.mss >= cwnd if cwnd >= congestion.ssthresh else 2 * in_flight >= cwnd
        sample.in_flight = in_flight
        congestion.on_acked(sample)
        self.cwnd = congestion.cwnd
        losses = self._losses
        if losses.ratio:
            losses.count(len(acked), 0)
        if losses.in_recovery:
            losses.on_acked(newest.time)
        return size

    def _take_lost(self, now: float) -> Sequence[Data]:
        lost = self.flight.sift(self, now)
        if lost:
            self._on_lost(lost, now)
        return lost

    def _on_lost(self, lost: Sequence[Data], now: float) -> None:
        size = sum(sent.size for sent in lost)
        self.congestion.on_lost(now, size, lost[-1].time, self.bytes_in_flight)
        self.cwnd = self.congestion.cwnd
        self.bytes_in_flight -= size
        self.lost_datagrams += len(lost)
        self._losses.count(0, len(lost))
        self._losses.on_lost(lost[-1].time, self.delivery.delivered, now)

    def on_probe_answered(self, following: int, now: float) -> Sequence[Data]:
        """Count what was sent before an answered probe as passed over; return what is lost by that.

        following: path sequence of the datagram after the probe. By time alone it could not be told from one before.
        """
        self.heard(now)
        self.flight.pass_over(following)
        return self._take_lost(now)

    def on_time(self, now: float) -> Sequence[Data]:
        """Return what is lost by the clock."""
        lost = self._take_lost(now) if self.flight.lost_at <= now else ()
        late = self.flight.overdue(self, now)
        if late:
            self._on_lost(late, now)
            lost = [*lost, *late]
        if self.clocked:
            self.congestion.on_timer(now)
            self.cwnd = self.congestion.cwnd
        return lost

    def next_timeout(self) -> float:
        """Return when something of this path is due (s)."""
        deadline = min(self.probe_at(), self.flight.deadline(self))
        if self.up:
            deadline = min(deadline, self.waiting_since + self.grace)
            if self.clocked:
                deadline = min(deadline, self.clock())
        return deadline

    def clock(self) -> float:
        """Return when the congestion control's own clock is to tick (s)."""
        due = self.congestion.next_timeout()
        return NEVER if due is None else due

    def go_down(self, now: float) -> list[Data]:
        """Stop using the path; return what was in flight, which nobody waits for any longer."""
        given_up = self.flight.clear()
        self.lost_datagrams += len(given_up)
        self.bytes_in_flight = 0
        self.waiting_since = NEVER
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
