"""An inner packet's TCP header, read and written by us, and by Scapy."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as Frame
from scapy.packet import Raw

from mpsim.hosts.segments import Ack, Segment
from mpsim.tunnel.inner_tcp import set_window, tcp_header
from mpsim.tunnel.packet import Packet

IPS = {"ipv4": IP(src="10.0.0.1", dst="10.0.0.2"), "ipv6": IPv6(src="fd00::1", dst="fd00::2")}


def parsed(frame: Frame) -> Packet:
    return Packet.from_bytes(bytes(frame))


@pytest.mark.parametrize("version", IPS)
def test_a_data_segment_shows_its_numbers(version: str) -> None:
    frame = IPS[version] / TCP(sport=5, dport=6, flags="A", seq=1000, ack=77, window=501) / Raw(b"x" * 300)
    header = tcp_header(parsed(frame))
    assert header is not None
    assert (header.end, header.length, header.unit) == (1300, 300, 1)
    assert (header.ack, header.window, header.syn) == (77, 501, False)


@pytest.mark.parametrize("version", IPS)
def test_the_other_direction_is_the_same_connection_the_other_way_round(version: str) -> None:
    there = IPS[version] / TCP(sport=5, dport=6, flags="A")
    answer = IPS[version].copy()
    answer.src, answer.dst = answer.dst, answer.src
    back = answer / TCP(sport=6, dport=5, flags="A")
    one, other = tcp_header(parsed(there)), tcp_header(parsed(back))
    assert one is not None
    assert other is not None
    assert (one.flow, one.opposite) == (other.opposite, other.flow)
    assert one.flow != one.opposite


@pytest.mark.parametrize(
    ("options", "scale"),
    [
        ([("MSS", 1460), ("SAckOK", b""), ("NOP", None), ("WScale", 7)], 7),
        ([("NOP", None), ("NOP", None), ("WScale", 0)], 0),
        ([("WScale", 200)], 14),
        ([("MSS", 1460)], None),
        ([("EOL", None), ("WScale", 7)], None),
        ([], None),
    ],
)
def test_a_syn_announces_a_window_scale_or_none(options: list[tuple[str, object]], scale: int | None) -> None:
    header = tcp_header(parsed(IPS["ipv4"] / TCP(flags="S", seq=9, options=options)))
    assert header is not None
    assert (header.syn, header.scale, header.end) == (True, scale, 10)


@pytest.mark.parametrize(
    "frame",
    [
        IPS["ipv4"] / UDP(sport=1, dport=2) / Raw(b"x" * 40),
        IPS["ipv4"] / ICMP() / Raw(b"x" * 40),
        IP(src="10.0.0.1", dst="10.0.0.2", flags="MF") / TCP() / Raw(b"x" * 40),
        IP(src="10.0.0.1", dst="10.0.0.2", frag=3, proto=6) / Raw(b"x" * 40),
        IPS["ipv4"] / TCP(dataofs=15),
        IPS["ipv4"] / TCP(dataofs=4),
        IP(src="10.0.0.1", dst="10.0.0.2", proto=6) / Raw(b"x" * 19),
    ],
    ids=["udp", "icmp", "fragmented", "later fragment", "longer than it is", "too short", "truncated"],
)
def test_what_is_no_whole_tcp_header_is_none(frame: Frame) -> None:
    assert tcp_header(parsed(frame)) is None


@pytest.mark.parametrize("version", IPS)
@pytest.mark.parametrize("before", [0, 1, 501, 0xFFFF])
@pytest.mark.parametrize("after", [0, 1, 502, 0xFFFF])
def test_the_checksum_stays_the_one_that_scapy_computes(version: str, before: int, after: int) -> None:
    def frame(window: int) -> Frame:
        return IPS[version] / TCP(sport=5, dport=6, flags="A", seq=4, ack=5, window=window) / Raw(b"odd")

    packet = parsed(frame(before))
    set_window(packet, after)
    assert packet.payload == bytes(frame(after))


def test_a_simulated_segment_counts_whole_segments() -> None:
    header = Segment(4, 1380, 0.0).tcp_header(6)
    assert (header.flow, header.opposite, header.end, header.unit, header.ack) == (6, 7, 5, 1380, None)


def test_a_simulated_acknowledgement_takes_its_window() -> None:
    packet = Packet(52, 7, Ack(3, (), 0.0, 0.0))
    header = tcp_header(packet)
    assert header is not None
    assert (header.flow, header.opposite, header.ack, header.syn) == (7, 6, 3, False)
    set_window(packet, 12)
    assert packet.payload.window == 12
