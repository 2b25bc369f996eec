"""Bytes made for captures: Scapy finds in them what the simulated host meant, and every checksum right."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Raw
from scapy.utils import rdpcap

from emulation.capture import MpsimFeedback, MpsimHeader
from mpsim import headers
from mpsim.captures import Captures
from mpsim.hosts.mptcp.signals import DATA_ACK_SIZE, MAPPING_SIZE, Chunk, DataAck
from mpsim.hosts.ping import Echo
from mpsim.hosts.replay import Replayed
from mpsim.hosts.segments import HEADER, SYN_SIZE, Ack, Segment, ack_size
from mpsim.synthetic import CLIENT, SERVER, Named, Synthesizer, access_address, replay_source
from mpsim.tunnel import framing
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import Data, Feedback

MSS = 1380
MAKE = Synthesizer({4: Named(2, MSS), 5: Named(2, MSS)})


def rebuilt(data: bytes) -> bytes:
    """The same packet with every checksum and length computed by Scapy."""
    packet = IP(data)
    for layer in (IP, TCP, UDP, ICMP):
        for number in range(1, 3):
            found = packet.getlayer(layer, number)
            if found is not None:
                for name in {"chksum", "len"} & set(found.fields):
                    delattr(found, name)
    return bytes(packet)


def seen(packet: Packet, direction: str = "inbound") -> IP:
    data = MAKE.inner_bytes(packet, direction)
    assert len(data) == packet.size
    assert rebuilt(data) == data
    return IP(data)


def test_segment() -> None:
    tcp = seen(Packet(MSS + HEADER, 4, Segment(3, MSS, 1.5)))[TCP]
    assert (tcp.seq, tcp.ack, tcp.flags, len(tcp.payload)) == (1 + 3 * MSS, 1, "A", MSS)
    assert (tcp.sport, tcp.dport) == (5203, 16_003)
    assert ("Timestamp", (1500, 0)) in tcp.options


def test_syn_and_its_answer() -> None:
    syn = seen(Packet(SYN_SIZE, 4, Segment(-1, 0, 0.25)))[TCP]
    assert (syn.seq, syn.flags) == (0, "S")
    assert {"MSS": MSS, "SAckOK": b"", "WScale": 10}.items() <= dict(syn.options).items()
    answer = seen(Packet(ack_size(0), 5, Ack(0, (), 0.25, 0.5)), "outbound")[TCP]
    assert (answer.seq, answer.ack, answer.flags) == (0, 1, "SA")


@pytest.mark.parametrize("blocks", [0, 1, 2, 3])
def test_acknowledgement(blocks: int) -> None:
    sacks = tuple((10 * number, 10 * number + 4) for number in range(blocks, 0, -1))
    packet = seen(Packet(ack_size(blocks), 5, Ack(7, sacks, 0.5, 0.75)), "outbound")
    tcp = packet[TCP]
    assert (packet.src, packet.dst, tcp.sport, tcp.dport) == ("10.77.1.2", "10.77.2.2", 16_003, 5203)
    assert (tcp.seq, tcp.ack, tcp.flags) == (1, 1 + 7 * MSS, "A")
    assert dict(tcp.options)["Timestamp"] == (750, 500)
    assert dict(tcp.options).get("SAck", ()) == tuple(1 + edge * MSS for block in sacks for edge in block)


def multipath_option(packet: ScapyPacket) -> list[bytes]:
    return [value for kind, value in packet[TCP].options if kind == 30]


def test_multipath_segments_have_data_sequence_signals() -> None:
    synthesizer = Synthesizer({("f", 1): Named(0, 1428, 1)})
    segment = Segment(7, 1428, 2.5)
    segment.mapping = Chunk(12, 1428)
    packet = IP(synthesizer.link_bytes(Packet(1428 + HEADER + MAPPING_SIZE, ("f", 1), segment), "outbound"))
    assert len(packet) == 1500
    assert packet.src == "10.79.1.1"
    (option,) = multipath_option(packet)
    assert option == b"\x20\x0c" + (1 + 12 * 1428).to_bytes(8, "big") + (1 + 7 * 1428).to_bytes(4, "big") + b"\x05\x94"
    ack = Ack(7, ((9, 10),), 1.0, 2.0)
    ack.signal = DataAck(12, 100)
    size = ack_size(1, HEADER + DATA_ACK_SIZE)
    packet = IP(synthesizer.link_bytes(Packet(size, ("f", 1), ack), "inbound"))
    assert len(packet) == size == 76
    assert multipath_option(packet) == [b"\x20\x03" + (1 + 12 * 1428).to_bytes(8, "big")]


@pytest.mark.parametrize(("subflow", "option"), [(0, b"\x01\x01"), (1, b"\x10\x01" + bytes(8))])
def test_multipath_connections_open_or_join(subflow: int, option: bytes) -> None:
    synthesizer = Synthesizer({("f", subflow): Named(0, 1428, subflow)})
    size = SYN_SIZE + MAPPING_SIZE
    packet = IP(synthesizer.link_bytes(Packet(size, ("f", subflow), Segment(-1, 0, 0.0)), "outbound"))
    assert len(packet) == size
    assert multipath_option(packet) == [option]


def test_udp_ping_and_marks() -> None:
    packet = seen(Packet(1228, 4, (1, 0.0), dscp=46, ecn=2))
    assert (packet.src, packet.tos, packet[UDP].dport, len(packet[UDP].payload)) == (
        "10.77.2.2",
        46 << 2 | 2,
        16_003,
        1200,
    )
    for reply, kind in ((False, 8), (True, 0)):
        icmp = seen(Packet(84, 4, Echo(9, 0.0, reply)))[ICMP]
        assert (icmp.type, icmp.id, icmp.seq, len(icmp.payload)) == (kind, 3, 9, 56)
    assert seen(Packet(24, 4, Replayed(0, 0.0, 0, None))).proto == headers.OTHER


def test_datagram_on_a_link() -> None:
    inner = Packet(MSS + HEADER, 4, Segment(3, MSS, 1.5), dscp=10, ecn=1)
    data = Data(7, 1, 5, 0, 0, 12, inner)
    crossed = MAKE.link_bytes(data, "inbound")
    assert len(crossed) == data.size
    assert rebuilt(crossed) == crossed
    packet = IP(crossed)
    assert (packet.src, packet.dst, packet.tos) == ("10.78.1.2", "10.78.1.1", 10 << 2 | 1)
    assert (packet[MpsimHeader].tunnel_sequence, packet[TCP].seq) == (12, 1 + 3 * MSS)
    feedback = Feedback(7, 0, 6, 0, 1, ((3, 9),), 1, 2)
    crossed = MAKE.link_bytes(feedback, "outbound")
    assert len(crossed) == feedback.size
    assert (IP(crossed).src, IP(crossed)[MpsimFeedback].largest) == ("10.78.0.1", 9)


FAMILIES = ["ipv4", "ipv6"]


def summed(packet: ScapyPacket) -> bytes:
    """The packet with the checksums and lengths of its first two layers computed by Scapy."""
    for layer in (packet, packet.payload):
        for name in {"chksum", "len", "plen", "cksum"} & set(layer.fields):
            delattr(layer, name)
    return bytes(packet)


@pytest.mark.parametrize("transport", ["udp", "ip"])
@pytest.mark.parametrize("outer", FAMILIES)
@pytest.mark.parametrize("inner", FAMILIES)
def test_every_framing_has_its_size_and_checksums(inner: str, outer: str, transport: str) -> None:
    make = Synthesizer({4: Named(2, MSS)}, inner=inner, outer=outer, transport=transport)
    header = framing.tcp_headers(inner)
    packets = [
        Packet(header + 100, 4, Segment(3, 100, 1.5), dscp=46),
        Packet(framing.udp_headers(inner) + 56, 4, Echo(9, 0.0, reply=False)),
        Packet(framing.udp_headers(inner) + 77, 4, (0, 0.0)),
        Packet(header + 12, 4, Ack(7, ((9, 10),), 0.5, 0.75)),
    ]
    outside = {"ipv4": IP, "ipv6": IPv6}
    for packet in packets:
        data = Data(7, 1, 5, 0, 0, 12, packet, overhead=framing.overhead(transport, outer))
        crossed = make.link_bytes(data, "inbound")
        assert len(crossed) == data.size
        seen = outside[outer](crossed)
        assert seen[MpsimHeader].tunnel_sequence == 12
        assert isinstance(seen[MpsimHeader].underlayer, {"udp": UDP, "ip": outside[outer]}[transport])
        alone = make.inner_bytes(packet, "inbound")
        assert len(alone) == packet.size
        assert summed(outside[inner](alone)) == alone


def test_a_path_over_tcp_has_the_headers_of_tcp() -> None:
    make = Synthesizer({}, streams={"data": 1, "acks": 1}, outer="ipv6")
    header = framing.tcp_headers("ipv6")
    for packet, direction, sport in (
        (Packet(header + 300, "data", Segment(2, 300, 1.5)), "inbound", 4726),
        (Packet(ack_size(1, header), "acks", Ack(7, ((9, 10),), 0.5, 0.75)), "outbound", 4726),
        (Packet(header + 300, "data", Segment(2, 300, 1.5)), "outbound", 4725),
    ):
        crossed = make.link_bytes(packet, direction)
        assert len(crossed) == packet.size
        assert summed(IPv6(crossed)) == crossed
        assert (IPv6(crossed)[TCP].sport, IPv6(crossed).src) == (
            sport, "fd77:0:0:7801::2" if direction == "inbound" else "fd77:0:0:7801::1",
        )  # fmt: skip


def test_addresses_are_those_of_the_emulated_network() -> None:
    from emulation import addresses, traffic
    from mpsim import synthetic

    assert headers.address(addresses.CLIENT_ADDRESS) == CLIENT
    assert headers.address(addresses.SERVER_ADDRESS) == SERVER
    for side in addresses.PORTALS:
        for version in FAMILIES:
            known = access_address(side == addresses.LOCAL, 3, version)
            assert ip_address(addresses.access_address(side, 3, version)).packed == known
    for end, number in ((addresses.CLIENT, 0), (addresses.SERVER, 1)):
        for version in FAMILIES:
            assert ip_address(addresses.end_address(end, version)).packed == synthetic.ENDS[version][number]
    assert addresses.TUNNEL_PORT == synthetic.TUNNEL_PORT
    assert (traffic.FIRST_SERVER_PORT, traffic.FIRST_CLIENT_PORT, traffic.FIRST_ECHO_ID) == (
        synthetic.FIRST_SERVER_PORT, synthetic.FIRST_CLIENT_PORT, synthetic.FIRST_ECHO_ID,
    )  # fmt: skip


def test_captures_of_a_run(tmp_path: Path) -> None:
    captures = Captures(tmp_path, MAKE)
    link, tunnel = captures.link("dsl", "inbound"), captures.tunnel("local", "out")
    packet = Packet(1228, 4, (1, 0.0))
    link(1.25, Data(7, 1, 5, 0, 0, 12, packet))
    link(1.5, packet)  # cross traffic beside the tunnel
    tunnel(2.0, packet)
    captures.close()
    assert captures.counts() == {"link-dsl-inbound": 2, "tunnel-local-out": 1}
    first, second = rdpcap(str(tmp_path / "link-dsl-inbound.pcap"))
    assert (float(first.time), MpsimHeader in first, MpsimHeader in second) == (1.25, True, False)
    assert bytes(rdpcap(str(tmp_path / "tunnel-local-out.pcap"))[0]) == bytes(second)


ENDS = {"src": "1.2.3.4", "dst": "5.6.7.8"}
WHOLE = {
    "tcp": IP(**ENDS, tos=184, ttl=1) / TCP(sport=80, dport=99, flags="SA", options=[("NOP", None)] * 4) / b"abc",
    "udp": IP(**ENDS) / UDP(sport=53, dport=99) / b"abcd",
    "icmp": IP(**ENDS) / ICMP(id=4, seq=5) / b"abcde",
    "options": IP(**ENDS, options=[b"\x01\x01\x01\x00"]) / UDP() / b"x",
    "other": IP(**ENDS, proto=89) / Raw(b"ospf"),
}
PAYLOADS = {"tcp": 3, "udp": 4, "icmp": 5, "options": 1, "other": 4}


@pytest.mark.parametrize("kind", WHOLE)
def test_readdressed(kind: str) -> None:
    before = bytes(WHOLE[kind])
    after = headers.readdress(before, replay_source(300), SERVER, 77)
    assert len(after) == len(before)
    assert rebuilt(after) == after
    packet = IP(after)
    assert (packet.src, packet.dst, packet.id, packet.ttl) == ("198.18.1.44", "10.77.2.2", 77, 64)
    assert packet.tos == IP(before).tos
    assert packet.payload.payload == IP(before).payload.payload
    assert headers.payload_size(after) == PAYLOADS[kind]


@pytest.mark.parametrize(
    ("upper", "protocol"),
    [(UDP(sport=7, dport=8) / b"payload", 17), (TCP(sport=7, dport=8) / b"x", 6), (Raw(b"?" * 9), 59), (Raw(b""), 59)],
)
def test_ipv6_becomes_ipv4_of_the_same_size(upper: ScapyPacket, protocol: int) -> None:
    before = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2", tc=184, nh=protocol) / upper)
    after = headers.readdress(before, CLIENT, SERVER, 5)
    assert len(after) == len(before)
    assert rebuilt(after) == after
    assert (IP(after).version, IP(after).tos, IP(after).id) == (4, 184, 5)
    if not isinstance(upper, Raw):
        assert (IP(after).payload.sport, IP(after).payload.dport) == (7, 8)


@given(st.binary(max_size=400))
def test_checksum_is_that_of_rfc_1071(data: bytes) -> None:
    padded = data + b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert headers.checksum(data) == ~total & 0xFFFF


@given(st.binary(min_size=20, max_size=200), st.integers(5, 15))
def test_any_packet_that_is_one_can_be_readdressed(data: bytes, words: int) -> None:
    packet = bytes([0x40 | words]) + data[1:].ljust(4 * words - 1, b"\0")
    after = headers.readdress(packet, CLIENT, SERVER)
    assert len(after) == len(packet)
    assert 0 <= headers.payload_size(after) <= len(after)
