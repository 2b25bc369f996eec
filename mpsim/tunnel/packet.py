"""An inner IP packet, as the tunnel sees it: parsed lazily from bytes, or built by a simulated host."""

from __future__ import annotations

from typing import Any

IPV4_HEADER = 20
IPV6_HEADER = 40
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
DSCP_EXPEDITED = 46  # RFC 3246
NOT_ECT, CONGESTION_EXPERIENCED = 0, 3  # RFC 3168, section 5

# Classes of flows: each has its own tunnel sequence, ingress queue and reorder buffer, so that a call
# never waits for a bulk flow's hole. The class travels in the header.
CLASS_TCP, CLASS_UDP, CLASS_OTHER, CLASS_EXPEDITED = 0, 1, 2, 3
CLASSES = 4


class Packet:
    """One inner IP packet.

    size: IP bytes; flow: hashable flow key; payload: the bytes, or a simulated host's object;
    dscp, ecn: from the IP header; cls: class of flows; entered: when it entered the tunnel, seconds;
    number: its tunnel sequence at the other end, noted only while releases are traced. The last two
    are set by the tunnel.
    """

    __slots__ = ("cls", "dscp", "ecn", "entered", "flow", "number", "payload", "size")
    entered: float
    number: int

    def __init__(
        self, size: int, flow: object, payload: Any, dscp: int = 0, ecn: int = 0, cls: int = CLASS_TCP
    ) -> None:
        self.size = size
        self.flow = flow
        self.payload = payload
        self.dscp = dscp
        self.ecn = ecn
        self.cls = cls

    @classmethod
    def from_bytes(cls, data: bytes) -> Packet:
        """Parse the IP header of `data`; raises ValueError if it is not a whole IP packet."""
        if not data:
            raise ValueError("an empty packet")
        version = data[0] >> 4
        if version == 4:
            return cls._from_ipv4(data)
        if version == 6:
            return cls._from_ipv6(data)
        raise ValueError(f"IP version 4 or 6; given {version}")

    @classmethod
    def _from_ipv4(cls, data: bytes) -> Packet:
        header = (data[0] & 0xF) * 4
        if len(data) < IPV4_HEADER or header < IPV4_HEADER or len(data) < header:
            raise ValueError("a truncated IPv4 header")
        if int.from_bytes(data[2:4], "big") != len(data):
            raise ValueError("an IPv4 total length that differs from the packet's")
        # Only the first fragment has ports (RFC 791); the others go by addresses and protocol.
        fragment = int.from_bytes(data[6:8], "big") & 0x1FFF
        ports = data[header : header + 4] if data[9] in (TCP, UDP) and not fragment else b""
        return cls._of(data, data[1], data[9], data[12:20] + ports)

    @classmethod
    def _from_ipv6(cls, data: bytes) -> Packet:
        if len(data) < IPV6_HEADER:
            raise ValueError("a truncated IPv6 header")
        if int.from_bytes(data[4:6], "big") + IPV6_HEADER != len(data):
            raise ValueError("an IPv6 payload length that differs from the packet's")
        ports = data[40:44] if data[6] in (TCP, UDP) else b""
        return cls._of(data, (data[0] << 4 | data[1] >> 4) & 0xFF, data[6], data[8:40] + ports)

    @classmethod
    def _of(cls, data: bytes, traffic_class: int, protocol: int, key: bytes) -> Packet:
        dscp = traffic_class >> 2
        return cls(
            len(data),
            (protocol, bytes(key)),
            data,
            dscp,
            traffic_class & 3,
            class_of(protocol, dscp),
        )

    def mark_congestion(self) -> bool:
        """Mark congestion experienced in the IP header (RFC 3168); False: the ends cannot read such a mark."""
        if self.ecn == NOT_ECT:
            return False
        self.ecn = CONGESTION_EXPERIENCED
        if isinstance(self.payload, bytes):
            self.payload = _marked(self.payload)
        return True

    def __repr__(self) -> str:
        return f"<Packet {self.size} B, flow {self.flow!r}, class {self.cls}>"


def class_of(protocol: int, dscp: int = 0) -> int:
    """Return the class of flows for an IP protocol number and a DSCP."""
    if dscp == DSCP_EXPEDITED:
        return CLASS_EXPEDITED
    if protocol == TCP:
        return CLASS_TCP
    return CLASS_UDP if protocol == UDP else CLASS_OTHER


def _marked(data: bytes) -> bytes:
    """Return an IP packet's bytes with the mark of congestion set."""
    changed = bytearray(data)
    if data[0] >> 4 == 6:
        changed[1] |= CONGESTION_EXPERIENCED << 4
        return bytes(changed)
    changed[1] |= CONGESTION_EXPERIENCED
    # The header's checksum, by the difference of its first word (RFC 1624, equation 3).
    summed = (~int.from_bytes(data[10:12], "big") & 0xFFFF) + changed[1] - data[1]
    changed[10:12] = (~((summed & 0xFFFF) + (summed >> 16)) & 0xFFFF).to_bytes(2, "big")
    return bytes(changed)
