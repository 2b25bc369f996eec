"""Capture files: ours read by Scapy, Scapy's read by us, and what is no capture refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap, wrpcap

from mpsim.pcap import PcapWriter, read_pcap

PACKETS = [(0.0, b"\x45" + bytes(19)), (1.000000001, b"\x60" + bytes(39)), (4_000_000_000.5, b"\x45" + bytes(1499))]


def written(path: Path) -> Path:
    with PcapWriter(path) as writer:
        for time_s, data in PACKETS:
            writer.write(time_s, data)
        assert writer.count == len(PACKETS)
    return path


def test_golden_bytes(tmp_path: Path) -> None:
    with PcapWriter(tmp_path / "one.pcap") as writer:
        writer.write(2.000000003, b"\x45\x00")
    assert (tmp_path / "one.pcap").read_bytes() == bytes.fromhex(
        "4d3cb2a1 0200 0400 00000000 00000000 00000400 65000000 02000000 03000000 02000000 02000000 4500"
    )


def test_round_trip(tmp_path: Path) -> None:
    assert list(read_pcap(written(tmp_path / "three.pcap"))) == PACKETS


def test_empty_capture_is_a_capture(tmp_path: Path) -> None:
    PcapWriter(tmp_path / "none.pcap").close()
    assert list(read_pcap(tmp_path / "none.pcap")) == []
    assert len(rdpcap(str(tmp_path / "none.pcap"))) == 0


def test_scapy_reads_ours(tmp_path: Path) -> None:
    whole = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / b"seven"
    with PcapWriter(tmp_path / "ours.pcap") as writer:
        writer.write(1.5, bytes(whole))
    (seen,) = rdpcap(str(tmp_path / "ours.pcap"))
    assert isinstance(seen, IP)
    assert bytes(seen) == bytes(whole)
    assert float(seen.time) == 1.5


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("nano", [True, False])
def test_we_read_scapys(tmp_path: Path, endianness: str, nano: bool) -> None:
    whole = IP() / UDP() / b"seven"
    whole.time = 3.25
    wrpcap(str(tmp_path / "theirs.pcap"), [whole], endianness=endianness, nano=nano)
    assert list(read_pcap(tmp_path / "theirs.pcap")) == [(3.25, bytes(whole))]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a capture file"),
        (b"\x4d\x3c\xb2\xa1", "not a capture file"),
        (b"\x0a\x0d\x0d\x0a" + bytes(60), "not a capture file"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + bytes(7), "packet 1 is cut off"),
        (
            struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + bytes(8) + b"\x05" + bytes(9),
            "packet 1 is cut",
        ),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"\xff" * 16, "packet 1: max 262144 bytes"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "bad.pcap").write_bytes(data)
    with pytest.raises(ValueError, match=problem):
        list(read_pcap(tmp_path / "bad.pcap"))


def test_other_link_types_are_refused(tmp_path: Path) -> None:
    wrpcap(str(tmp_path / "ether.pcap"), [Ether() / IP()])
    with pytest.raises(ValueError, match=r"link type 101 \(raw IP\); given 1$"):
        list(read_pcap(tmp_path / "ether.pcap"))


@given(data=st.binary(max_size=100), sound=st.booleans())
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, sound: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pcap"
    path.write_bytes((struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101) if sound else b"") + data)
    try:
        packets = list(read_pcap(path))
    except ValueError:
        return
    assert sum(16 + len(packet) for _, packet in packets) == len(data)
