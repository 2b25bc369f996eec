"""The sending half of an endpoint: from the ingress queues by the scheduler's choice to the paths."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from mpsim.tunnel.datagrams import FLAG_COPY, Datagram
from mpsim.tunnel.ingress import ClassQueue, Ingress
from mpsim.tunnel.loss_detection import NEVER
from mpsim.tunnel.packet import CLASS_TCP, Packet
from mpsim.tunnel.path import Path
from mpsim.tunnel.repair.base import Repair
from mpsim.tunnel.repair.outlet import Repairs
from mpsim.tunnel.schedulers.base import Scheduler
from mpsim.tunnel.sparse import HOLD, Sparse
from mpsim.tunnel.way_back import fastest
from mpsim.tunnel.wire import MICROSECONDS, SEQUENCE_MASK
from mpsim.units import BITS_PER_BYTE

# Packets that a scheduler may put on one path's own queue before they wait in the ingress queue.
MOST_QUEUED = 1000
# Flows whose bytes are counted, for a scheduler that wants so; the oldest are forgotten.
MOST_FLOWS = 4096


class Dispatch:
    """Which packet leaves by which path, now; it is also what the scheduler may look at (SchedulerView).

    Parameters
        paths: in the order of the scenario
        scheduler: chooses
        ingress: the queues it takes from
        epoch: this session's number
        random: a seeded stream, for the scheduler
        patience: how long the other end's resequencer waits for a packet, seconds; None: not known
        repairs: what is sent again, or twice
    """

    __slots__ = (
        "_epoch",
        "_flows",
        "_idle_noted",
        "_orphans",
        "_patience",
        "_picks",
        "_queued",
        "_sparse",
        "_tell_repairs",
        "_tell_sent",
        "due",
        "eligible",
        "ingress",
        "out",
        "paths",
        "repairs",
        "scheduler",
        "trace",
    )

    def __init__(
        self,
        paths: list[Path],
        scheduler: Scheduler,
        ingress: Ingress,
        *,
        epoch: int,
        random: Random,
        patience: float | None = None,
        repairs: Repairs,
    ) -> None:
        self.paths = paths
        self.scheduler = scheduler
        self.ingress = ingress
        self._epoch = epoch
        self.eligible: list[Path] = []  # those that may be used
        self.out: list[Datagram] = []
        self.due = NEVER  # when something that was sent, or held back, wants to be looked after (s)
        self.trace: list[tuple[int, int, float]] | None = None  # (class, tunnel sequence, time of ingress)
        self._queued = 0  # packets on paths' own queues
        self._orphans: list[tuple[Packet, int, int, int]] = []  # queued on a path that went down
        self._idle_noted = False
        # Most schedulers do not want to hear of every packet.
        self._tell_sent = type(scheduler).on_sent is not Scheduler.on_sent
        self._picks = type(scheduler).pick is not Scheduler.pick
        self._flows: dict[object, int] | None = {} if scheduler.counts_flows else None
        self._patience = patience
        self._sparse = Sparse() if any(path.congestion.heeds_calls for path in paths) else None
        for path in paths:
            path.congestion.alone = len(paths) == 1
        self.repairs = repairs
        self._tell_repairs = any(type(repair).on_sent is not Repair.on_sent for repair in repairs.repairs)
        scheduler.attach(self, random)

    def paths_changed(self, *, patient: bool) -> None:
        """Find out anew which paths may be used: the lowest metric that has a path up.

        patient: a path that was never up yet may still come up, and counts as well.
        """
        up = [path for path in self.paths if path.up]
        if not self.scheduler.sees_all_metrics and up:
            hoped = [path for path in self.paths if patient and path.carrier and not path.downs]
            lowest = min(path.metric for path in (*up, *hoped))
            up = [path for path in up if path.metric == lowest]
        self.eligible = self.repairs.eligible = up
        self._idle_noted = False

    def take_back(self, path: Path) -> None:
        """Take the packets that wait on a path that went down; the others carry them."""
        self._queued -= len(path.queue)
        self._orphans.extend(path.queue)
        path.queue.clear()
        path.queued_bytes = 0

    def run(self, now: float) -> None:
        """Give packets to paths, until there are none or the scheduler wants to wait."""
        repairs = self.repairs
        if repairs.waiting:
            self._place_repairs(now)
        if self.ingress.active or self._queued or self._orphans:
            self._schedule(now)
        elif not self._idle_noted and not repairs.waiting:
            self._note_idle()
        if repairs.repairs:
            if repairs.waiting:  # copies and parity of what has just left
                self._place_repairs(now)
            self.due = min(self.due, repairs.next_timeout())

    def _place_repairs(self, now: float) -> None:
        """Send what repairs ask for, as far as windows allow."""
        for path in self.eligible:
            self.due = min(self.due, path.pacing_alarm(now))
        for sent in self.repairs.place(now, int(now * MICROSECONDS) & SEQUENCE_MASK):
            self._idle_noted = False
            self.out.append(sent)
            self.due = min(self.due, self.paths[sent.path].next_timeout(), now + self.repairs.reaction)

    def _note_idle(self) -> None:
        """Nothing is left to send: a path with room in its window is limited by its application."""
        self._idle_noted = True
        for path in self.eligible:
            in_flight = path.bytes_in_flight
            if in_flight + path.mss <= path.cwnd:
                path.delivery.on_no_data(in_flight)

    def _schedule(self, now: float) -> None:  # noqa: C901  # asked for with every packet: written out, not called
        ingress = self.ingress
        active = ingress.active
        select = self.scheduler.select
        eligible = self.eligible
        now_us = int(now * MICROSECONDS) & SEQUENCE_MASK
        if self._queued:
            self._drain(now, now_us)
        if self._orphans:
            self._place_orphans(now, now_us)
        if self._sparse is not None:
            self._let_calls_pass(now, now_us)
        while active:
            queue = ingress.turn() if len(active) > 1 else active[0]
            if self._picks:
                self._bring_forward(queue, now)
            choice = select(queue.packets[0], eligible, now)
            if choice is None:
                self._note_waiting(now)
                return
            if isinstance(choice, Path):
                if len(choice.queue) >= MOST_QUEUED:
                    return
                if ingress.judges and ingress.refuses(queue, now):
                    continue
                packet, sequence = self._take(queue)
                if choice.can_send(packet.size, now):
                    self._transmit(choice, packet, queue.cls, sequence, 0, now, now_us)
                else:
                    self._queue_on(choice, packet, queue.cls, sequence, 0)
            elif not self._send_copies(choice, queue, now, now_us):  # type: ignore[arg-type]  # the views are our paths
                return
        self._note_idle()

    def _take(self, queue: ClassQueue) -> tuple[Packet, int]:
        """Take the packet whose turn it is from its queue; return it and its tunnel sequence."""
        packet, sequence = self.ingress.take(queue)
        if self._flows is not None:
            self._count(packet)
        if self.trace is not None:
            self.trace.append((queue.cls, sequence, packet.entered))
        return packet, sequence

    def _let_calls_pass(self, now: float, now_us: int) -> None:
        """Send what sparse classes have without asking windows: they are no load, and waiting is what hurts them."""
        sparse = self._sparse
        assert sparse is not None  # asked for only then
        for queue in list(self.ingress.active):
            while queue.packets and queue.cls != CLASS_TCP and sparse.allows(queue.cls, queue.packets[0].size, now):
                size = queue.packets[0].size
                ready = [path for path in self.eligible if path.can_carry(size)]
                if not ready:
                    return
                packet, sequence = self._take(queue)
                self._transmit(fastest(ready, now), packet, queue.cls, sequence, 0, now, now_us)

    def _count(self, packet: Packet) -> None:
        """Add to the bytes of the packet's flow."""
        flows = self._flows
        assert flows is not None  # asked for only then
        flows[packet.flow] = flows.get(packet.flow, 0) + packet.size
        if len(flows) > MOST_FLOWS:
            del flows[next(iter(flows))]

    def _bring_forward(self, queue: ClassQueue, now: float) -> None:
        """Let the scheduler say which of the packets of a class is the next."""
        waiting = queue.packets
        position = self.scheduler.pick(waiting, now)
        if position:
            packet = waiting[position]
            del waiting[position]
            waiting.appendleft(packet)

    def _send_copies(self, chosen: Sequence[Path], queue: ClassQueue, now: float, now_us: int) -> bool:
        """Give the next packet to several paths; False: one of them has no place for it."""
        if not chosen or any(len(path.queue) >= MOST_QUEUED for path in chosen):
            return False
        if self.ingress.judges and self.ingress.refuses(queue, now):
            return True
        packet, sequence = self._take(queue)
        if len(chosen) > 1:
            self.repairs.ledger.expect(queue.cls, sequence, len(chosen))
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

    def _transmit(  # with every packet
        self, path: Path, packet: Packet, cls: int, sequence: int, flags: int, now: float, now_us: int
    ) -> None:
        was_empty = not path.bytes_in_flight
        sent = path.transmit(packet, cls, sequence, flags, self._epoch, now, now_us)
        self.out.append(sent)
        if was_empty:
            self.due = min(self.due, path.next_timeout(), now + self.repairs.reaction)
        if self._tell_repairs and not flags:
            self.repairs.on_sent(sent, now)
        if self._tell_sent:
            self.scheduler.on_sent(path, packet, now)
        if self._sparse is not None and cls != CLASS_TCP and self._sparse.note(cls, packet.size, now):
            for other in self.eligible:
                other.congestion.calls_until = now + HOLD

    def _drain(self, now: float, now_us: int) -> None:
        """Send what was put on paths' own queues."""
        for path in self.paths:
            queue = path.queue
            while queue and path.can_send(queue[0][0].size, now, ahead=True):
                packet, cls, sequence, flags = queue.popleft()
                path.queued_bytes -= packet.size
                self._queued -= 1
                self._transmit(path, packet, cls, sequence, flags, now, now_us)
            if queue:
                self.due = min(self.due, path.pacing_alarm(now))

    def _place_orphans(self, now: float, now_us: int) -> None:
        waiting, self._orphans = self._orphans, []
        for number, (packet, cls, sequence, flags) in enumerate(waiting):
            ready = [path for path in self.eligible if path.can_send(packet.size, now)]
            if not ready:
                self._orphans = waiting[number:]
                return
            path = min(ready, key=lambda path: path.srtt)
            self._transmit(path, packet, cls, sequence, flags, now, now_us)

    def _note_waiting(self, now: float) -> None:
        """See to it that a packet that waits for pacing, or for the scheduler's own time, is asked for again."""
        self.due = min(self.due, self.scheduler.next_timeout() or NEVER)
        for path in self.eligible:
            self.due = min(self.due, path.pacing_alarm(now))

    # What backpressure reads (Outlets).

    def room(self) -> float:
        """Return how many full packets the paths would take now."""
        return sum(max(0.0, path.cwnd - path.bytes_in_flight) / path.mss for path in self.eligible)

    def packet_rate(self) -> float:
        """Return how many full packets the paths deliver in a second."""
        return sum(path.cwnd / path.srtt / path.mss for path in self.eligible if path.srtt)

    def waiting(self) -> float:
        """Return how many full packets wait for a path already."""
        mtu = max((path.mss - path.overhead for path in self.eligible), default=1)
        return self.ingress.backlog() / mtu + len(self.repairs.waiting) + self._queued

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

    def reorder_budget(self) -> float:
        """Return the bytes that may wait at the other end for others; see SchedulerView."""
        rate = 0.0
        smallest, largest = NEVER, 0.0
        for path in self.paths:
            srtt = path.srtt
            if path.up and srtt:
                rate += path.delivery_rate or path.cwnd * BITS_PER_BYTE / srtt
                smallest, largest = min(smallest, srtt), max(largest, srtt)
        if not rate:
            return NEVER
        patience = largest - smallest if self._patience is None else self._patience
        return rate / BITS_PER_BYTE * patience

    def reorder_occupancy(self) -> int | None:
        """Return that it is not known."""
        return None

    def stalls(self) -> int:
        """Return 0: the other end does not tell."""
        return 0

    def flow_bytes(self, flow: object) -> int:
        """Return the bytes of a flow that have left so far."""
        return self._flows.get(flow, 0) if self._flows is not None else 0
