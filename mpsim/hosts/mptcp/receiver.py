"""The receiving end of a Multipath TCP connection: subflows in, one stream of data out."""

from __future__ import annotations

from mpsim.hosts.mptcp.signals import DATA_ACK_SIZE, MOST_SACK_BLOCKS, Chunk, DataAck
from mpsim.hosts.segments import HEADER, Segment
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.tunnel.packet import Packet


class MptcpReceiver:
    """Receives one connection over `count` subflows.

    A chunk leaves its subflow in that one's order, as in Linux, and waits here for those before it. The
    application reads at once, so that the window (RFC 8684, section 3.3.4) reaches as far beyond the
    data in order as the buffer is large, whatever waits in it.

    Parameters
        flow: flow key of the packets it sends; each carries (flow, number of the subflow)
        count: subflows
        mss: payload bytes of a full segment
        receive_window: bytes of the connection's buffer
        header: bytes of the IP and TCP headers, without Multipath TCP's option
    """

    silent = False

    def __init__(self, flow: object, count: int, *, mss: int, receive_window: int, header: int = HEADER) -> None:
        self.flow = flow
        self._window = max(2, receive_window // mss)  # chunks
        self._subflows = [
            TcpReceiver((flow, index), header=header + DATA_ACK_SIZE, most_sack_blocks=MOST_SACK_BLOCKS)
            for index in range(count)
        ]
        self._mapped: list[dict[int, Chunk]] = [{} for _ in range(count)]  # by segment, not in order yet
        self.delays: list[float] = []  # one-way, s; the driver drains it
        for tcp in self._subflows:
            tcp.delays = self.delays
        self.expected = 0  # next chunk in order
        self.delivered_bytes = 0
        self.out_of_order = 0  # chunks that came after a later one
        self.duplicates = 0  # chunks that came twice, by reinjection
        self.most_held = 0  # chunks that waited for one before them
        self._highest = -1
        self._held: dict[int, int] = {}  # chunk: its length

    @property
    def received_segments(self) -> int:
        """Segments of all subflows."""
        return sum(tcp.received_segments for tcp in self._subflows)

    @property
    def arrived_bytes(self) -> int:
        """Payload that has arrived, each byte once, what waits for a hole included."""
        waiting = {chunk.number: chunk.length for mapped in self._mapped for chunk in mapped.values()}
        new = {number: length for number, length in waiting.items() if number >= self.expected}
        return self.delivered_bytes + sum({**new, **self._held}.values())

    def receive(self, packet: Packet, now: float) -> None:
        index = _subflow_of(packet)
        tcp, mapped = self._subflows[index], self._mapped[index]
        segment: Segment = packet.payload
        if segment.index >= tcp.expected:
            chunk = segment.mapping
            assert isinstance(chunk, Chunk)  # every segment of data has a mapping
            mapped[segment.index] = chunk
        before = tcp.expected
        tcp.receive(packet, now)
        for number in range(before, tcp.expected):
            self._take(mapped.pop(number))

    def _take(self, chunk: Chunk) -> None:
        number = chunk.number
        if number < self.expected or number in self._held:
            self.duplicates += 1
            return
        if number < self._highest:
            self.out_of_order += 1
        else:
            self._highest = number
        if number > self.expected:
            self._held[number] = chunk.length
            self.most_held = max(self.most_held, len(self._held))
            return
        self.delivered_bytes += chunk.length
        self.expected += 1
        while self.expected in self._held:
            self.delivered_bytes += self._held.pop(self.expected)
            self.expected += 1

    def packets_to_send(self) -> list[Packet]:
        out: list[Packet] = []
        for tcp in self._subflows:
            out.extend(tcp.packets_to_send())
        if out:
            signal = DataAck(self.expected, self.expected + self._window)
            for packet in out:
                packet.payload.signal = signal
        return out

    def next_timeout(self) -> float:
        return min(tcp.next_timeout() for tcp in self._subflows)

    def handle_timeout(self, now: float) -> None:
        for tcp in self._subflows:
            tcp.handle_timeout(now)

    def stop(self, now: float) -> None:
        """A receiver only answers."""


def _subflow_of(packet: Packet) -> int:
    """Return the number of the subflow that a packet belongs to."""
    key = packet.flow
    assert isinstance(key, tuple)  # (flow, number of the subflow)
    index: int = key[1]
    return index
