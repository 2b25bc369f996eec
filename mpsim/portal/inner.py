"""What a router does to packets that are too big for the way ahead: a smaller MSS in SYNs, an ICMP answer.

TCP's maximum segment size is an option of SYN segments (RFC 9293, section 3.7.1); lowering it to what the tunnel takes
spares both ends the discovery of the path's MTU. What is too big all the same is answered (RFC 1191; RFC 4443,
section 3.2).
"""

from __future__ import annotations

from mpsim.headers import ICMP, ICMPV6, TCP, ip
from mpsim.portal.fields import IPAddress

_SYN = 0x02
_END, _NOTHING, _MSS = 0, 1, 2  # kinds of options
_MSS_LENGTH = 4
_TCP_SIZE = 20
_HEADERS = {4: 40, 6: 60}  # bytes of IP and TCP header
_DONT_FRAGMENT = 0x40
_ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})  # are not answered (RFC 1122, section 3.2.2)
_ICMPV6_QUESTIONS = 128  # types below are errors (RFC 4443, section 2.1)
_LEAST_IPV6_MTU = 1280


def clamped(packet: bytes, mtu: int) -> bytes:
    """Return the packet, with the MSS option of a TCP SYN lowered to what fits into `mtu` bytes."""
    version = packet[0] >> 4
    if version == 4:
        if packet[9] != TCP or packet[6] & 0x1F or packet[7]:
            return packet
        start = (packet[0] & 0xF) * 4
    else:
        if packet[6] != TCP:
            return packet
        start = 40
    if len(packet) < start + _TCP_SIZE or not packet[start + 13] & _SYN:
        return packet
    at = _mss_at(packet, start)
    most = mtu - _HEADERS[version]
    if at is None or int.from_bytes(packet[at : at + 2], "big") <= most:
        return packet
    changed = bytearray(packet)
    changed[at : at + 2] = most.to_bytes(2, "big")
    changed[start + 16 : start + 18] = _updated(packet, changed, start, at)
    return bytes(changed)


def _mss_at(packet: bytes, start: int) -> int | None:
    """Return where the value of the MSS option begins."""
    position, end = start + _TCP_SIZE, min(start + (packet[start + 12] >> 4) * 4, len(packet))
    while position < end:
        kind = packet[position]
        if kind == _END:
            return None
        if kind == _NOTHING:
            position += 1
            continue
        length = packet[position + 1] if position + 1 < end else 0
        if kind == _MSS:
            return position + 2 if length == _MSS_LENGTH and position + _MSS_LENGTH <= end else None
        if length < 2:
            return None
        position += length
    return None


def _updated(old: bytes, new: bytearray, start: int, at: int) -> bytes:
    """Return TCP's checksum after the 16-bit words that `at` touches have changed (RFC 1624, equation 3)."""
    begin = at - (at - start) % 2
    end = at + 2 + (at - start) % 2
    total = ~int.from_bytes(old[start + 16 : start + 18], "big") & 0xFFFF
    for position in range(begin, end, 2):
        total += ~int.from_bytes(old[position : position + 2], "big") & 0xFFFF
        total += int.from_bytes(new[position : position + 2], "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


def too_big(packet: bytes, mtu: int, own: IPAddress) -> bytes | None:
    """Return the answer to a packet of more than `mtu` bytes; None: none is due.

    own: this host's address, of the packet's version. An IPv4 packet that may be fragmented gets no answer.
    """
    if packet[0] >> 4 == 4:
        header = (packet[0] & 0xF) * 4
        if not packet[6] & _DONT_FRAGMENT or (packet[9] == ICMP and packet[header] in _ICMP_ERRORS):
            return None
        quote = packet[: header + 8]  # RFC 792
        body = b"\x03\x04\0\0\0\0" + mtu.to_bytes(2, "big") + quote
        return ip(own.packed, packet[12:16], ICMP, body)
    if packet[6] == ICMPV6 and packet[40] < _ICMPV6_QUESTIONS:
        return None
    quote = packet[: _LEAST_IPV6_MTU - 48]
    body = b"\x02\0\0\0" + max(mtu, _LEAST_IPV6_MTU).to_bytes(4, "big") + quote
    return ip(own.packed, packet[8:24], ICMPV6, body)
