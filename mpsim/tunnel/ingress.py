"""The ingress queue: inner packets that wait for a path, one queue for each class of flows.

Classes share the tunnel by deficit round robin (Shreedhar and Varghese, SIGCOMM 1995), so that a call
never stands behind a bulk flow. A packet is numbered as it leaves its queue: a drop leaves no hole.
"""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.packet import Packet

QUANTUM = 1500  # bytes a class may send in its turn


class ClassQueue:
    """The queue of one class, drop-tail."""

    __slots__ = ("bytes", "cls", "deficit", "next_sequence", "packets")

    def __init__(self, cls: int) -> None:
        self.cls = cls
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
    """

    __slots__ = ("_queues", "active", "drops", "limit_bytes", "limit_packets", "single")

    def __init__(self, *, packets: int | None = None, bytes: int | None = None, single: bool = False) -> None:
        self.limit_packets = packets
        self.limit_bytes = bytes
        self.single = single
        self._queues: dict[int, ClassQueue] = {}
        self.active: deque[ClassQueue] = deque()  # those with packets; the first one's turn it is
        self.drops = 0

    def append(self, packet: Packet, now: float) -> bool:
        """Take a packet; return False if its queue is full (counted in `drops`)."""
        cls = 0 if self.single else packet.cls
        queue = self._queues.get(cls)
        if queue is None:
            queue = self._queues[cls] = ClassQueue(cls)
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

    def backlog(self) -> int:
        """Return the bytes that wait."""
        return sum(queue.bytes for queue in self.active)

    def peek(self, position: int) -> Packet | None:
        """Return the packet at `position` of the queue whose turn it is, or None."""
        if not self.active:
            return None
        waiting = self.turn().packets
        return waiting[position] if position < len(waiting) else None
