"""The Lua dissector, as tshark runs it: every field of every type of datagram."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as Scapy

from mpsim.pcap import PcapWriter
from mpsim.tunnel import wire
from mpsim.tunnel.packet import Packet

TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")

INNER = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=5001, dport=5002) / b"inner")
OUTER = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=40000, dport=4725)
BASE = {"epoch": 0xA1B2C3D4, "path_sequence": 16_909_060, "sent_us": 168_496_141}
HEADER = ["version", "type", "path", "class", "epoch", "path_sequence", "send_time", "tag"]


@pytest.fixture
def dissect(tmp_path: Path) -> object:
    def run(payload: bytes, fields: list[str], outer: Scapy = OUTER) -> list[str]:
        """Give what tshark says of one datagram, a text a field."""
        assert TSHARK is not None
        capture = tmp_path / "one.pcap"
        with PcapWriter(capture) as writer:
            writer.write(1.0, bytes(outer / payload))
        with as_file(files("emulation") / "mpsim.lua") as script:
            command = [TSHARK, "-X", f"lua_script:{script}", "-r", str(capture), "-T", "fields", "-E", "separator=;"]
            for field in fields:
                command += ["-e", field]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert "error" not in done.stderr.lower(), done.stderr
        return done.stdout.rstrip("\n").split(";")

    return run


def mpsim(*names: str) -> list[str]:
    return [f"mpsim.{name}" for name in names]


HEADER_VALUES = ["1", "{type}", "{path}", "{cls}", "0xa1b2c3d4", "16909060", "168496141", "0" * 32]


def header_values(kind: int, path: int, cls: int = 0) -> list[str]:
    return [value.format(type=kind, path=path, cls=cls) for value in HEADER_VALUES]


def test_data(dissect) -> None:  # type: ignore[no-untyped-def]
    datagram = wire.Data(
        **BASE,
        path=2,
        cls=3,
        tunnel_sequence=287_454_020,
        packet=Packet.from_bytes(INNER),
        flags=5,
        block=1800,
        index=9,
    )
    names = ["tunnel_sequence", "parity_block", "parity_index", "flags.copy", "flags.repair", "flags.congestion"]
    told = dissect(wire.encode(datagram), [*mpsim(*HEADER, *names, "flags.reply"), "ip.dst", "udp.dstport"])
    assert told[:8] == header_values(0, 2, 3)
    assert told[8:11] == ["287454020", "1800", "9"]
    assert [flag in {"1", "True"} for flag in told[11:15]] == [True, False, True, False]
    assert told[15:] == ["192.0.2.2,10.0.0.2", "4725,5002"]


def test_feedback(dissect) -> None:  # type: ignore[no-untyped-def]
    datagram = wire.Feedback(
        **BASE,
        path=1,
        about=4,
        ranges=((90, 100), (80, 84), (70, 70)),
        received_us=7,
        echo_us=5,
        ack=71,
        nack=70,
        marks=6,
    )
    names = [
        "about_path",
        "more_ranges",
        "largest",
        "receive_time",
        "echo_time",
        "ack",
        "nack",
        "marks",
        "first_length",
        "missing",
        "length",
    ]
    told = dissect(wire.encode(datagram), mpsim(*HEADER, *(f"feedback.{name}" for name in names)))
    assert told == [*header_values(1, 1), "4", "2", "100", "7", "5", "71", "70", "6", "11", "5,9", "5,1"]


def test_parity(dissect) -> None:  # type: ignore[no-untyped-def]
    datagram = wire.Parity(
        **BASE, path=2, cls=3, tunnel_sequence=287_454_020, packet=Packet(4, None, b"abcd"), flags=2, block=8, index=1
    )
    names = ["tunnel_sequence", "parity_block", "parity_index", "parity"]
    told = dissect(wire.encode(datagram), mpsim(*HEADER, *names))
    assert told == [*header_values(4, 2, 3), "287454020", "8", "1", "61626364"]


def test_skip(dissect) -> None:  # type: ignore[no-untyped-def]
    datagram = wire.Skip(**BASE, path=0, cls=1, ranges=((7, 3), (0xFFFFFFFF, 2)))
    told = dissect(wire.encode(datagram), mpsim(*HEADER, "skip.count", "skip.first", "skip.length"))
    assert told == [*header_values(2, 0, 1), "2", "7,4294967295", "3,2"]


def test_probe(dissect) -> None:  # type: ignore[no-untyped-def]
    datagram = wire.Probe(**BASE, path=255, number=7, echo_us=185_339_150, srtt_us=20_000, flags=wire.FLAG_REPLY)
    told = dissect(
        wire.encode(datagram), mpsim(*HEADER, "flags.reply", "probe.number", "probe.echo_time", "probe.srtt")
    )
    assert told[8] in {"1", "True"}
    assert told[:8] + told[9:] == [*header_values(3, 255), "7", "185339150", "20000"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes(39),
        bytes(64),
        b"\x1f" + bytes(63),
        b"\x10" + bytes(39),
        b"\x11" + bytes(71),
        b"\x11" + bytes(24) + b"\xff" + bytes(46),
        b"\x12" + bytes(39),
        b"\x13" + bytes(43),
    ],
)
def test_damage_is_said_and_survived(dissect, payload: bytes) -> None:  # type: ignore[no-untyped-def]
    shown, damaged, fault = dissect(payload, ["mpsim", "mpsim.damaged", "_ws.lua.error"])
    sound = payload[:1] == b"\x11" and len(payload) == 72 and payload[25] == 0  # its zeros are a fault of values only
    assert bool(damaged) == (bool(payload) and not sound)
    assert bool(shown) == bool(payload)
    assert not fault


@pytest.mark.parametrize(
    "outer",
    [IP(src="192.0.2.1", dst="192.0.2.2", proto=253), IPv6(src="fd77::1", dst="fd77::2", nh=253)],
    ids=["ipv4", "ipv6"],
)
def test_in_ip_itself(dissect, outer: Scapy) -> None:  # type: ignore[no-untyped-def]
    datagram = wire.Probe(**BASE, path=4, number=7)
    assert dissect(wire.encode(datagram), mpsim("path", "probe.number"), outer) == ["4", "7"]


def test_two_datagrams_in_one_segment(dissect) -> None:  # type: ignore[no-untyped-def]
    datagrams = [wire.encode(wire.Probe(**BASE, path=path, number=7 + path)) for path in (1, 2)]
    segment = b"".join(len(each).to_bytes(4, "big") + each for each in datagrams)
    outer = IP(src="192.0.2.1", dst="192.0.2.2") / TCP(sport=40000, dport=4725, flags="A")
    assert dissect(segment, mpsim("path", "probe.number"), outer) == ["1,2", "8,9"]
