"""Simulated packets and datagrams as real bytes, for captures: valid headers and checksums, zero payload.

What a simulated host knows of a packet goes into the headers (sequence numbers, SACK blocks, timestamps,
echo numbers); addresses and ports are those of the emulated network, so that captures of both worlds
can be read with the same filters. The size is exactly the simulated one.

What carries a path over TCP is shown as TCP, but without the datagrams in it: its payload is zero, its
sequence numbers count full segments, and each direction has a connection of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mpsim import headers
from mpsim.hosts.mptcp.signals import Chunk, DataAck
from mpsim.hosts.ping import Echo
from mpsim.hosts.replay import Replayed
from mpsim.hosts.segments import Ack, Segment
from mpsim.tunnel import framing
from mpsim.tunnel.datagrams import Datagram, Sealed
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.repair.codes import parity_of
from mpsim.tunnel.wire import Data, Parity, encode, encode_data_header


def _unique_local(network: int, host: int) -> bytes:
    """Return an address of the emulated network's IPv6 prefix (RFC 4193): fd77:0:0:NETWORK::HOST."""
    return (0xFD77 << 112 | network << 64 | host).to_bytes(16, "big")


CLIENT, SERVER = headers.address("10.77.1.2"), headers.address("10.77.2.2")
ENDS = {"ipv4": (CLIENT, SERVER), "ipv6": tuple(_unique_local(0x7700 + end, 2) for end in (1, 2))}
FIRST_SERVER_PORT, FIRST_CLIENT_PORT, FIRST_ECHO_ID = 5201, 16_001, 1
TUNNEL_PORT = 4725
# RFC 2544's addresses for measurements: replayed packets come from them, see `replay_source`.
_BENCHMARK = (198, 18)

_MS_PER_S = 1000  # the grain of TCP's timestamps
_NOP2 = b"\x01\x01"
_SYN_OPTIONS = b"\x02\x04%b\x04\x02"  # MSS, SACK permitted
_WINDOW_SCALE = b"\x01\x03\x03\x0a"
# RFC 8684, section 3: kind, subtypes; what the data sequence signal has, in 64 bits each; version 1, HMAC-SHA256.
_MPTCP, _JOIN, _DSS, _HAS_DATA_ACK, _HAS_MAPPING = 30, 0x10, 0x20, 0x03, 0x0C
_CAPABLE = b"\x1e\x04\x01\x01"


def access_address(local: bool, link: int, version: str = "ipv4") -> bytes:
    """Return the address of a portal on an access link, as the emulated network has it."""
    host = 1 if local else 2
    return bytes((10, 78, link, host)) if version == "ipv4" else _unique_local(0x7800 + link, host)


def subflow_address(link: int, *, six: bool = False) -> bytes:
    """Return the client's address on a further link, from which a Multipath TCP joins a subflow, as in emulation."""
    return _unique_local(0x7900 + link, 1) if six else bytes((10, 79, link, 1))


def replay_source(flow: int) -> bytes:
    """Return the address that the packets of a replayed flow (its index) come from.

    One a flow, so that the far end knows them, and one to which answers lead nowhere: no host here
    takes part in the conversation that a capture replays.
    """
    return bytes((*_BENCHMARK, flow >> 8, flow & 0xFF))


@dataclass(frozen=True, slots=True)
class Named:
    """What the bytes of a flow's packets are made from: its index in the scenario, its TCP's full segment in bytes.

    subflow: of Multipath TCP; each leaves the client from an address of its own.
    """

    index: int
    mss: int = 1380
    subflow: int = 0


class Synthesizer:
    """Turns what crosses a link or enters and leaves the tunnel into bytes.

    Parameters
        flows: what is behind the flow keys of simulated packets, of both directions
        streams: the link of each flow key that carries a path over TCP
        inner, outer: "ipv4" or "ipv6"
        transport: of the tunnel, "udp" or "ip" (over TCP no datagram crosses a link as it is)
    """

    def __init__(
        self,
        flows: Mapping[Any, Named],
        *,
        streams: Mapping[Any, int] | None = None,
        inner: str = "ipv4",
        outer: str = "ipv4",
        transport: str = "udp",
    ) -> None:
        self._flows = dict(flows)
        self._streams = dict(streams or {})
        self._ends = ENDS[inner]
        self._outer = outer
        self._transport = transport

    def link_bytes(self, thing: Any, direction: str) -> bytes:
        """Return the IP packet that crosses a link: a tunnel's datagram, or a packet beside the tunnel."""
        if isinstance(thing, Packet):
            link = self._streams.get(thing.flow)
            return self.inner_bytes(thing, direction) if link is None else self._stream_bytes(thing, link, direction)
        return self._datagram_bytes(thing, direction)

    def _datagram_bytes(self, datagram: Datagram | Sealed, direction: str) -> bytes:
        traffic_class = 0
        if isinstance(datagram, Sealed):
            body = datagram.data
            if datagram.packet is not None:
                traffic_class = datagram.packet.dscp << 2 | datagram.packet.ecn
        elif isinstance(datagram, Data):
            packet = datagram.packet
            traffic_class = packet.dscp << 2 | packet.ecn  # RFC 6040: copied to the outer header
            inner = self._parity_bytes if isinstance(datagram, Parity) else self._whole_bytes
            body = encode_data_header(datagram) + inner(datagram, direction) + bytes(16)
        else:
            body = encode(datagram)
        source, destination = self._portals(datagram.path, direction)
        protocol = headers.EXPERIMENTAL
        if self._transport == "udp":
            protocol, body = headers.UDP, headers.udp((TUNNEL_PORT, TUNNEL_PORT), body)
        return headers.ip(source, destination, protocol, body, traffic_class=traffic_class)

    def _whole_bytes(self, datagram: Data, direction: str) -> bytes:
        return self.inner_bytes(datagram.packet, direction)

    def _parity_bytes(self, datagram: Data, direction: str) -> bytes:
        """Return the parity of the packets as captures show them."""
        protected = datagram.packet.payload
        if isinstance(protected, bytes):
            return protected
        return parity_of(datagram.index, [self.inner_bytes(packet, direction) for packet in protected.packets])

    def _portals(self, link: int, direction: str) -> tuple[bytes, bytes]:
        outbound = direction == "outbound"
        return access_address(outbound, link, self._outer), access_address(not outbound, link, self._outer)

    def _stream_bytes(self, packet: Packet, link: int, direction: str) -> bytes:
        source, destination = self._portals(link, direction)
        # The connection is named by the way its data goes: its acknowledgements go the other.
        outbound = (direction == "outbound") != isinstance(packet.payload, Ack)
        port = TUNNEL_PORT if outbound else TUNNEL_PORT + 1
        mss = framing.OUTER_MTU - framing.tcp_headers(self._outer)
        make = _ack if isinstance(packet.payload, Ack) else _segment
        return headers.ip(source, destination, headers.TCP, make(packet.payload, (port, port), mss))

    def inner_bytes(self, packet: Packet, direction: str) -> bytes:
        """Return an inner packet; direction says which way it travels ("inbound": server to client)."""
        payload = packet.payload
        if isinstance(payload, bytes):
            return payload
        if isinstance(payload, Replayed) and payload.data is not None:
            return payload.data
        named = self._flows[packet.flow]
        client, server = self._ends
        if named.subflow:
            client = subflow_address(named.subflow, six=len(client) != len(CLIENT))
        source, destination = (client, server) if direction == "outbound" else (server, client)
        ports = (FIRST_CLIENT_PORT + named.index, FIRST_SERVER_PORT + named.index)
        if direction != "outbound":
            ports = ports[::-1]
        six = len(source) != len(CLIENT)
        room = packet.size - framing.IP_HEADER["ipv6" if six else "ipv4"]
        protocol, body = _transport(payload, ports, named, room, six=six)
        traffic_class = packet.dscp << 2 | packet.ecn
        return headers.ip(source, destination, protocol, body, traffic_class=traffic_class)


def _transport(payload: Any, ports: tuple[int, int], named: Named, room: int, *, six: bool) -> tuple[int, bytes]:
    if isinstance(payload, Segment):
        if payload.index < 0:
            return headers.TCP, _syn(payload, ports, named, room)
        return headers.TCP, _segment(payload, ports, named.mss)
    if isinstance(payload, Ack):
        return headers.TCP, _ack(payload, ports, named.mss)
    if isinstance(payload, Echo):
        rest = bytes(room - headers.ICMP_SIZE)
        make = headers.echo_v6 if six else headers.echo
        message = make(FIRST_ECHO_ID + named.index, payload.number, rest, reply=payload.reply)
        return (headers.ICMPV6 if six else headers.ICMP), message
    if room < headers.UDP_SIZE:
        return headers.OTHER, bytes(room)
    return headers.UDP, headers.udp(ports, bytes(room - headers.UDP_SIZE))


def _syn(segment: Segment, ports: tuple[int, int], named: Named, room: int) -> bytes:
    options = _SYN_OPTIONS % named.mss.to_bytes(2, "big") + _timestamps(segment.time, 0.0) + _WINDOW_SCALE
    left = room - headers.TCP_SIZE - len(options)
    if left:
        # The simulation has no keys, tokens and random numbers.
        multipath = bytes((_MPTCP, 12, _JOIN, named.subflow)) + bytes(8) if named.subflow else _CAPABLE
        options += multipath + _NOP2[:1] * (left - len(multipath))
    return headers.tcp(ports, 0, 0, headers.SYN, options)


def _segment(segment: Segment, ports: tuple[int, int], mss: int) -> bytes:
    sequence = 1 + segment.index * mss
    options = _NOP2 + _timestamps(segment.time, 0.0) + _mapping(segment, sequence, mss)
    return headers.tcp(ports, sequence, 1, headers.ACK, options, bytes(segment.length))


def _mapping(segment: Segment, sequence: int, mss: int) -> bytes:
    """Return Multipath TCP's option of a segment (RFC 8684, figure 9), if it is one of a subflow's."""
    chunk = getattr(segment, "mapping", None)
    if not isinstance(chunk, Chunk):
        return b""
    data = 1 + chunk.number * mss
    return struct.pack("!BBBBQIH", _MPTCP, 18, _DSS, _HAS_MAPPING, data, sequence, segment.length) + _NOP2


def _data_ack(ack: Ack, mss: int) -> bytes:
    """Return that of an acknowledgement."""
    signal = getattr(ack, "signal", None)
    if not isinstance(signal, DataAck):
        return b""
    return struct.pack("!BBBBQ", _MPTCP, 12, _DSS, _HAS_DATA_ACK, 1 + signal.ack * mss)


def _ack(ack: Ack, ports: tuple[int, int], mss: int) -> bytes:
    options = _NOP2 + _timestamps(ack.time, ack.echo) + _data_ack(ack, mss)
    if ack.sacks:
        edges = [1 + edge * mss for block in ack.sacks for edge in block]
        blocks = b"".join((edge & 0xFFFF_FFFF).to_bytes(4, "big") for edge in edges)
        options += _NOP2 + bytes((5, 2 + len(blocks))) + blocks
    if not ack.ack and not ack.sacks:
        return headers.tcp(ports, 0, 1, headers.SYN | headers.ACK, options)  # nothing yet: the answer to a SYN
    return headers.tcp(ports, 1, 1 + ack.ack * mss, headers.ACK, options)


def _timestamps(value: float, echo: float) -> bytes:
    """Return the timestamps option (RFC 7323, section 3) of two times (s), without padding."""
    stamps = (int(time * _MS_PER_S) & 0xFFFF_FFFF for time in (value, echo))
    return b"\x08\x0a" + b"".join(stamp.to_bytes(4, "big") for stamp in stamps)
