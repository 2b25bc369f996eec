"""Real IP, TCP, UDP and ICMP headers as bytes, for captures and for replayed traffic.

Formats: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 768 (UDP), RFC 792 and 4443 (ICMP); checksum: RFC 1071.
"""

from __future__ import annotations

import struct

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
EXPERIMENTAL, OTHER = 253, 254  # RFC 3692: the tunnel's own; for what no other number says
IPV4_SIZE, TCP_SIZE, UDP_SIZE, ICMP_SIZE = 20, 20, 8, 8
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TTL = 64

_IPV6_SIZE = 40
_DONT_FRAGMENT, _MORE_OR_OFFSET = 0x4000, 0x3FFF
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_TCP = struct.Struct("!HHIIBBHHH")
_UDP = struct.Struct("!HHHH")
_IPV6 = struct.Struct("!IHBB16s16s")
_ICMP = struct.Struct("!BBHHH")
_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}
_ONES = 0xFFFF
_IPV4_ADDRESS = 4  # bytes


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of `data`."""
    if len(data) % 2:
        data += b"\0"
    # Modulo 2^16 - 1 is the ones' complement sum of all 16-bit words at once, but for its second zero.
    value = int.from_bytes(data, "big")
    return ~(value % _ONES or (_ONES if value else 0)) & _ONES


def ipv4(
    source: bytes, destination: bytes, protocol: int, body: bytes, *, traffic_class: int = 0, number: int = 0
) -> bytes:
    """Return an IPv4 packet with its checksums.

    number is its identification, free for any use in what is never fragmented (RFC 6864).
    """
    head = _IPV4.pack(
        0x45, traffic_class, IPV4_SIZE + len(body), number, _DONT_FRAGMENT, TTL, protocol, 0, source, destination
    )
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + _summed(body, protocol, source, destination)


def ipv6(source: bytes, destination: bytes, protocol: int, body: bytes, *, traffic_class: int = 0) -> bytes:
    """Return an IPv6 packet without extension headers, with the checksum of what it carries."""
    body = _summed(body, protocol, source, destination)
    return _IPV6.pack(6 << 28 | traffic_class << 20, len(body), protocol, TTL, source, destination) + body


def ip(source: bytes, destination: bytes, protocol: int, body: bytes, *, traffic_class: int = 0) -> bytes:
    """Return an IP packet of the version that the addresses are of."""
    make = ipv4 if len(source) == _IPV4_ADDRESS else ipv6
    return make(source, destination, protocol, body, traffic_class=traffic_class)


def tcp(
    ports: tuple[int, int], sequence: int, acknowledged: int, flags: int, options: bytes = b"", payload: bytes = b"",
    window: int = _ONES,
) -> bytes:  # fmt: skip
    """Return a TCP segment without its checksum, which `ipv4` fills in; options in multiples of 4 bytes."""
    offset = (TCP_SIZE + len(options)) // 4 << 4
    head = _TCP.pack(*ports, sequence & 0xFFFF_FFFF, acknowledged & 0xFFFF_FFFF, offset, flags, window, 0, 0)
    return head + options + payload


def udp(ports: tuple[int, int], payload: bytes) -> bytes:
    """Return a UDP datagram without its checksum, which `ipv4` fills in."""
    return _UDP.pack(*ports, UDP_SIZE + len(payload), 0) + payload


def echo(identifier: int, number: int, payload: bytes, *, reply: bool) -> bytes:
    """Return an ICMP echo message without its checksum, which `ipv4` fills in."""
    return _ICMP.pack(0 if reply else 8, 0, 0, identifier & _ONES, number & _ONES) + payload


def echo_v6(identifier: int, number: int, payload: bytes, *, reply: bool) -> bytes:
    """Return an ICMPv6 echo message without its checksum, which `ipv6` fills in."""
    return _ICMP.pack(129 if reply else 128, 0, 0, identifier & _ONES, number & _ONES) + payload


def _summed(body: bytes, protocol: int, source: bytes, destination: bytes) -> bytes:
    at = _CHECKSUM_AT.get(protocol)
    if at is None or len(body) < at + 2:
        return body
    length = len(body)
    if protocol == UDP:
        # What follows the UDP datagram within the IP packet is not part of its sum.
        length = min(length, max(UDP_SIZE, int.from_bytes(body[4:6], "big")))
    blank = body[:at] + b"\0\0" + body[at + 2 : length]
    if protocol == ICMP:
        pseudo = b""
    elif len(source) == _IPV4_ADDRESS:
        pseudo = source + destination + struct.pack("!HH", protocol, length)
    else:
        pseudo = source + destination + struct.pack("!II", length, protocol)
    total = checksum(pseudo + blank)
    if protocol == UDP and not total:
        total = _ONES  # zero would mean that there is none
    return body[:at] + total.to_bytes(2, "big") + body[at + 2 :]


def readdress(packet: bytes, source: bytes, destination: bytes, number: int = 0) -> bytes:
    """Return an IPv4 packet like `packet` between two other hosts: its size, DSCP, ECN, ports and payload.

    number goes into the identification, by which the far end can tell one packet from the next. An IPv6
    packet comes out as an IPv4 packet of the same size, because the hosts here speak IPv4.
    """
    if packet[0] >> 4 == 6:
        return _from_ipv6(packet, source, destination, number)
    header = (packet[0] & 0xF) * 4
    fragment = int.from_bytes(packet[6:8], "big")
    body = packet[header:]
    if not fragment & _MORE_OR_OFFSET:
        body = _summed(body, packet[9], source, destination)
    # A hop limit from afar might end on the way here.
    head = packet[:4] + struct.pack("!HHBBH", number, fragment, TTL, packet[9], 0) + source + destination
    head += packet[IPV4_SIZE:header]
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body


def _from_ipv6(packet: bytes, source: bytes, destination: bytes, number: int) -> bytes:
    body = packet[_IPV6_SIZE:] + bytes(_IPV6_SIZE - IPV4_SIZE)
    protocol = packet[6]
    if protocol == UDP and len(body) >= UDP_SIZE:
        body = body[:4] + len(body).to_bytes(2, "big") + body[6:]
    elif protocol != TCP:
        protocol = OTHER  # extension headers and ICMPv6 mean nothing in IPv4
    traffic_class = (packet[0] << 4 | packet[1] >> 4) & 0xFF
    return ipv4(source, destination, protocol, body, traffic_class=traffic_class, number=number)


def payload_size(packet: bytes) -> int:
    """Return the bytes of an IPv4 packet that are neither IP nor TCP, UDP or ICMP header."""
    header = (packet[0] & 0xF) * 4
    body = len(packet) - header
    if int.from_bytes(packet[6:8], "big") & 0x1FFF:
        return body  # a later fragment has no other header
    if packet[9] == TCP and body >= TCP_SIZE:
        return max(0, body - (packet[header + 12] >> 4) * 4)
    return max(0, body - {UDP: UDP_SIZE, ICMP: ICMP_SIZE}.get(packet[9], 0))


def address(text: str) -> bytes:
    """Return the four bytes of an IPv4 address in the usual notation."""
    parts = [int(part) for part in text.split(".")]
    if len(parts) != 4:
        raise ValueError(f"an IPv4 address is needed; given {text!r}")
    return bytes(parts)
