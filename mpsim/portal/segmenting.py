"""TCP segments cut out of one large packet, as a network interface does that can (TCP segmentation offload).

The kernel hands over up to 64 kB of one flow with one header. Every segment gets that header with its own length,
identification, sequence number, flags and checksums (RFC 9293, section 3.1; RFC 6864; RFC 1071): FIN and PSH belong to
the last one, CWR to the first (RFC 3168, section 6.1.2).
"""

from __future__ import annotations

import struct

from mpsim.headers import FIN, IPV4_SIZE, PSH, TCP, TCP_SIZE
from mpsim.portal.sums import ONES, piecewise, summed

IPV6_SIZE = 40
FLAGS_AT, CHECKSUM_AT = 13, 16  # in a TCP header
_CWR = 0x80
# What is written anew stands between what stays: of IPv4, of IPv6, of TCP.
_IPV4 = struct.Struct("!2sHH4sH8s")
_IPV6 = struct.Struct("!4sH34s")


def pseudo_sum(packet: bytes, start: int) -> int:
    """Return the sum over the pseudo-header of a TCP segment that begins at `start`, without the length."""
    return summed(packet[12:20] if start == IPV4_SIZE else packet[8:40]) + TCP


def segments(packet: bytes, start: int, header: int, size: int) -> list[bytes]:
    """Return the packets of a large one, each with at most `size` bytes of payload.

    start: bytes of its IP header (20; 40 for IPv6); header: of IP and TCP header. Raises ValueError if that is no TCP
    packet without options of IP.
    """
    if start not in (IPV4_SIZE, IPV6_SIZE) or header < start + TCP_SIZE or len(packet) <= header or size < 1:
        raise ValueError("not a large TCP packet")
    tcp = struct.Struct(f"!4sI5sB2sH{header - start - 18}s")
    ports, first, middle, flags, window, _, rest = tcp.unpack_from(packet, start)
    fixed = summed(ports + middle[:4] + window + rest) + (middle[4] << 8) + pseudo_sum(packet, start)
    number = int.from_bytes(packet[4:6], "big")
    ip_fixed = summed(packet[:2] + packet[6:10] + packet[12:20])
    sums = piecewise(packet, header, size)
    now, later, end = flags & ~(FIN | PSH), flags & ~(FIN | PSH | _CWR), len(packet)
    found = []
    for position, payload in enumerate(sums):
        at = header + position * size
        length = min(size, end - at)
        if at + size >= end:
            now |= flags & (FIN | PSH)
        sequence = first + position * size & 0xFFFF_FFFF
        total = header - start + length
        carried = fixed + total + (sequence >> 16) + (sequence & ONES) + now + payload
        if start == IPV4_SIZE:
            own = number + position & ONES
            checksum = -(ip_fixed + start + total + own) % ONES
            head = _IPV4.pack(packet[:2], start + total, own, packet[6:10], checksum, packet[12:20])
        else:
            head = _IPV6.pack(packet[:4], total, packet[6:40])
        head += tcp.pack(ports, sequence, middle, now, window, -carried % ONES, rest)
        found.append(head + packet[at : at + length])
        now = later
    return found
