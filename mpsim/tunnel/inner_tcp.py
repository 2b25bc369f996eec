"""The TCP header of an inner packet: what a portal reads of it, and the one field that it may write, the window.

Real packets are parsed from their bytes (RFC 9293, section 3.1; window scale: RFC 7323, section 2). A simulated
host's packet shows the same through `tcp_header` of its payload; there a sequence number counts whole segments.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from mpsim.tunnel.packet import IPV4_HEADER, IPV6_HEADER, TCP, Packet

SYN, ACK = 0x02, 0x10
END_OF_OPTIONS, NO_OPERATION, WINDOW_SCALE, SACK = 0, 1, 3, 5
MOST_SCALE = 14  # RFC 7323, section 2.3
LEAST_HEADER = 20  # bytes


class TcpHeader:
    """What a portal reads of a TCP header.

    flow, opposite: keys of the packet's direction of the connection, and of the other one; end: sequence number after
    its payload; length: payload, bytes; unit: bytes that a sequence number counts; ack: acknowledgement number,
    None: there is none; window: as in the header, not scaled; syn: whether it opens the connection; scale: of its
    sender's windows, as its SYN has it, None: without that option; plain: an acknowledgement and nothing else, which
    may be said twice.
    """

    __slots__ = ("ack", "end", "flow", "length", "opposite", "plain", "scale", "syn", "unit", "window")

    def __init__(  # noqa: PLR0917  # one is made for each packet
        self,
        flow: Hashable,
        opposite: Hashable,
        end: int,
        length: int,
        unit: int,
        ack: int | None,
        window: int,
        syn: bool,
        scale: int | None,
        plain: bool,
    ) -> None:
        self.flow = flow
        self.opposite = opposite
        self.end = end
        self.length = length
        self.unit = unit
        self.ack = ack
        self.window = window
        self.syn = syn
        self.scale = scale
        self.plain = plain


class SimulatedTcp(Protocol):
    """A simulated host's TCP packet."""

    def tcp_header(self, flow: Hashable) -> TcpHeader:
        """Return its header; flow: the packet's flow key."""

    def set_window(self, window: int) -> None:
        """Write the window."""

    def again(self) -> SimulatedTcp:
        """Return the same once more, as it was before its window was written."""


def tcp_header(packet: Packet) -> TcpHeader | None:
    """Return an inner packet's TCP header; None: it has none that can be read."""
    payload = packet.payload
    if isinstance(payload, bytes):
        return _parse(payload)
    read = getattr(payload, "tcp_header", None)
    return None if read is None else read(packet.flow)


def set_window(packet: Packet, window: int) -> None:
    """Write the window, not scaled, into a packet that has a TCP header, and mend its checksum."""
    payload = packet.payload
    if isinstance(payload, bytes):
        packet.payload = _with_window(payload, window)
    else:
        payload.set_window(window)


def _tcp_at(data: bytes) -> int:
    """Return where the TCP header begins; 0: there is none, or not all of it."""
    if data[0] >> 4 == 4:
        fragment = int.from_bytes(data[6:8], "big") & 0x3FFF  # more fragments, or not the first
        begin, protocol = (data[0] & 0xF) * 4, data[9]
        addressed = begin >= IPV4_HEADER and not fragment
    else:
        begin, protocol = IPV6_HEADER, data[6]
        addressed = True
    if not addressed or protocol != TCP or len(data) < begin + LEAST_HEADER:
        return 0
    header = (data[begin + 12] >> 4) * 4
    return begin if LEAST_HEADER <= header <= len(data) - begin else 0


def _parse(data: bytes) -> TcpHeader | None:
    begin = _tcp_at(data)
    if not begin:
        return None
    addresses = data[12:20] if data[0] >> 4 == 4 else data[8:40]
    half = len(addresses) // 2
    source, destination = data[begin : begin + 2], data[begin + 2 : begin + 4]
    header = (data[begin + 12] >> 4) * 4
    flags = data[begin + 13]
    syn = bool(flags & SYN)
    options = data[begin + LEAST_HEADER : begin + header]
    length = len(data) - begin - header
    sequence = int.from_bytes(data[begin + 4 : begin + 8], "big")
    return TcpHeader(
        addresses + source + destination,
        addresses[half:] + addresses[:half] + destination + source,
        sequence + length + syn,
        length,
        1,
        int.from_bytes(data[begin + 8 : begin + 12], "big") if flags & ACK else None,
        int.from_bytes(data[begin + 14 : begin + 16], "big"),
        syn,
        _scale(options) if syn else None,
        flags == ACK and not length and _option(options, SACK) is None,
    )


def _scale(options: bytes) -> int | None:
    """Return the window scale that a SYN's options announce; None: they do not."""
    value = _option(options, WINDOW_SCALE)
    return min(value[0], MOST_SCALE) if value else None


def _option(options: bytes, wanted: int) -> bytes | None:
    """Return the value of an option; None: it is not there."""
    at = 0
    while at < len(options) and options[at] != END_OF_OPTIONS:
        if options[at] == NO_OPERATION:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2:
            break
        if options[at] == wanted:
            return options[at + 2 : at + options[at + 1]]
        at += options[at + 1]
    return None


def _with_window(data: bytes, window: int) -> bytes:
    begin = _tcp_at(data)
    changed = bytearray(data)
    changed[begin + 14 : begin + 16] = window.to_bytes(2, "big")
    # By the difference of one word (RFC 1624, equation 3).
    before = int.from_bytes(data[begin + 14 : begin + 16], "big")
    summed = (~int.from_bytes(data[begin + 16 : begin + 18], "big") & 0xFFFF) + (~before & 0xFFFF) + window
    summed = (summed & 0xFFFF) + (summed >> 16)
    summed = (summed & 0xFFFF) + (summed >> 16)
    changed[begin + 16 : begin + 18] = (~summed & 0xFFFF).to_bytes(2, "big")
    return bytes(changed)
