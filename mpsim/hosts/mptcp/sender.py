"""The sending end of a Multipath TCP connection: what goes over which subflow, and what goes again.

Rules of this file. Data is given to a subflow only when its TCP could send it at once (a scheduler may
insist, and then it waits there). What is not acknowledged at the connection's level stays in `_flight`;
when the subflow that carries it times out or loses its link, others carry it as well (reinjection),
before anything new. What happens when the receiver has no room stands in relief.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

from mpsim.hosts.mptcp.relief import Relief
from mpsim.hosts.mptcp.signals import MAPPING_SIZE, Chunk, DataAck
from mpsim.hosts.mptcp.subflow import Subflow
from mpsim.hosts.segments import HEADER, Ack
from mpsim.hosts.supply import Source
from mpsim.hosts.tcp_sender import RECEIVE_WINDOW
from mpsim.tunnel.congestion.base import CongestionController, Siblings
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler

NEVER = float("inf")
# More than this many chunks no scheduler may queue on a subflow that cannot send.
MOST_QUEUED = 100


class MptcpSender:
    """Sends one connection's data over several subflows.

    The first subflow opens the connection, the others join once it is there.

    Parameters
        flow: flow key; the packets of a subflow carry (flow, its number)
        congestion: one for each subflow
        scheduler: which subflow carries the next chunk
        random: a seeded stream, for the scheduler
        mss: payload bytes of a full segment
        total_bytes: how much there is to send; None: without end
        receive_window: bytes that the receiver's buffer holds
        header: bytes of the IP and TCP headers, without Multipath TCP's option
        source: where the data comes from, instead of what total_bytes says
        names, metrics: of the links
        opportunistic: opportunistic retransmission and penalisation
    """

    silent = False

    def __init__(
        self,
        flow: object,
        congestion: Sequence[CongestionController],
        scheduler: Scheduler,
        random: Random,
        *,
        mss: int,
        total_bytes: int | None = None,
        receive_window: int = RECEIVE_WINDOW,
        header: int = HEADER,
        source: Source | None = None,
        names: Sequence[str] = (),
        metrics: Sequence[int] = (),
        opportunistic: bool = True,
    ) -> None:
        self.flow = flow
        self.scheduler = scheduler
        self.mss = mss
        self.total_bytes = total_bytes
        self._source = source
        self.relief = Relief() if opportunistic else None
        siblings = Siblings()
        self.subflows: list[Subflow] = []
        for index, controller in enumerate(congestion):
            controller.siblings = siblings
            subflow = Subflow(
                index,
                (flow, index),
                controller,
                mss=mss,
                fill=self._fill,
                name=names[index] if names else "",
                metric=metrics[index] if metrics else 0,
                header=header,
            )
            self.subflows.append(subflow)
        self._next = self._una = 0  # chunks: the next new one, the lowest not acknowledged
        self._last = -(-total_bytes // mss) if total_bytes is not None else None
        self._window = self._beyond = max(2, receive_window // mss)  # chunks below `_beyond` the receiver has room for
        self._flight: dict[int, Chunk] = {}
        self._again: deque[Chunk] = deque()  # to be carried by another subflow
        self._packet = Packet(mss + header + MAPPING_SIZE, flow, None)  # what a scheduler is asked about
        self._now = 0.0
        self._stopped = False
        self._stalls = 0  # times that the receiver had no room
        scheduler.attach(self, random)

    # Life.

    def start(self, now: float) -> None:
        """Open the connection."""
        self._now = now
        self.subflows[0].tcp.start(now)

    @property
    def connected(self) -> bool:
        """Whether the other end has answered on the first subflow."""
        return self.subflows[0].tcp.connected

    def push(self, now: float) -> None:
        """Send what has become available, as far as windows let it; before the connection is there it waits."""
        self._now = now
        if self.connected:
            self._distribute(now)

    def stop(self, now: float) -> None:
        """Send nothing new from now on."""
        self._stopped = True

    @property
    def done(self) -> bool:
        """Whether everything there was to send has arrived."""
        return self._last is not None and self._una >= self._last

    @property
    def sent_segments(self) -> int:
        """Segments of all subflows."""
        return sum(subflow.tcp.sent_segments for subflow in self.subflows)

    @property
    def retransmitted(self) -> int:
        """Segments sent again, on the same subflow or on another."""
        return sum(subflow.tcp.retransmitted + subflow.reinjected for subflow in self.subflows)

    def on_path_unavailable(self, index: int, now: float) -> None:
        """Be told that a link has lost its carrier."""
        self._now = now
        self._carry_again(self.subflows[index].lose_carrier())
        self._distribute(now)

    def on_path_available(self, index: int, now: float) -> None:
        """Be told that it has one again."""
        self._now = now
        self.subflows[index].regain_carrier(now)
        self._distribute(now)

    # Reading acknowledgements.

    def receive(self, packet: Packet, now: float) -> None:
        self._now = now
        key = packet.flow
        assert isinstance(key, tuple)  # (flow, number of the subflow)
        subflow = self.subflows[key[1]]
        ack: Ack = packet.payload
        signal = ack.signal
        assert isinstance(signal, DataAck)  # every acknowledgement has one
        self._on_data_ack(signal)
        connected = subflow.tcp.connected
        acked, lost = subflow.receive(packet, now)
        if not connected and not subflow.index:
            for other in self.subflows[1:]:
                other.tcp.start(now)
        if acked:
            self.scheduler.on_acked(subflow, acked, now)
        if lost:
            self.scheduler.on_lost(subflow, self.mss, now)
        self._distribute(now)

    def _on_data_ack(self, signal: DataAck) -> None:
        self._beyond = max(self._beyond, signal.beyond)
        while self._una < signal.ack:
            self._flight.pop(self._una).acked = True
            self._una += 1

    # Sharing out.

    def _fill(self, subflow: Subflow) -> None:
        """Ask the scheduler until this subflow has something to carry, or nothing can be given."""
        while not subflow.waiting and self._give_next():
            pass

    def _distribute(self, now: float) -> None:
        """Give out what can be given, and let the subflows send it."""
        given = True
        while given:
            given = self._give_next()
            for subflow in self.subflows:
                if subflow.waiting and subflow.tcp.can_send() and subflow.up:
                    subflow.tcp.push(now)
                    given = True

    def _give_next(self) -> bool:
        """Give the next chunk to the subflows that the scheduler picks; False: none, or nobody to carry it."""
        usable = self._usable()
        if not usable:
            return False
        while self._again and self._again[0].acked:
            self._again.popleft()
        if self._again:
            return self._give_again(self._again[0], usable)
        if self._stopped or not self._has_more():
            return False
        if self._next >= self._beyond:
            self._stalls += 1
            return self._relieve(usable)
        chosen = self._chosen(usable)
        if not chosen or any(len(one.waiting) >= MOST_QUEUED for one in chosen):
            return False
        chunk = Chunk(self._next, self._length(self._next))
        self._flight[chunk.number] = chunk
        self._next += 1
        self._give(chunk, chosen)
        return True

    def _usable(self) -> list[Subflow]:
        """Return the subflows that are up, of the lowest metric that has one."""
        up = [subflow for subflow in self.subflows if subflow.up]
        if not up or self.scheduler.sees_all_metrics:
            return up
        lowest = min(subflow.metric for subflow in up)
        return [subflow for subflow in up if subflow.metric == lowest]

    def _has_more(self) -> bool:
        if self._source is not None:
            return self._source.available > 0
        return self._last is None or self._next < self._last

    def _length(self, number: int) -> int:
        if self._source is not None:
            return self._source.take(self.mss)
        if self.total_bytes is not None and self._last is not None and number == self._last - 1:
            return self.total_bytes - number * self.mss
        return self.mss

    def _chosen(self, offered: Sequence[Subflow]) -> list[Subflow]:
        choice = self.scheduler.select(self._packet, offered, self._now)
        if choice is None:
            return []
        views: Sequence[PathView] = choice if isinstance(choice, Sequence) else (choice,)
        return [self.subflows[view.index] for view in views]

    def _give(self, chunk: Chunk, chosen: Sequence[Subflow]) -> None:
        for subflow in chosen:
            subflow.give(chunk)
            self.scheduler.on_sent(subflow, self._packet, self._now)

    def _give_again(self, chunk: Chunk, usable: Sequence[Subflow]) -> bool:
        """Let another subflow carry a chunk; one that had it already only if there is no other."""
        chosen = self._chosen([one for one in usable if not one.carried(chunk)] or usable)
        if not chosen or any(len(one.waiting) >= MOST_QUEUED for one in chosen):
            return False
        self._again.popleft()
        self._give(chunk, chosen)
        return True

    def _carry_again(self, given_up: Sequence[Chunk]) -> None:
        """Let others carry what a subflow that does not answer has carried, the oldest first."""
        queued = {chunk.number for chunk in self._again}
        more = [chunk for chunk in given_up if chunk.number not in queued]
        self._again = deque(sorted([*self._again, *more], key=lambda chunk: chunk.number))

    def _relieve(self, usable: Sequence[Subflow]) -> bool:
        """With no room at the receiver: let an idle subflow send the chunk that it waits for, too."""
        head = self._flight.get(self._una)
        if head is None or self.relief is None:
            return False
        idle = [one for one in usable if not one.carried(head) and one.can_send(self._packet.size, self._now)]
        holders = [one for one in self.subflows if one.carried(head)]
        subflow = self.relief.chosen(idle, holders, self._now)
        if subflow is None:
            return False
        self._give(head, (subflow,))
        return True

    # Time.

    def next_timeout(self) -> float:
        due = min(subflow.tcp.next_timeout() for subflow in self.subflows)
        own = self.scheduler.next_timeout()
        return due if own is None else min(due, own)

    def handle_timeout(self, now: float) -> None:
        self._now = now
        self.scheduler.on_timeout(now)
        for subflow in self.subflows:
            tcp = subflow.tcp
            if tcp.next_timeout() <= now:
                timeouts = tcp.timeouts
                tcp.handle_timeout(now)
                if tcp.timeouts > timeouts:
                    self._carry_again(subflow.go_stale())
        self._distribute(now)

    def packets_to_send(self) -> list[Packet]:
        out: list[Packet] = []
        for subflow in self.subflows:
            out.extend(subflow.packets_to_send())
        return out

    # What a scheduler may read (SchedulerView).

    def backlog(self) -> int:
        """Return the bytes that wait; of a transfer without end so many as the receiver's buffer holds."""
        if self._source is not None:
            return self._source.available
        return (self._window if self._last is None else self._last - self._next) * self.mss

    def peek(self, position: int) -> Packet | None:
        """Return a packet like the one at `position` of what waits, or None."""
        return self._packet if position * self.mss < self.backlog() else None

    def unacknowledged(self) -> int:
        """Return the bytes in flight on all subflows."""
        return sum(subflow.bytes_in_flight for subflow in self.subflows)

    def reorder_budget(self) -> float:
        """Return the bytes of the receive window, which starts at what is acknowledged in order."""
        return (self._beyond - self._una) * self.mss

    def reorder_occupancy(self) -> int:
        """Return about how many bytes wait at the receiver for others: not in flight, and not acknowledged in order."""
        elsewhere = sum(subflow.bytes_in_flight + subflow.queued_bytes for subflow in self.subflows)
        return max(0, (self._next - self._una) * self.mss - elsewhere)

    def stalls(self) -> int:
        """Return how often there was data and no room for it."""
        return self._stalls

    def flow_bytes(self, flow: object) -> int:
        """Return the bytes sent so far; all are of one flow."""
        return self._next * self.mss
