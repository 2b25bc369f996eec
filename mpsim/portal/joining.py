"""Segments of one TCP flow joined to one large packet again, as a network interface does that can (receive offload).

The kernel takes a large packet in one go, and believes it to be whole. So only what says the same of itself is joined:
consecutive payload of one flow with equal headers but for length, identification, sequence number and PSH, and with
checksums that are right; everything else goes on as it is. Cut again (segmenting.py) it gives the same packets, but for
the identification, which means nothing where nothing is fragmented (RFC 6864).
"""

from __future__ import annotations

from collections.abc import Iterable

from mpsim.headers import ACK, IPV4_SIZE, PSH, TCP, TCP_SIZE
from mpsim.portal.segmenting import CHECKSUM_AT, FLAGS_AT, IPV6_SIZE, pseudo_sum
from mpsim.portal.sums import ONES, piecewise, summed

LARGEST = 65_535  # bytes of an IP packet
_MOST = 64  # segments
_UNFRAGMENTED = b"\x40\0"  # don't fragment, and no fragment


class Joined:
    """Some packets of a flow that follow one another.

    start, header: bytes of the IP header, and of it and TCP's; size: of the payload of all but the last packet
    """

    __slots__ = ("_closed", "_like", "_next", "_total", "header", "packets", "size", "start")

    def __init__(self, packet: bytes, start: int) -> None:
        """Begin with a packet, whose TCP header begins at `start`; 0: it is none that anything can be joined to."""
        self.packets = [packet]
        self.start = start
        self._closed = not start
        self.header = self.size = self._next = self._total = 0
        self._like = b""
        if start:
            self.header = header = start + (packet[start + 12] >> 4) * 4
            self._total = len(packet)
            self.size = size = self._total - header
            self._next = int.from_bytes(packet[start + 4 : start + 8], "big") + size & 0xFFFF_FFFF
            self._like = _like(packet, start, header)
            self._closed = bool(packet[start + FLAGS_AT] & PSH)

    def take(self, packet: bytes) -> bool:
        """Take the flow's next packet, if it can be joined."""
        start, header = self.start, self.header
        length = len(packet) - header
        if (
            self._closed
            or not 0 < length <= self.size
            or self._total + length > LARGEST
            or len(self.packets) >= _MOST
            or int.from_bytes(packet[start + 4 : start + 8], "big") != self._next
            or packet[start + FLAGS_AT] & ~PSH != ACK
            or _like(packet, start, header) != self._like
        ):
            return False
        self.packets.append(packet)
        self._total += length
        self._next = self._next + length & 0xFFFF_FFFF
        self._closed = length < self.size or bool(packet[start + FLAGS_AT] & PSH)
        return True

    def large(self) -> bytes | None:
        """Return the one packet, its TCP checksum that of the pseudo-header alone; None: one of them is damaged."""
        packets, start, header = self.packets, self.start, self.header
        first = packets[0]
        payload = b"".join([packet[header:] for packet in packets])
        pseudo = pseudo_sum(first, start)
        for packet, carried in zip(packets, piecewise(payload, 0, self.size), strict=True):
            own = summed(packet[:start]) if start == IPV4_SIZE else 0
            if own or (summed(packet[start:header]) + carried + pseudo + len(packet) - start) % ONES:
                return None
        whole = bytearray(first[:header])
        total = header + len(payload)
        if start == IPV4_SIZE:
            whole[2:4] = total.to_bytes(2, "big")
            whole[10:12] = b"\0\0"
            whole[10:12] = (-summed(bytes(whole[:start])) % ONES).to_bytes(2, "big")
        else:
            whole[4:6] = (total - start).to_bytes(2, "big")
        whole[start + FLAGS_AT] = packets[-1][start + FLAGS_AT]
        at = start + CHECKSUM_AT
        whole[at : at + 2] = ((pseudo + total - start) % ONES).to_bytes(2, "big")
        return bytes(whole) + payload


def _like(packet: bytes, start: int, header: int) -> bytes:
    """Return what has to be equal of two packets that are joined."""
    ip = packet[:2] + packet[6:10] + packet[12:24] if start == IPV4_SIZE else packet[:4] + packet[6:44]
    tcp = packet[start + 8 : start + 13] + packet[start + 14 : start + 16] + packet[start + 18 : header]
    return ip + tcp  # without length, number, sums, sequence and flags


def _tcp_start(packet: bytes) -> int:
    """Return where TCP begins in a packet that others can be joined to; 0: in this one it does not."""
    if packet[0] == 0x45:
        if packet[9] != TCP or packet[6:8] != _UNFRAGMENTED:
            return 0
        start = IPV4_SIZE
    elif packet[0] >> 4 == 6 and packet[6] == TCP:
        start = IPV6_SIZE
    else:
        return 0
    if len(packet) < start + TCP_SIZE or packet[start + FLAGS_AT] & ~PSH != ACK:
        return 0
    header = start + (packet[start + 12] >> 4) * 4
    return start if start + TCP_SIZE <= header < len(packet) else 0


def joined(packets: Iterable[tuple[object, bytes]]) -> list[Joined]:
    """Join what can be joined of (flow, packet), in the order of each flow."""
    found: list[Joined] = []
    last: dict[object, Joined] = {}
    for flow, packet in packets:
        before = last.get(flow)
        if before is None or not before.take(packet):
            last[flow] = one = Joined(packet, _tcp_start(packet))
            found.append(one)
    return found
