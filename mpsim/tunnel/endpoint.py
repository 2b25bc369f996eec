"""START HERE: one end of the tunnel, as a state machine without input, output or clock.

    receive_packet   ->  +----------+  ->  datagrams_to_send(now)
    receive_datagram ->  | Endpoint |  ->  packets_to_deliver(now)
    handle_timeout   ->  +----------+  ->  next_timeout()

A packet's way, which is also the order of this file: ingress queue of its class -> tunnel sequence ->
scheduler -> path (window, pacing, path sequence, time) -> wire ... wire -> path receiver (feedback)
-> reorder buffer of its class -> delivery. `pump` is all that a driver has to do after telling an
endpoint something; both worlds use it.

The clock is the caller's: `now` is in seconds and never runs backwards. Calling `handle_timeout` early
is harmless; `next_timeout` may answer too early for the same reason, but never too late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random

from mpsim.tunnel.ingress import ClassQueue, Ingress
from mpsim.tunnel.loss_detection import NEVER
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.path import Path
from mpsim.tunnel.receiver import PathReceiver
from mpsim.tunnel.reorder import ReorderBuffer
from mpsim.tunnel.schedulers.base import Scheduler
from mpsim.tunnel.wire import (
    FLAG_COPY,
    FLAG_REPLY,
    MICROSECONDS,
    MOST_SKIP_RANGES,
    SEQUENCE_MASK,
    Data,
    Datagram,
    Feedback,
    Probe,
    Skip,
    WireError,
    decode,
    elapsed,
    expand,
    microseconds,
)

# A path that carried data this short a time ago is probed more often (s).
ACTIVE = 1.0
# Packets that a scheduler may put on one path's own queue before they wait in the ingress queue.
MOST_QUEUED = 1000
_NOTHING: list[Packet] = []

Release = Callable[[Packet], object]


class Endpoint:
    """One association with one other portal.

    Parameters
        paths: in the order of the scenario
        scheduler: which path carries the next packet
        ingress: the queues in front of it
        reorder: makes the reorder buffer of a class, given where released packets go
        epoch: this session's number, 32 random bits
        random: a seeded stream, for the scheduler
        announce: tell the other end what it need not wait for (when it resequences)
    """

    __slots__ = (  # more than thirty attributes: a dictionary would no longer share its keys
        "_alarm",
        "_eligible",
        "_feedback_wanted",
        "_idle_noted",
        "_make_reorder",
        "_negative",
        "_old_epoch",
        "_orphans",
        "_out",
        "_peer_epoch",
        "_probe_number",
        "_queued",
        "_tell_acked",
        "_tell_sent",
        "abandoned_packets",
        "announce",
        "deliverable",
        "delivered_packets",
        "duplicates",
        "epoch",
        "ingress",
        "paths",
        "received_data",
        "received_packets",
        "receivers",
        "rejected",
        "reorder",
        "scheduler",
        "trace_ingress",
        "trace_release",
    )

    def __init__(
        self,
        *,
        paths: Sequence[Path],
        scheduler: Scheduler,
        ingress: Ingress,
        reorder: Callable[[Release], ReorderBuffer],
        epoch: int,
        random: Random,
        announce: bool = True,
    ) -> None:
        self.paths = list(paths)
        self.scheduler = scheduler
        self.ingress = ingress
        self.epoch = epoch
        self.announce = announce
        self._make_reorder = reorder
        self.reorder: dict[int, ReorderBuffer] = {}
        self._negative = any(path.detection.negative for path in paths)
        self.receivers = [PathReceiver(negative=self._negative) for _ in paths]
        self._peer_epoch: int | None = None
        self._old_epoch: int | None = None
        self._eligible: list[Path] = []
        self._orphans: list[tuple[Packet, int, int, int]] = []  # queued on a path that went down
        self._out: list[Datagram] = []
        self.deliverable: list[Packet] = []
        self._queued = 0  # packets on paths' own queues
        self._feedback_wanted = False
        self._alarm = 0.0
        self._probe_number = 0
        self._idle_noted = False
        self.trace_ingress: list[tuple[int, int, float]] | None = None
        self.trace_release: list[tuple[int, int, float]] | None = None
        self.rejected: Counter[str] = Counter()
        self.duplicates = 0
        self.received_data = 0
        self.received_packets = 0
        self.delivered_packets = 0
        # Most schedulers do not want to hear of every packet.
        self._tell_sent = type(scheduler).on_sent is not Scheduler.on_sent
        self._tell_acked = type(scheduler).on_acked is not Scheduler.on_acked
        self.abandoned_packets = 0
        scheduler.attach(self, random)

    # Outwards: from the TUN to the paths.

    def receive_packet(self, packet: Packet, now: float) -> bool:
        """Take an inner packet from the TUN; False: the ingress queue was full (counted there)."""
        self._idle_noted = False
        self.received_packets += 1
        return self.ingress.append(packet, now)

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        """Take what is to be sent now, in order; each datagram's `path` says by which path."""
        if self.ingress.active or self._queued or self._orphans:
            self._schedule(now)
        elif not self._idle_noted:
            self._note_idle()
        if self._feedback_wanted:
            self._feedback_wanted = False
            for receiver, path in zip(self.receivers, self.paths, strict=True):
                if receiver.feedback_due <= now:
                    self._send_feedback(path, receiver, now)
        out = self._out
        if out:
            self._out = []
        return out

    def _note_idle(self) -> None:
        self._idle_noted = True
        for path in self._eligible:
            in_flight = path.bytes_in_flight
            if in_flight + path.mss <= path.cwnd:
                path.app_limited = path.delivered + in_flight or 1

    def _schedule(self, now: float) -> None:  # noqa: C901  # asked for with every packet: written out, not called
        """Give packets to paths until the queue is empty or the scheduler wants to wait."""
        ingress = self.ingress
        active = ingress.active
        select = self.scheduler.select
        eligible = self._eligible
        now_us = int(now * MICROSECONDS) & SEQUENCE_MASK
        if self._queued:
            self._drain(now, now_us)
        if self._orphans:
            self._place_orphans(now, now_us)
        while active:
            queue = ingress.turn() if len(active) > 1 else active[0]
            choice = select(queue.packets[0], eligible, now)
            if choice is None:
                self._note_pacing(now)
                return
            if isinstance(choice, Path):
                if len(choice.queue) >= MOST_QUEUED:
                    return
                packet, sequence = ingress.take(queue)
                if self.trace_ingress is not None:
                    self.trace_ingress.append((queue.cls, sequence, packet.entered))
                if choice.can_send(packet.size, now):
                    self._transmit(choice, packet, queue.cls, sequence, 0, now, now_us)
                else:
                    self._queue_on(choice, packet, queue.cls, sequence, 0)
            elif not self._send_copies(choice, queue, now, now_us):  # type: ignore[arg-type]
                return
        self._note_idle()

    def _send_copies(self, chosen: Sequence[Path], queue: ClassQueue, now: float, now_us: int) -> bool:
        """Give the next packet to several paths; False: one of them has no place for it."""
        if not chosen or any(len(path.queue) >= MOST_QUEUED for path in chosen):
            return False
        packet, sequence = self.ingress.take(queue)
        if self.trace_ingress is not None:
            self.trace_ingress.append((queue.cls, sequence, packet.entered))
        flags = 0
        for path in chosen:
            if path.can_send(packet.size, now):
                self._transmit(path, packet, queue.cls, sequence, flags, now, now_us)
            else:
                self._queue_on(path, packet, queue.cls, sequence, flags)
            flags = FLAG_COPY
        return True

    def _queue_on(self, path: Path, packet: Packet, cls: int, sequence: int, flags: int) -> None:
        path.queue.append((packet, cls, sequence, flags))
        path.queued_bytes += packet.size
        self._queued += 1

    def _transmit(
        self, path: Path, packet: Packet, cls: int, sequence: int, flags: int, now: float, now_us: int
    ) -> None:
        was_empty = not path.bytes_in_flight
        self._out.append(path.transmit(packet, cls, sequence, flags, self.epoch, now, now_us))
        if was_empty:
            self._alarm = min(self._alarm, path.next_timeout())
        if self._tell_sent:
            self.scheduler.on_sent(path, packet, now)

    def _drain(self, now: float, now_us: int) -> None:
        """Send what was put on paths' own queues."""
        for path in self.paths:
            queue = path.queue
            while queue and path.window_open(queue[0][0].size, now):
                packet, cls, sequence, flags = queue.popleft()
                path.queued_bytes -= packet.size
                self._queued -= 1
                self._transmit(path, packet, cls, sequence, flags, now, now_us)
            if queue:
                self._alarm = min(self._alarm, path.pacing_alarm(now))

    def _place_orphans(self, now: float, now_us: int) -> None:
        waiting, self._orphans = self._orphans, []
        for number, (packet, cls, sequence, flags) in enumerate(waiting):
            ready = [path for path in self._eligible if path.can_send(packet.size, now)]
            if not ready:
                self._orphans = waiting[number:]
                return
            path = min(ready, key=lambda path: path.srtt)
            self._transmit(path, packet, cls, sequence, flags, now, now_us)

    def _note_pacing(self, now: float) -> None:
        for path in self._eligible:
            later = path.pacing_timeout()
            if now < later < self._alarm:
                self._alarm = later

    def _send_feedback(self, path: Path, receiver: PathReceiver, now: float) -> None:
        # By its own path, unless that is down in this direction and another is not.
        carrier = path if path.up or not self._eligible else self._eligible[0]
        ack, nack = receiver.wire_ack()
        datagram = Feedback(
            self.epoch,
            carrier.index,
            self._control_sequence(carrier),
            microseconds(now),
            path.index,
            receiver.ranges_to_report(),
            microseconds(receiver.received),
            receiver.echo_us,
            ack,
            nack,
            receiver.marks,
        )
        receiver.feedback_sent()
        self._send_control(carrier, datagram)

    def _control_sequence(self, path: Path) -> int:
        number = path.next_control
        path.next_control = number + 1
        return number

    def _send_control(self, path: Path, datagram: Feedback | Skip | Probe) -> None:
        path.control_datagrams += 1
        path.control_bytes += datagram.size
        self._out.append(datagram)

    # Inwards: from the paths to the TUN.

    def receive_bytes(self, data: bytes, path: int, now: float) -> None:
        """Take a datagram's bytes from a path; what is damaged is counted in `rejected`, never raised."""
        try:
            datagram = decode(data)
        except WireError as error:
            self.rejected[error.cause] += 1
            return
        self.receive_datagram(datagram, path, now)

    def receive_datagram(self, datagram: Datagram, path: int, now: float) -> None:
        """Take a datagram that came in by path number `path`."""
        if datagram.epoch != self._peer_epoch and not self._admit_epoch(datagram):
            self.rejected["epoch"] += 1
            return
        if datagram.path != path:
            self.rejected["path"] += 1
            return
        if isinstance(datagram, Data):
            self._receive_data(datagram, path, now)
        elif isinstance(datagram, Feedback):
            self._receive_feedback(datagram, now)
        elif isinstance(datagram, Probe):
            self._receive_probe(datagram, path, now)
        else:
            self._receive_skip(datagram, now)

    def _admit_epoch(self, datagram: Datagram) -> bool:
        """Take the other end's first epoch, or a new one (it has restarted); an earlier one is stale."""
        if datagram.epoch == self._old_epoch:
            return False
        self._old_epoch = self._peer_epoch
        self._peer_epoch = datagram.epoch
        if self._old_epoch is not None:
            self.receivers = [PathReceiver(negative=self._negative) for _ in self.paths]
            self.reorder.clear()
        return True

    def _receive_data(self, datagram: Data, path: int, now: float) -> None:  # noqa: C901  # asked for with every packet: written out, not called
        receiver = self.receivers[path]
        number = datagram.path_sequence
        if number != receiver.expected:
            number = expand(number, receiver.expected)
        if number < 0 or not receiver.receive(number, datagram.size, datagram.sent_us, now):
            self.rejected["replayed"] += 1
            return
        if receiver.feedback_due <= now:
            self._feedback_wanted = True
        elif receiver.feedback_due < self._alarm:
            self._alarm = receiver.feedback_due
        if self._negative:
            self._alarm = min(self._alarm, receiver.next_timeout(self.paths[path].srtt))
        self.received_data += 1
        buffer = self.reorder.get(datagram.cls)
        if buffer is None:
            buffer = self.reorder[datagram.cls] = self._make_reorder(self.deliverable.append)
        sequence = datagram.tunnel_sequence
        if sequence != buffer.expected:
            sequence = expand(sequence, buffer.expected)
            if sequence < 0:
                self.rejected["replayed"] += 1
                return
        packet = datagram.packet
        if self.trace_release is not None:
            packet.cls, packet.number = datagram.cls, sequence
        if not buffer.insert(sequence, packet, now):
            self.duplicates += 1
        elif buffer.occupancy_bytes == packet.size:
            # The first to be held. Those after it are due later, and a time too early is harmless.
            self._alarm = min(self._alarm, buffer.next_timeout())

    def _receive_feedback(self, feedback: Feedback, now: float) -> None:
        if feedback.about >= len(self.paths):
            self.rejected["path"] += 1
            return
        path = self.paths[feedback.about]
        try:
            acked, lost = path.on_feedback(feedback, now)
        except ValueError:
            self.rejected["ranges"] += 1
            return
        if acked and self._tell_acked:
            self.scheduler.on_acked(path, acked, now)
        if lost:
            self._abandon(path, lost, now)
        if path.lost_at < self._alarm:
            self._alarm = path.lost_at

    def _receive_probe(self, probe: Probe, path_index: int, now: float) -> None:
        path = self.paths[path_index]
        receiver = self.receivers[path_index]
        if not probe.flags & FLAG_REPLY:
            if receiver.anything_received and receiver.pending:
                self._send_feedback(path, receiver, now)
            self._send_control(
                path,
                Probe(
                    self.epoch,
                    path.index,
                    self._control_sequence(path),
                    microseconds(now),
                    probe.number,
                    probe.sent_us,
                    int(path.srtt * 1e6),
                    FLAG_REPLY,
                ),
            )
            return
        rtt = elapsed(microseconds(now), probe.echo_us)
        path.update_rtt(rtt)
        if not path.up:
            if path.carrier:
                path.come_up(now)
                self._paths_changed(now)
            return
        self._abandon(path, path.on_probe_answered(now - rtt, now), now)

    def _receive_skip(self, skip: Skip, now: float) -> None:
        buffer = self.reorder.get(skip.cls)
        if buffer is None:
            return
        expected = buffer.expected
        buffer.skip([(expand(first, expected), length) for first, length in skip.ranges], now)

    def packets_to_deliver(self, now: float) -> list[Packet]:
        """Take the inner packets for the TUN, in order."""
        if not self.deliverable:
            return _NOTHING
        # The list stays the same object: the reorder buffers append to it.
        delivered = self.deliverable[:]
        self.deliverable.clear()
        self.delivered_packets += len(delivered)
        if self.trace_release is not None:
            self.trace_release.extend((packet.cls, packet.number, now) for packet in delivered)
        return delivered

    # Losses, and paths that come and go.

    def _abandon(self, path: Path, lost: Iterable[Data], now: float) -> None:
        """Give up what was lost: nobody sends it again, and the other end need not wait for it."""
        numbers: dict[int, list[int]] = {}
        size = 0
        for sent in lost:
            numbers.setdefault(sent.cls, []).append(sent.tunnel_sequence)
            size += sent.size
        if not numbers:
            return
        self.abandoned_packets += sum(map(len, numbers.values()))
        self.scheduler.on_lost(path, size, now)
        if not self.announce:
            return
        carrier = self._eligible[0] if self._eligible else path
        for cls, sequences in numbers.items():
            ranges = _ranges(sorted(sequences))
            for begin in range(0, len(ranges), MOST_SKIP_RANGES):
                self._send_control(
                    carrier,
                    Skip(
                        self.epoch,
                        carrier.index,
                        self._control_sequence(carrier),
                        microseconds(now),
                        cls,
                        tuple(ranges[begin : begin + MOST_SKIP_RANGES]),
                    ),
                )

    def _paths_changed(self, now: float) -> None:
        """Find out anew which paths may be used: the lowest metric that has a path up."""
        up = [path for path in self.paths if path.up]
        if not self.scheduler.sees_all_metrics and up:
            lowest = min(path.metric for path in up)
            up = [path for path in up if path.metric == lowest]
        self._eligible = up
        self._idle_noted = False
        self._alarm = min(self._alarm, now)

    def _go_down(self, path: Path, now: float) -> None:
        lost = path.go_down(now)
        self._queued -= len(path.queue)
        self._orphans.extend(path.queue)
        path.queue.clear()
        path.queued_bytes = 0
        self._paths_changed(now)
        self._abandon(path, lost, now)

    def on_path_unavailable(self, path: int, now: float) -> None:
        """Be told that path number `path` has no carrier, or that nothing can be sent on it."""
        self.paths[path].carrier = False
        if self.paths[path].up:
            self._go_down(self.paths[path], now)

    def on_path_available(self, path: int, now: float) -> None:
        """Be told that the carrier is back; the path is used as soon as a probe is answered."""
        self.paths[path].carrier = True
        self.paths[path].next_probe = now
        self._alarm = min(self._alarm, now)

    # Time.

    def next_timeout(self) -> float:
        """Return when `handle_timeout` is to be called (s); infinity: never."""
        return self._alarm

    def handle_timeout(self, now: float) -> None:
        """Do what is due by now; harmless before."""
        alarm = self.scheduler.next_timeout() or NEVER
        if alarm <= now:
            self.scheduler.on_timeout(now)
            alarm = self.scheduler.next_timeout() or NEVER
        for path, receiver in zip(self.paths, self.receivers, strict=True):
            self._path_time(path, receiver, now)
            alarm = min(alarm, path.next_timeout(), receiver.next_timeout(path.srtt), path.pacing_alarm(now))
        for buffer in self.reorder.values():
            if buffer.occupancy_bytes:
                buffer.on_timeout(now)
                alarm = min(alarm, buffer.next_timeout())
        # What is due now but left undone (feedback goes out with the datagrams) is not waited for again.
        self._alarm = alarm if alarm > now else now + 1e-6

    def _path_time(self, path: Path, receiver: PathReceiver, now: float) -> None:
        if path.up:
            lost = path.on_time(now)
            if lost:
                self._abandon(path, lost, now)
            if path.is_dead(now):
                self._go_down(path, now)
        receiver.on_time(now, path.srtt)
        if receiver.feedback_due <= now:
            self._send_feedback(path, receiver, now)
        if path.probe_at() <= now:
            path.probe_sent(now, active=max(path.last_sent, receiver.last_data) > now - ACTIVE)
            self._probe_number += 1
            self._send_control(
                path,
                Probe(
                    self.epoch,
                    path.index,
                    self._control_sequence(path),
                    microseconds(now),
                    self._probe_number & SEQUENCE_MASK,
                    0,
                    int(path.srtt * 1e6),
                ),
            )

    # What a scheduler may read (SchedulerView).

    def backlog(self) -> int:
        """Return the bytes that wait in the ingress queue."""
        return self.ingress.backlog()

    def peek(self, position: int) -> Packet | None:
        """Return the packet at `position` of the ingress queue, or None."""
        return self.ingress.peek(position)

    def unacknowledged(self) -> int:
        """Return the bytes in flight on all paths."""
        return sum(path.bytes_in_flight for path in self.paths)


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Turn ascending numbers into (first, length) runs."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][0] + runs[-1][1]:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif not runs or number >= sum(runs[-1]):
            runs.append((number, 1))
    return runs


def pump(
    endpoint: Endpoint,
    now: float,
    send: Callable[[Datagram], object],
    deliver: Callable[[Packet], object],
) -> None:
    """Carry an endpoint's datagrams and packets away; to be called after telling it anything."""
    if endpoint.deliverable:
        for packet in endpoint.packets_to_deliver(now):
            deliver(packet)
    for datagram in endpoint.datagrams_to_send(now):
        send(datagram)
