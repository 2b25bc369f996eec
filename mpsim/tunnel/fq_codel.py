"""FQ-CoDel at the ingress (RFC 8290): a queue for each flow, each with CoDel, and sparse flows first.

Rules of this file. `active` is the RFC's two lists in one: the first `_new` queues are those of new flows. Its first
queue always has a packet and some of its quantum left, so that its turn it is; `_settle` sees to that. A new queue
that has run empty waits once more behind the old ones, without a packet, before its flow counts as new again
(section 4.2). Numbers are those of a packet's class, as with any other ingress queue, given as it leaves.
"""

from __future__ import annotations

from zlib import crc32

from mpsim.tunnel.codel import CoDel
from mpsim.tunnel.ingress import QUANTUM, ClassQueue, Ingress
from mpsim.tunnel.packet import Packet

FLOWS = 1024  # queues (section 5.2.2); flows of one hash share one
# So many flow keys are remembered with their queue before all are looked up anew.
MOST_KNOWN = 1 << 16


class FlowQueue(ClassQueue):
    """The queue of the flows of one class that share a hash."""

    __slots__ = ("listed", "new")

    def __init__(self, cls: int, codel: CoDel | None) -> None:
        super().__init__(cls, codel)
        self.listed = False  # in `active`
        self.new = False  # among its first ones


class FqCodel(Ingress):
    """All flows' queues.

    The RFC's hash is perturbed by a random number; here it is the same in every process, so that runs can be repeated.

    Parameters
        packets: most packets that wait altogether, or None
        bytes: most bytes that wait altogether, or None; beyond either the longest queue loses its head
        single: one class for everything, as in the dissertation
        target, interval: CoDel's for each queue, s
        flows: queues, count
    """

    __slots__ = ("_all_bytes", "_all_packets", "_flows", "_hashed", "_known", "_new", "_numbers")

    def __init__(
        self,
        *,
        packets: int | None = None,
        bytes: int | None = None,
        single: bool = False,
        target: float,
        interval: float,
        flows: int = FLOWS,
    ) -> None:
        super().__init__(packets=packets, bytes=bytes, single=single, target=target, interval=interval)
        self._flows = flows
        self._known: dict[tuple[int, object], FlowQueue] = {}  # by class and flow key
        self._hashed: dict[tuple[int, int], FlowQueue] = {}  # by class and hash
        self._numbers: dict[int, int] = {}  # next tunnel sequence of each class
        self._new = 0
        self._all_packets = 0
        self._all_bytes = 0

    def _queue_of(self, packet: Packet) -> FlowQueue:
        cls = 0 if self.single else packet.cls
        queue = self._known.get((cls, packet.flow))
        if queue is None:
            place = (cls, crc32(repr(packet.flow).encode()) % self._flows)
            queue = self._hashed.get(place)
            if queue is None:
                queue = self._hashed[place] = FlowQueue(cls, self._new_codel())
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[cls, packet.flow] = queue
        return queue

    def append(self, packet: Packet, now: float) -> bool:
        """Take a packet; return False if it was dropped at once, its queue being the longest of a full ingress."""
        queue = self._queue_of(packet)
        packet.entered = now
        queue.packets.append(packet)
        queue.bytes += packet.size
        self._all_packets += 1
        self._all_bytes += packet.size
        if not queue.listed:
            queue.listed = queue.new = True
            queue.deficit = QUANTUM
            self.active.insert(self._new, queue)
            self._new += 1
        kept = True
        while self._is_full():
            longest = max(self.active, key=_bytes_of)
            kept = kept and longest.packets[0] is not packet
            self.drops += 1
            self._remove_head(longest)
        return kept

    def _is_full(self) -> bool:
        return (self.limit_packets is not None and self._all_packets > self.limit_packets) or (
            self.limit_bytes is not None and self._all_bytes > self.limit_bytes
        )

    def turn(self) -> ClassQueue:
        """Return the queue whose turn it is; only while there is one in `active`."""
        return self.active[0]

    def take(self, queue: ClassQueue) -> tuple[Packet, int]:
        packet = queue.packets[0]
        queue.deficit -= packet.size
        self._remove_head(queue)
        sequence = self._numbers.get(queue.cls, 0)
        self._numbers[queue.cls] = sequence + 1
        return packet, sequence

    def _remove_head(self, queue: ClassQueue) -> None:
        size = queue.packets.popleft().size
        queue.bytes -= size
        self._all_packets -= 1
        self._all_bytes -= size
        self._settle()

    def _settle(self) -> None:
        """Let the lists begin with a queue that may send."""
        active = self.active
        while active:
            queue = active[0]
            assert isinstance(queue, FlowQueue)  # we made it
            if queue.deficit > 0 and queue.packets:
                return
            active.popleft()
            was_new, queue.new = queue.new, False
            self._new -= int(was_new)
            if queue.deficit <= 0:
                queue.deficit += QUANTUM
            elif not was_new:
                queue.listed = False
                continue
            active.append(queue)

    def backlog(self) -> int:
        return self._all_bytes


def _bytes_of(queue: ClassQueue) -> int:
    return queue.bytes
