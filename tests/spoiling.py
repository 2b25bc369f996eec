"""Files and packets with changes: whatever comes of that is read, or told to be wrong, and raises nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from mpsim.errors import InputError
from mpsim.pcap import PcapWriter, read_pcap
from mpsim.scenario import Scenario, load
from mpsim.traces.formats import faults, read
from mpsim.tunnel.packet import CLASSES, Packet

SCENARIOS = Path(__file__).parents[1] / "experiments" / "scenarios"
TRACES = Path(__file__).parents[1] / "experiments" / "traces"
LONGEST_TRACE = 4000  # bytes of a trace that is spoilt
TOKENS = (
    "=",
    '"',
    "[",
    "]",
    "{",
    "}",
    "\n",
    "0",
    "-1",
    "1e999",
    "nan",
    "true",
    '""',
    "[[link]]",
    "99999999999999999999",
    "é",
)


def spoilt(data: bytes, random: Random) -> bytes:
    """Change bytes: some flipped, cut out, doubled, moved, or in their place what a format may stumble over."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(changed) + 1)
        end = min(len(changed), at + random.choice((1, 1, 4, 40)))
        way = random.randrange(6)
        if way == 0 and at < len(changed):
            changed[at] = random.randrange(256)
        elif way == 1:
            del changed[at:end]
        elif way == 2:
            changed[at:at] = changed[at:end]
        elif way == 3:
            changed[at:end] = random.choice(TOKENS).encode()
        elif way == 4:
            changed[at:at] = random.choice(TOKENS).encode()
        else:
            piece = bytes(changed[at:end])
            del changed[at:end]
            to = random.randrange(len(changed) + 1)
            changed[to:to] = piece
    return bytes(changed)


def scenario_files(count: int, folder: Path) -> int:
    """Load scenario files with changes; return how many were right all the same."""
    random = Random("scenario files")
    texts = [path.read_bytes() for path in sorted(SCENARIOS.glob("*.toml"))]
    assert texts
    path = folder / "spoilt.toml"
    right = 0
    for _ in range(count):
        path.write_bytes(spoilt(random.choice(texts), random))
        try:
            right += isinstance(load(path), Scenario)
        except InputError as error:
            lines = str(error).splitlines()
            assert lines
            assert all(line.strip() for line in lines)
    return right


def captures(count: int, folder: Path) -> int:
    """Read captures with changes; return how many packets came out."""
    random = Random("captures")
    path = folder / "spoilt.pcap"
    with PcapWriter(path) as writer:
        for number in range(4):
            writer.write(number / 10, inner_packet(random))
    whole, packets = path.read_bytes(), 0
    for _ in range(count):
        path.write_bytes(spoilt(whole, random))
        with suppress(ValueError):
            packets += sum(1 for _ in read_pcap(path))
    return packets


def trace_files(count: int, folder: Path) -> int:
    """Read trace files with changes; return how many were right all the same."""
    random = Random("trace files")
    beginnings = [path.read_bytes()[:LONGEST_TRACE] for path in sorted(TRACES.glob("*.csv"))]
    pieces = [piece[: piece.rindex(b"\n") + 1] for piece in beginnings]
    assert pieces
    path, right = folder / "spoilt", 0
    for _ in range(count):
        path.write_bytes(spoilt(random.choice(pieces), random))
        if faults(path):
            with pytest.raises(ValueError, match=r"\w"):
                read(path)
        else:
            read(path)
            right += 1
    return right


def inner_packet(random: Random) -> bytes:
    """An IP packet of either version with random contents."""
    size = random.choice((0, 3, 8, 40, 400))
    if random.random() < 0.5:
        head = bytes((0x45, random.randrange(256))) + (20 + size).to_bytes(2, "big")
        rest = random.randbytes(5) + bytes((random.choice((1, 6, 17, 50)),)) + random.randbytes(10)
    else:
        head = bytes((0x60, 0, 0, 0)) + size.to_bytes(2, "big")
        rest = bytes((random.choice((6, 17, 58, 0)), 64)) + random.randbytes(32)
    return head + rest + random.randbytes(size)


def accepted(random: Random, count: int) -> Iterator[tuple[bytes, Packet]]:
    """Make inner packets, three of four with changes; yield those that are taken for packets all the same."""
    for number in range(count):
        data = inner_packet(random)
        if number % 4:
            data = spoilt(data, random)
        try:
            packet = Packet.from_bytes(data)
        except ValueError:
            continue
        yield data, packet


def inner_packets(count: int) -> int:
    """Parse inner packets with changes; return how many were packets all the same."""
    right = 0
    for data, packet in accepted(Random("inner packets"), count):
        right += 1
        assert packet.size == len(data)
        assert 0 <= packet.cls < CLASSES
        assert isinstance(hash(packet.flow), int)
        packet.mark_congestion()
        assert len(packet.payload) == len(data)
    return right


FILES: tuple[Callable[[int, Path], int], ...] = (scenario_files, captures, trace_files)
