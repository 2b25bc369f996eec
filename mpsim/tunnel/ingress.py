"""The ingress queue: inner packets that wait for a path, one queue for each class of flows.

Classes share the tunnel by deficit round robin (Shreedhar and Varghese, SIGCOMM 1995), so that a call
never stands behind a bulk flow. A packet is numbered as it leaves its queue: a drop leaves no hole, be it for want
of room or CoDel's (codel.py). fq_codel.py has a queue for each flow instead.
"""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.codel import CoDel
from mpsim.tunnel.packet import Packet

QUANTUM = 1500  # bytes a class may send in its turn


class ClassQueue:
    """The queue of one class, drop-tail, with CoDel at its head where it has one."""

    __slots__ = ("bytes", "cls", "codel", "deficit", "next_sequence", "packets")

    def __init__(self, cls: int, codel: CoDel | None = None) -> None:
        self.cls = cls
        self.codel = codel
        self.packets: deque[Packet] = deque()
        self.bytes = 0
        self.deficit = 0
        self.next_sequence = 0


class Ingress:
    """All classes' queues.

    Parameters
        packets: most packets that wait in one class, or None
        bytes: most bytes that wait in one class, or None
        single: one class for everything, as in the dissertation
        target, interval: CoDel's for each queue, s; without a target a queue drops only what it has no room for
    """

    __slots__ = (
        "_interval",
        "_queues",
        "_target",
        "active",
        "drops",
        "judges",
        "limit_bytes",
        "limit_packets",
        "marks",
        "single",
    )

    def __init__(
        self,
        *,
        packets: int | None = None,
        bytes: int | None = None,
        single: bool = False,
        target: float | None = None,
        interval: float = 0.0,
    ) -> None:
        self.limit_packets = packets
        self.limit_bytes = bytes
        self.single = single
        self._target = target
        self._interval = interval
        self.judges = target is not None  # `refuses` has to be asked before a packet is taken
        self._queues: dict[int, ClassQueue] = {}
        self.active: deque[ClassQueue] = deque()  # those with packets; the first one's turn it is
        self.drops = 0
        self.marks = 0  # packets that CoDel has marked instead (RFC 3168)

    def _new_codel(self) -> CoDel | None:
        return None if self._target is None else CoDel(target=self._target, interval=self._interval)

    def append(self, packet: Packet, now: float) -> bool:
        """Take a packet; return False if its queue is full (counted in `drops`)."""
        cls = 0 if self.single else packet.cls
        queue = self._queues.get(cls)
        if queue is None:
            queue = self._queues[cls] = ClassQueue(cls, self._new_codel())
        waiting = queue.packets
        if (self.limit_packets is not None and len(waiting) >= self.limit_packets) or (
            self.limit_bytes is not None and queue.bytes + packet.size > self.limit_bytes
        ):
            self.drops += 1
            return False
        packet.entered = now
        if not waiting:
            self.active.append(queue)
        waiting.append(packet)
        queue.bytes += packet.size
        return True

    def turn(self) -> ClassQueue:
        """Return the queue whose turn it is; only while there is one in `active`."""
        active = self.active
        queue = active[0]
        if len(active) > 1:
            while queue.deficit < queue.packets[0].size:
                queue.deficit += QUANTUM
                active.rotate(-1)
                queue = active[0]
        return queue

    def refuses(self, queue: ClassQueue, now: float) -> bool:
        """Let CoDel judge the head of the queue whose turn it is, which a path would take now.

        True: it was dropped, and another may come next; what can be marked is marked instead, and stays.
        """
        head = queue.packets[0]
        if queue.codel is None or not queue.codel.refuses(now - head.entered, queue.bytes - head.size, now):
            return False
        if head.mark_congestion():
            self.marks += 1
            return False
        self.drops += 1
        self._remove_head(queue)
        return True

    def take(self, queue: ClassQueue) -> tuple[Packet, int]:
        """Take the head of the queue whose turn it is; return it and its tunnel sequence."""
        packet = queue.packets.popleft()
        queue.bytes -= packet.size
        sequence = queue.next_sequence
        queue.next_sequence = sequence + 1
        if not queue.packets:
            queue.deficit = 0
            self.active.remove(queue)
        elif len(self.active) > 1:
            queue.deficit -= packet.size
        return packet, sequence

    def _remove_head(self, queue: ClassQueue) -> None:
        queue.bytes -= queue.packets.popleft().size
        if not queue.packets:
            queue.deficit = 0
            self.active.remove(queue)

    def backlog(self) -> int:
        """Return the bytes that wait."""
        return sum(queue.bytes for queue in self.active)

    def peek(self, position: int) -> Packet | None:
        """Return the packet at `position` of the queue whose turn it is, or None."""
        if not self.active:
            return None
        waiting = self.turn().packets
        return waiting[position] if position < len(waiting) else None
