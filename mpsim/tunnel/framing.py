"""Bytes around bytes: what each way of carrying a datagram, and each IP version, puts on a link.

    outer: IPv4 20 | IPv6 40, then UDP 8 | raw IP 0 | TCP 20 + 12 timestamps (+ 20 Multipath TCP) + 4 length
    then the tunnel's header and tag, and the inner packet: IPv4 20 | IPv6 40, then TCP 32 | UDP, ICMP 8

RFC 791 (IPv4), RFC 8200 (IPv6), RFC 768 (UDP), RFC 9293 and 7323 (TCP, its timestamps). A datagram in a
TCP stream shares segments with others; what counts for it is what it costs when it is full and alone.
"""

from __future__ import annotations

from mpsim.tunnel.datagrams import HEADER_SIZE, TAG_SIZE

OUTER_MTU = 1500  # what a path carries at most, outer headers included (Ethernet's)
LEAST_IPV6_MTU = 1280  # RFC 8200, section 5
LENGTH_PREFIX = 4  # of a datagram within a TCP stream, network byte order
IP_HEADER = {"ipv4": 20, "ipv6": 40}
TCP_HEADER = 32  # with timestamps, as Linux sends them
UDP_HEADER = 8  # ICMP's echo has as many
MPTCP_MAPPING = 20  # Multipath TCP's option in a full segment: 64-bit data sequence (RFC 8684, section 3.3)
TRANSPORT = {
    "udp": UDP_HEADER,
    "ip": 0,
    "tcp": TCP_HEADER + LENGTH_PREFIX,
    "mptcp": TCP_HEADER + MPTCP_MAPPING + LENGTH_PREFIX,
}
# Those that carry datagrams in streams, which have a congestion control of their own.
STREAMS = ("tcp", "mptcp")


def overhead(transport: str, outer: str) -> int:
    """Return the bytes that a tunnel adds to an inner packet: outer headers, its own header and its tag."""
    return IP_HEADER[outer] + TRANSPORT[transport] + HEADER_SIZE + TAG_SIZE


def largest_inner(transport: str, outer: str) -> int:
    """Return the bytes of the largest inner packet that a path's MTU leaves."""
    return OUTER_MTU - overhead(transport, outer)


def tcp_headers(version: str) -> int:
    """Return the bytes before the payload of a TCP segment, IP included."""
    return IP_HEADER[version] + TCP_HEADER


def udp_headers(version: str) -> int:
    """Return the bytes before the payload of a UDP datagram or an ICMP echo, IP included."""
    return IP_HEADER[version] + UDP_HEADER
