"""Traffic from captures and from functions of Scapy packets: what is read, what is refused, what arrives."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, CookedLinux, Dot1Q, Ether
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Padding
from scapy.utils import PcapNgWriter, wrpcap

from mpsim import headers
from mpsim.errors import InputError
from mpsim.flow_sources import load_capture, load_generator, number_from_wire, number_on_wire, open_flow
from mpsim.hosts.replay import NEVER, ReplaySink, ReplaySource
from mpsim.synthetic import CLIENT, SERVER, replay_source
from mpsim.tunnel.packet import CLASS_EXPEDITED, CLASS_TCP, CLASS_UDP

SMALL = IP(src="1.2.3.4", dst="5.6.7.8") / UDP(sport=5, dport=6) / b"small"
LARGE = IP(src="1.2.3.4", dst="5.6.7.8", tos=184) / TCP(sport=5, dport=6) / bytes(1000)
SIXTH = IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=5, dport=6) / b"six"


def at(time: float, packet: ScapyPacket) -> ScapyPacket:
    packet = packet.copy()
    packet.time = time
    return packet


def sizes(entries: list[tuple[float, bytes]]) -> list[tuple[float, int]]:
    return [(round(time, 6), len(data)) for time, data in entries]


@pytest.mark.parametrize(
    ("shell", "linktype"), [(Ether(), 1), (Ether() / Dot1Q(vlan=7), 1), (CookedLinux(), 113), (None, 101)]
)
def test_capture_of_any_link_type(tmp_path: Path, shell: ScapyPacket | None, linktype: int) -> None:
    packets = [at(10.0 + number, shell / one if shell else one) for number, one in enumerate([SMALL, LARGE, SIXTH])]
    wrpcap(str(tmp_path / "some.pcap"), packets, linktype=linktype)
    entries = load_capture(tmp_path / "some.pcap")
    assert [time for time, _ in entries] == [0.0, 1.0, 2.0]
    assert [data for _, data in entries] == [bytes(SMALL), bytes(LARGE), bytes(SIXTH)]


def test_only_ip_packets_count_and_ethernet_padding_does_not(tmp_path: Path) -> None:
    packets = [at(1.0, Ether() / ARP()), at(2.0, Ether() / SMALL / Padding(bytes(13))), at(3.0, Ether() / LARGE)]
    wrpcap(str(tmp_path / "some.pcap"), packets)
    assert sizes(load_capture(tmp_path / "some.pcap")) == [(0.0, len(SMALL)), (1.0, len(LARGE))]


def test_capture_of_the_beginnings_of_packets_gives_their_sizes(tmp_path: Path) -> None:
    content = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 60, 101)
    for time, packet in ((5, SMALL), (6, LARGE)):
        data = bytes(packet)[:60]
        content += struct.pack("<IIII", time, 0, len(data), len(packet)) + data
    (tmp_path / "cut.pcap").write_bytes(content)
    entries = load_capture(tmp_path / "cut.pcap")
    assert sizes(entries) == [(0.0, len(SMALL)), (1.0, len(LARGE))]
    assert entries[1][1] == bytes(LARGE)[:60] + bytes(len(LARGE) - 60)


def test_disorder_is_mended_and_the_first_time_is_zero(tmp_path: Path) -> None:
    wrpcap(str(tmp_path / "some.pcap"), [at(1000.5, LARGE), at(1000.0, SMALL)])
    assert sizes(load_capture(tmp_path / "some.pcap")) == [(0.0, len(SMALL)), (0.5, len(LARGE))]


def test_pcapng_and_gzip(tmp_path: Path) -> None:
    writer = PcapNgWriter(str(tmp_path / "some.pcapng"))
    for packet in (at(7.25, Ether() / SMALL), at(7.5, Ether() / LARGE)):
        writer.write(packet)
    writer.close()
    expected = [(0.0, len(SMALL)), (0.25, len(LARGE))]
    assert sizes(load_capture(tmp_path / "some.pcapng")) == expected
    (tmp_path / "some.gz").write_bytes(gzip.compress((tmp_path / "some.pcapng").read_bytes()))
    assert sizes(load_capture(tmp_path / "some.gz")) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", '"bad.pcap" is not a capture'),
        (b"hello, this is not a capture at all", '"bad.pcap" is not a capture'),
        (None, 'cannot read "bad.pcap": No such file or directory'),
        ([Ether() / ARP()], 'no IP packets in "bad.pcap"'),
    ],
)
def test_bad_captures(tmp_path: Path, content: bytes | list[ScapyPacket] | None, problem: str) -> None:
    path = tmp_path / "bad.pcap"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        wrpcap(str(path), content)
    with pytest.raises(ValueError, match=problem) as caught:
        load_capture(path)
    assert "\n" not in str(caught.value)


@given(data=st.binary(max_size=300), start=st.sampled_from(["d4c3b2a1", "4d3cb2a1", "0a0d0d0a", ""]))
def test_damaged_captures_are_faults(tmp_path_factory: pytest.TempPathFactory, data: bytes, start: str) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.pcap"
    path.write_bytes(bytes.fromhex(start) + data)
    try:
        entries = load_capture(path)
    except ValueError:
        return
    assert entries


FUNCTIONS = """
from scapy.all import IP, UDP, Ether
def two():
    yield 0.0, IP(dst="9.9.9.9") / UDP(dport=7) / b"first"
    yield 1, Ether() / IP(dst="9.9.9.9") / UDP(dport=7) / b"second"
def drawn(*, random, mtu):
    for number in range(5):
        yield random.random() + number, IP() / UDP() / bytes(mtu - 28)
def endless(size=10):
    number = 0
    while True:
        yield number * 0.5, IP() / UDP() / bytes(size)
        number += 1
def back():
    yield 1.0, IP() / UDP()
    yield 0.5, IP() / UDP()
def negative(): yield -1.0, IP() / UDP()
def nan(): yield float("nan"), IP() / UDP()
def word(): yield "1", IP() / UDP()
def alone(): yield IP() / UDP()
def raw(): yield 0.0, bytes(IP() / UDP())
def frame(): yield 0.0, Ether()
def large(): yield 0.0, IP() / UDP() / bytes(1500)
def wants(colour): yield 0.0, IP()
def breaks():
    yield 0.0, IP() / UDP()
    raise KeyError("gone")
def nothing(): return None
value = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    return tmp_path


def test_function_yields_times_and_packets(folder: Path) -> None:
    entries = list(load_generator("mine.py:two", folder))
    assert sizes(entries) == [(0.0, 33), (1.0, 34)]
    assert IP(entries[1][1])[UDP].dport == 7


def test_function_may_be_endless(folder: Path) -> None:
    assert [time for time, _ in islice(load_generator("mine.py:endless", folder), 4)] == [0.0, 0.5, 1.0, 1.5]


def test_function_is_given_what_it_asks_for(folder: Path) -> None:
    first, again, other = (
        list(load_generator("mine.py:drawn", folder, {"random": Random(seed), "mtu": 100})) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert {len(data) for _, data in first} == {100}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("back", "packet 2: its time goes back from 1.0 s to 0.5 s"),
        ("negative", "packet 1: its time must be a number of seconds, 0 or more; given -1.0"),
        ("nan", "given nan"),
        ("word", "given '1'"),
        ("alone", "a pair of time and packet is needed; given IP"),
        ("raw", "a Scapy packet with IP or IPv6 in it is needed"),
        ("frame", "a Scapy packet with IP or IPv6 in it is needed"),
        ("wants", 'asks for an argument "colour"; keyword-only ones to be had: *, mtu, *, random'),
        ("breaks", "packet 1: KeyError: 'gone'"),
        ("nothing", "TypeError: 'NoneType' object is not iterable"),
        ("value", '"value" in "mine.py" is not a function'),
        ("absent", 'no "absent" in "mine.py"'),
        ("large", "max 1432 bytes an IP packet on this flow's way; given 1528 (packet 1)"),
    ],
)
def test_faults_of_a_function_name_the_key(folder: Path, name: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        list(opened("scapy", f"mine.py:{name}", folder))
    (fault,) = caught.value.faults
    assert fault.key == "flow[1].file"
    assert problem in fault.message
    assert "\n" not in str(fault)


def opened(kind: str, file: str, folder: Path, mtu: int = 1432, seed: int = 1) -> list[tuple[float, bytes]]:
    source, random = replay_source(1), Random(seed)
    return list(open_flow(kind, file, folder, key="flow[1]", mtu=mtu, source=source, destination=SERVER, random=random))


def test_packets_of_a_flow_are_between_our_hosts_and_numbered(folder: Path) -> None:
    wrpcap(str(folder / "some.pcap"), [at(3.0, SMALL), at(4.0, LARGE), at(5.0, SIXTH)])
    entries = opened("pcap", "some.pcap", folder)
    assert sizes(entries) == [(0.0, len(SMALL)), (1.0, len(LARGE)), (2.0, len(SIXTH))]
    assert [(IP(data).src, IP(data).dst, IP(data).id) for _, data in entries] == [
        ("198.18.0.1", "10.77.2.2", 1), ("198.18.0.1", "10.77.2.2", 2), ("198.18.0.1", "10.77.2.2", 3),
    ]  # fmt: skip


def test_capture_too_large_for_the_way_is_told_before_anything_is_sent(folder: Path) -> None:
    wrpcap(str(folder / "some.pcap"), [at(3.0, SMALL), at(4.0, LARGE)])
    with pytest.raises(InputError, match=r"^flow\[1\].file: max 1039 bytes .* given 1040 \(IP packet 2\)$"):
        open_flow("pcap", "some.pcap", folder, key="flow[1]", mtu=1039, source=CLIENT, destination=SERVER)
    assert len(opened("pcap", "some.pcap", folder, mtu=1040)) == 2


@given(number=st.integers(0, 1 << 40), distance=st.integers(-32_000, 32_000))
def test_number_of_a_packet_comes_back_from_16_bits(number: int, distance: int) -> None:
    assert 1 <= number_on_wire(number) <= 0xFFFF
    assert number_from_wire(number_on_wire(number), number + distance) == number


def emptied(source: ReplaySource) -> list[tuple[float, int]]:
    """Let a source run by itself; give when it sent how much."""
    sent = []
    while (now := source.next_timeout()) != NEVER:
        source.handle_timeout(now)
        sent += [(now, packet.size) for packet in source.packets_to_send()]
    return sent


def test_source_keeps_times_and_sizes() -> None:
    source = ReplaySource(4, [(0.0, 100), (0.5, 20), (0.5, 1432), (2.0, 576)])
    assert source.next_timeout() == NEVER
    source.start(10.0)
    assert emptied(source) == [(10.0, 100), (10.5, 20), (10.5, 1432), (12.0, 576)]
    assert source.sent_packets == 4


def test_source_reads_no_further_than_it_must_and_stops() -> None:
    read = []

    def endless():  # type: ignore[no-untyped-def]
        for number in range(1 << 30):
            read.append(number)
            yield number * 1.0, 100

    source = ReplaySource(4, endless())
    source.start(0.0)
    source.handle_timeout(2.5)
    assert len(source.packets_to_send()) == 3
    assert len(read) == 4
    source.stop(2.6)
    assert source.next_timeout() == NEVER


def test_source_of_bytes_is_classified_and_marked() -> None:
    source = ReplaySource(4, [(0.0, bytes(SMALL)), (0.0, bytes(LARGE)), (0.0, bytes(LARGE.__class__(tos=2) / TCP()))])
    source.start(0.0)
    source.handle_timeout(0.0)
    packets = source.packets_to_send()
    assert [packet.cls for packet in packets] == [CLASS_UDP, CLASS_EXPEDITED, CLASS_TCP]
    assert [(packet.dscp, packet.ecn) for packet in packets] == [(0, 0), (46, 0), (0, 2)]
    assert [packet.flow for packet in packets] == [4, 4, 4]
    assert [packet.payload.data for packet in packets[:2]] == [bytes(SMALL), bytes(LARGE)]


def test_sink_counts_payload_order_and_delay() -> None:
    source, sink = ReplaySource(4, [(0.0, bytes(SMALL)), (1.0, bytes(LARGE)), (2.0, 128), (3.0, 10)]), ReplaySink()
    sink.window = (1.0, 3.0)
    source.start(0.0)
    source.handle_timeout(3.0)
    packets = source.packets_to_send()
    for packet, time in zip(packets, (0.0, 1.0, 2.0, 3.0), strict=True):
        packet.payload.time = time
    for number in (0, 2, 1, 3):
        sink.receive(packets[number], 4.0)
    assert sink.delivered_bytes == 5 + 1000 + 100 + 0
    assert (sink.received_packets, sink.in_window, sink.out_of_order) == (4, 2, 1)
    assert sink.delays == [4.0, 2.0, 3.0, 1.0]


def test_payload_is_what_no_header_is() -> None:
    assert headers.payload_size(bytes(SMALL)) == 5
    later = bytes(IP(frag=10, proto=17) / bytes(40))
    assert headers.payload_size(later) == 40


def test_simulator_starts_without_scapy() -> None:
    code = "import sys, mpsim.sim, mpsim.flow_sources, mpsim.captures; sys.exit('scapy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_times_never_go_back(folder: Path) -> None:
    entries = opened("scapy", "mine.py:drawn", folder, seed=5)
    assert all(before <= after for (before, _), (after, _) in pairwise(entries))
    assert len(entries) == 5
