"""The tunnel's datagrams as Scapy layers: to build, to look at, and to read captures with.

Written from the header picture at the head of mpsim/tunnel/wire.py and not from its code, so that the
two check each other. Import this module, and Scapy finds the tunnel wherever UDP port 4725, or protocol 253
of IP, is used (not in a TCP stream, whose segments begin anywhere):

    >>> from emulation.capture import MpsimHeader, MpsimProbe
    >>> bytes(MpsimHeader(path=1) / MpsimProbe(number=7)).hex()
    '13000100000000000000000000000000000000000000000000000007000000000000000000000000000000000000000000000000'

A data datagram's body is an inner IP or IPv6 packet, that of parity is MpsimParity. The tag, which ends the
datagram, is a field of MpsimHeader.
"""

# mypy: allow-subclassing-any
# ruff: noqa: RUF012  # the way Scapy wants its fields
from __future__ import annotations

from typing import Any

from scapy.fields import (
    BitEnumField,
    BitField,
    ByteField,
    FieldLenField,
    FlagsField,
    IntField,
    PacketListField,
    ShortField,
    StrField,
    StrFixedLenField,
    XIntField,
)
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw, bind_bottom_up, bind_layers

PORT = 4725
PROTOCOL = 253  # of the transport "ip" (RFC 3692)
TYPES = {
    0: "data",
    1: "feedback",
    2: "skip",
    3: "probe",
    4: "parity",
    5: "initiation",
    6: "response",
    7: "cookie",
}
FLAGS = ["copy", "repair", "congestion", "reply"]  # from bit 0 upwards

_HEADER = 24
_TAG = 16


class MpsimHeader(Packet):
    """What every datagram begins with (24 bytes) and ends with (the tag)."""

    name = "mpsim"
    fields_desc = [
        BitField("version", 1, 4),
        BitEnumField("type", 0, 4, TYPES),
        FlagsField("flags", 0, 8, FLAGS),
        ByteField("path", 0),
        ByteField("flow_class", 0),
        XIntField("epoch", 0),
        IntField("tunnel_sequence", 0),
        IntField("path_sequence", 0),
        IntField("send_time", 0),  # microseconds modulo 2^32
        ShortField("parity_block", 0),
        ByteField("parity_index", 0),
        ByteField("key", 0),  # 0: not sealed
        StrFixedLenField("tag", bytes(_TAG), length=_TAG),
    ]

    # Scapy dissects from the front: the tag is brought before the body, and put back when building.
    def pre_dissect(self, s: bytes) -> bytes:
        """Move the tag from the end of the datagram to the end of the header."""
        if len(s) < _HEADER + _TAG:
            return s
        return s[:_HEADER] + s[-_TAG:] + s[_HEADER:-_TAG]

    def post_dissect(self, s: bytes) -> bytes:
        """Forget the moved bytes, so that building passes through post_build again."""
        self.raw_packet_cache = None
        return s

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Move the tag to the end of the datagram."""
        return pkt[:_HEADER] + pay + pkt[_HEADER:]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Tell the body by the type, and an inner packet by its IP version; a sealed one shows nothing."""
        inner: type[Packet] = {4: IP, 6: IPv6}.get(payload[0] >> 4, Raw) if payload and not self.key else Raw
        if self.key:
            return inner
        found: type[Packet] = super().guess_payload_class(payload) if self.type else inner
        return found


class MpsimRange(Packet):
    """One further range of received datagrams, counted downwards from the one before it."""

    name = "mpsim range"
    fields_desc = [ShortField("missing", 1), ShortField("length", 1)]

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        """Leave all that follows to the next range."""
        return b"", s


class MpsimFeedback(Packet):
    """What one end has received on a path (RFC 9000, section 19.3; dissertation, section 3.2.3)."""

    name = "mpsim feedback"
    fields_desc = [
        ByteField("about_path", 0),
        FieldLenField("more_ranges", None, count_of="ranges", fmt="B"),
        ShortField("reserved", 0),
        IntField("largest", 0),
        IntField("receive_time", 0),  # microseconds modulo 2^32
        IntField("echo_time", 0),  # microseconds modulo 2^32
        IntField("ack", 0),
        IntField("nack", 0),
        IntField("marks", 0),
        IntField("first_length", 1),
        PacketListField("ranges", [], MpsimRange, count_from=lambda packet: packet.more_ranges),
    ]


class MpsimSkipRange(Packet):
    """One run of tunnel sequences that will never come."""

    name = "mpsim skip range"
    fields_desc = [IntField("first", 0), IntField("length", 1)]

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        """Leave all that follows to the next range."""
        return b"", s


class MpsimSkip(Packet):
    """Do not wait for these."""

    name = "mpsim skip"
    fields_desc = [
        FieldLenField("count", None, count_of="ranges", fmt="H"),
        ShortField("reserved", 0),
        PacketListField("ranges", [], MpsimSkipRange, count_from=lambda packet: packet.count),
    ]


class MpsimProbe(Packet):
    """A question about a path, or (flag reply in the header) its answer."""

    name = "mpsim probe"
    fields_desc = [
        IntField("number", 0),
        IntField("echo_time", 0),  # microseconds modulo 2^32
        IntField("srtt", 0),  # microseconds
    ]


class MpsimParity(Packet):
    """What lost packets are computed from: `parity_block` of them from `tunnel_sequence` of the header on."""

    name = "mpsim parity"
    fields_desc = [StrField("vector", b"")]


def _bind() -> None:
    bodies: dict[int, Any] = {0: IP, 1: MpsimFeedback, 2: MpsimSkip, 3: MpsimProbe, 4: MpsimParity}
    for number, body in bodies.items():
        bind_layers(MpsimHeader, body, type=number)
    bind_layers(MpsimHeader, IPv6, type=0)
    bind_bottom_up(UDP, MpsimHeader, sport=PORT)
    bind_layers(UDP, MpsimHeader, dport=PORT)
    bind_layers(IP, MpsimHeader, proto=PROTOCOL)
    bind_layers(IPv6, MpsimHeader, nh=PROTOCOL)


_bind()
