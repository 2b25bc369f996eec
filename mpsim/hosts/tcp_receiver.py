"""The receiving end of a TCP connection: in-order delivery, delayed acknowledgements, SACK, DSACK."""

from __future__ import annotations

from mpsim.hosts.agent import Outgoing
from mpsim.hosts.segments import HEADER, MOST_SACK_BLOCKS, Ack, Segment, ack_size
from mpsim.tunnel.packet import CLASS_TCP, Packet

NEVER = float("inf")
# Linux: TCP_DELACK_MIN, and TCP_MAX_QUICKACKS segments acknowledged one by one at the start.
DELAYED_ACK = 0.040
ACK_EVERY = 2  # RFC 5681, section 4.2
QUICK_ACKS = 16


class TcpReceiver(Outgoing):
    """Receives one connection.

    Parameters
        flow: flow key of the packets it sends
        header: bytes of their IP and TCP headers
        most_sack_blocks: as many as the options leave room for
    """

    silent = False

    def __init__(self, flow: object, *, header: int = HEADER, most_sack_blocks: int = MOST_SACK_BLOCKS) -> None:
        super().__init__()
        self.flow = flow
        self._most_sack_blocks = most_sack_blocks
        self._header = header
        self.expected = 0  # next segment in order
        self.delivered_bytes = 0
        self.received_segments = 0
        self.out_of_order = 0
        self.duplicates = 0
        self.highest = -1
        self.delays: list[float] = []  # one-way, s; the driver drains it
        self._held: dict[int, int] = {}  # segment: length
        self._ranges: list[list[int]] = []  # [first, beyond) above `expected`, newest first
        self._pending = 0
        self._quick = QUICK_ACKS
        self._ack_due = NEVER
        self._echo = 0.0

    @property
    def arrived_bytes(self) -> int:
        """Payload that has arrived, each byte once, what waits for a hole included."""
        return self.delivered_bytes + sum(self._held.values())

    def receive(self, packet: Packet, now: float) -> None:
        segment: Segment = packet.payload
        index = segment.index
        if index < 0:
            self._send_ack(now, segment.time)
            return
        self.received_segments += 1
        self.delays.append(now - segment.time)
        if index > self.highest:
            self.highest = index
        elif index < self.highest:
            self.out_of_order += 1
        if index == self.expected:
            self._in_order(segment, now)
        elif index > self.expected:
            self._ahead(segment, now)
        else:
            self._duplicate(index, now)

    def _in_order(self, segment: Segment, now: float) -> None:
        if not self._pending:
            self._echo = segment.time
        self._pending += 1
        self.delivered_bytes += segment.length
        self.expected += 1
        if self._ranges:
            held = self._held
            while self.expected in held:
                self.delivered_bytes += held.pop(self.expected)
                self.expected += 1
            self._ranges = [part for part in self._ranges if part[1] > self.expected]
            self._send_ack(now, segment.time)  # a hole was filled: at once (RFC 5681, section 4.2)
        elif self._pending >= ACK_EVERY or self._quick:
            if self._quick:
                self._quick -= 1
            self._send_ack(now, self._echo)
        elif self._ack_due == NEVER:
            self._ack_due = now + DELAYED_ACK

    def _ahead(self, segment: Segment, now: float) -> None:
        index = segment.index
        if index in self._held:
            self._duplicate(index, now)
            return
        self._held[index] = segment.length
        joined = [index, index + 1]
        others = []
        for part in self._ranges:
            if part[1] == index:
                joined[0] = part[0]
            elif part[0] == index + 1:
                joined[1] = part[1]
            else:
                others.append(part)
        self._ranges = [joined, *others]
        self._send_ack(now, self._echo)

    def _duplicate(self, index: int, now: float) -> None:
        self.duplicates += 1
        self._send_ack(now, self._echo, duplicate=index)

    def _send_ack(self, now: float, echo: float, duplicate: int | None = None) -> None:
        most = self._most_sack_blocks
        sacks = tuple((part[0], part[1]) for part in self._ranges[:most])
        if duplicate is not None:
            sacks = ((duplicate, duplicate + 1), *sacks)[:most]
        ack = Ack(self.expected, sacks, echo, now, duplicate is not None)
        self._out.append(Packet(ack_size(len(sacks), self._header), self.flow, ack, cls=CLASS_TCP))
        self._pending = 0
        self._echo = echo
        self._ack_due = NEVER

    def next_timeout(self) -> float:
        return self._ack_due

    def handle_timeout(self, now: float) -> None:
        if self._ack_due <= now:
            self._send_ack(now, self._echo)

    def stop(self, now: float) -> None:
        """A receiver only answers."""
