"""What captures prove: inner packets that nobody sent, packets that came out twice, and what the attacker was answered.

The client's and the server's captures are compared packet by packet. A packet is known by all its bytes but those that
a router changes (time to live, header checksum), a portal that lowers the MSS (the options of a TCP SYN) and one that
joins segments which are cut apart again behind it: the identification, which says nothing of packets that are whole
(RFC 6864), and of TCP's header PSH and the checksum that it enters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from experiments.attacks import scene
from mpsim.headers import TCP, UDP
from mpsim.tunnel.wire import is_handshake

_ETHERNET = 14
_SYN, _PSH = 0x02, 0x08
_UDP = 8


class Inner(NamedTuple):
    """What came out of the tunnel, beside what went in."""

    delivered: int
    foreign: int  # came out and never went in
    doubled: int  # came out more often than it went in

    @classmethod
    def of(cls, sent: Counter[bytes], delivered: Counter[bytes]) -> Inner:
        """Compare two multisets of packets."""
        foreign = sum(count for packet, count in delivered.items() if packet not in sent)
        return cls(delivered.total(), foreign, (delivered - sent).total() - foreign)

    def __add__(self, other: Inner) -> Inner:  # type: ignore[override]  # of two directions
        """Add up two directions."""
        return Inner(*(mine + its for mine, its in zip(self, other, strict=True)))


class Answers(NamedTuple):
    """What portals said because of an attack."""

    datagrams: int  # to the attacker's own address
    size: int  # payload bytes of them
    handshakes: int  # handshake messages of portals on the segments, to anybody


def identity(packet: bytes) -> bytes:
    """Return what of an IPv4 packet neither a router nor a portal changes."""
    header = (packet[0] & 0xF) * 4
    start = packet[:4] + packet[6:8] + packet[9:10]
    if packet[9] != TCP or len(packet) < header + 20:
        return start + packet[12:]
    flags = packet[header + 13]
    if flags & _SYN:
        return start + packet[12 : header + 12]
    head = packet[12 : header + 13] + bytes([flags & ~_PSH]) + packet[header + 14 : header + 16]
    return start + head + packet[header + 18 :]


def packets_of(path: Path) -> Iterable[bytes]:
    """Yield the IPv4 packets of a capture."""
    from scapy.utils import RawPcapReader

    with RawPcapReader(str(path)) as reader:
        for frame, _ in reader:
            if frame[12:14] == b"\x08\0":
                yield frame[_ETHERNET : _ETHERNET + int.from_bytes(frame[16:18], "big")]


def both_ways(packets: Iterable[bytes], host: str) -> tuple[Counter[bytes], Counter[bytes]]:
    """Return what a host has sent, and what it was given."""
    own = ip_address(scene.inner_address(host)).packed
    sent: Counter[bytes] = Counter()
    given: Counter[bytes] = Counter()
    for packet in packets:
        (sent if packet[12:16] == own else given)[identity(packet)] += 1
    return sent, given


def inner(captures: dict[str, Path]) -> Inner:
    """Compare the captures of client and server, in both directions."""
    sent, given = zip(
        *(both_ways(packets_of(captures[host]), host) for host in (scene.CLIENT, scene.SERVER)), strict=True
    )
    return Inner.of(sent[0], given[1]) + Inner.of(sent[1], given[0])


def answers(captures: Iterable[Path]) -> Answers:
    """Count in what the attacker heard; captures: one of each segment, in their order."""
    datagrams = size = handshakes = 0
    for segment, path in zip(scene.SEGMENTS, captures, strict=True):
        own = ip_address(scene.address(segment, scene.MALLORY)).packed
        for packet in packets_of(path):
            header = (packet[0] & 0xF) * 4
            if packet[9] != UDP or len(packet) <= header + _UDP:
                continue
            if packet[16:20] == own:
                datagrams += 1
                size += len(packet) - header - _UDP
            handshakes += is_handshake(packet[header + _UDP :])
    return Answers(datagrams, size, handshakes)
