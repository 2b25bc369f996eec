"""Two descriptions of one format, written apart: what Scapy builds we decode, and what we encode Scapy shows."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from emulation.capture import (
    MpsimFeedback,
    MpsimHeader,
    MpsimParity,
    MpsimProbe,
    MpsimRange,
    MpsimSkip,
    MpsimSkipRange,
)
from mpsim.tunnel import wire
from mpsim.tunnel.packet import Packet

EACH = 2500  # headers of each of the types and each way
KINDS = ["data", "feedback", "skip", "probe", "parity"]
TAG = bytes(wire.TAG_SIZE)


def inner_packet(draw: random.Random) -> bytes:
    size = draw.choice([20, 40, 41, 576])
    head = struct.pack("!BBHHHBBH", 0x45, draw.randrange(256), size, draw.randrange(1 << 16), 0x4000, 64, 253, 0)
    return head + draw.randbytes(size - len(head))


def numbers(draw: random.Random) -> dict[str, int]:
    """The part of the header that every type has; edges come up as often as all else."""
    word = lambda: draw.choice([0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, draw.randrange(1 << 32)])  # noqa: E731
    return {"epoch": word(), "path": draw.randrange(256), "path_sequence": word(), "sent_us": word()}


def count_of(draw: random.Random, most: int) -> int:
    """Few ranges as a rule, because Scapy is slow with many, and now and then the most there may be."""
    return most if draw.random() < 0.01 else draw.randint(1, 3)


def feedback_ranges(draw: random.Random) -> tuple[tuple[int, int], ...]:
    high = draw.randrange(1 << 24, 1 << 32)
    found = []
    for number in range(count_of(draw, wire.MOST_RANGES + 1)):
        low = high - draw.randrange(1 << 16) + (1 if number else 0)
        low = min(low, high)
        found.append((low, high))
        high = low - 1 - draw.randint(1, 0xFFFF)
    return tuple(found)


def skip_ranges(draw: random.Random) -> tuple[tuple[int, int], ...]:
    return tuple(
        (draw.randrange(1 << 32), draw.randint(1, 0xFFFF)) for _ in range(count_of(draw, wire.MOST_SKIP_RANGES))
    )


def random_datagram(kind: str, draw: random.Random) -> wire.Datagram:
    base = numbers(draw)
    word = lambda: draw.randrange(1 << 32)  # noqa: E731
    if kind == "data":
        return wire.Data(
            **base, cls=draw.randrange(256), tunnel_sequence=word(), packet=Packet.from_bytes(inner_packet(draw)),
            flags=draw.randrange(16), block=draw.randrange(1 << 16), index=draw.randrange(256),
        )  # fmt: skip
    if kind == "parity":
        block = draw.randint(1, 255)
        body = draw.randbytes(draw.randint(1, 1400))
        return wire.Parity(
            **base, cls=draw.randrange(256), tunnel_sequence=word(), packet=Packet(len(body), None, body),
            flags=wire.FLAG_REPAIR, block=block, index=draw.randint(0, 255 - block),
        )  # fmt: skip
    if kind == "feedback":
        return wire.Feedback(
            **base, about=draw.randrange(256), ranges=feedback_ranges(draw),
            received_us=word(), echo_us=word(), ack=word(), nack=word(), marks=word(),
        )  # fmt: skip
    if kind == "skip":
        return wire.Skip(**base, cls=draw.randrange(256), ranges=skip_ranges(draw))
    return wire.Probe(**base, number=word(), echo_us=word(), srtt_us=word(), flags=draw.choice([0, wire.FLAG_REPLY]))


def header(datagram: wire.Datagram, **more: Any) -> Any:
    return MpsimHeader(
        type=KINDS.index(type(datagram).__name__.lower()), flags=datagram.flags, path=datagram.path,
        epoch=datagram.epoch, path_sequence=datagram.path_sequence, send_time=datagram.sent_us, **more,
    )  # fmt: skip


def in_scapy(datagram: wire.Datagram) -> Any:
    """Say the same datagram in Scapy's words."""
    if isinstance(datagram, wire.Data):
        body = MpsimParity if isinstance(datagram, wire.Parity) else Raw
        return header(
            datagram, flow_class=datagram.cls, tunnel_sequence=datagram.tunnel_sequence,
            parity_block=datagram.block, parity_index=datagram.index,
        ) / body(datagram.packet.payload)  # fmt: skip
    if isinstance(datagram, wire.Feedback):
        (first, largest), *rest = datagram.ranges
        ranges, above = [], first
        for low, high in rest:
            ranges.append(MpsimRange(missing=above - high - 1, length=high - low + 1))
            above = low
        return header(datagram) / MpsimFeedback(
            about_path=datagram.about, largest=largest, receive_time=datagram.received_us, echo_time=datagram.echo_us,
            ack=datagram.ack, nack=datagram.nack, marks=datagram.marks, first_length=largest - first + 1, ranges=ranges,
        )  # fmt: skip
    if isinstance(datagram, wire.Skip):
        ranges = [MpsimSkipRange(first=first, length=length) for first, length in datagram.ranges]
        return header(datagram, flow_class=datagram.cls) / MpsimSkip(ranges=ranges)
    return header(datagram) / MpsimProbe(number=datagram.number, echo_time=datagram.echo_us, srtt=datagram.srtt_us)


def fields(datagram: wire.Datagram) -> dict[str, object]:
    # None: the sender's own notes, which do not travel.
    names = wire.Data.__slots__ if isinstance(datagram, wire.Data) else datagram.__slots__
    told = {name: getattr(datagram, name, None) for name in names}
    if isinstance(datagram, wire.Data):
        told["packet"] = datagram.packet.payload
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_built_by_scapy_decoded_by_us(kind: str) -> None:
    draw = random.Random(f"built {kind}")
    for _ in range(EACH):
        datagram = random_datagram(kind, draw)
        back = wire.decode(bytes(in_scapy(datagram)))
        assert type(back) is type(datagram)
        assert fields(back) == fields(datagram)


@pytest.mark.parametrize("kind", KINDS)
def test_encoded_by_us_dissected_by_scapy(kind: str) -> None:
    draw = random.Random(f"encoded {kind}")
    shown: dict[str, Callable[[Any], Any]] = {
        "data": lambda layer: bytes(layer.payload),
        "feedback": lambda layer: layer[MpsimFeedback].fields,
        "skip": lambda layer: layer[MpsimSkip].fields,
        "probe": lambda layer: layer[MpsimProbe].fields,
        "parity": lambda layer: layer[MpsimParity].fields,
    }
    for _ in range(EACH):
        datagram = random_datagram(kind, draw)
        data = wire.encode(datagram)
        seen, said = MpsimHeader(data), MpsimHeader(bytes(in_scapy(datagram)))
        assert seen.fields == said.fields | {"tag": TAG}
        assert seen.type == KINDS.index(kind)
        assert (seen.path, seen.epoch, seen.path_sequence) == (datagram.path, datagram.epoch, datagram.path_sequence)
        assert (seen.send_time, int(seen.flags)) == (datagram.sent_us, datagram.flags)
        assert shown[kind](seen) == shown[kind](said)
        assert bytes(seen) == data, "what Scapy has dissected it builds again"


def test_dissected_values_are_those_of_the_object() -> None:
    draw = random.Random("values")
    for _ in range(200):
        feedback = random_datagram("feedback", draw)
        assert isinstance(feedback, wire.Feedback)
        seen = MpsimHeader(wire.encode(feedback))[MpsimFeedback]
        assert (seen.about_path, seen.largest, seen.ack, seen.nack, seen.marks) == (
            feedback.about, feedback.ranges[0][1], feedback.ack, feedback.nack, feedback.marks,
        )  # fmt: skip
        assert (seen.receive_time, seen.echo_time) == (feedback.received_us, feedback.echo_us)
        assert seen.more_ranges == len(seen.ranges) == len(feedback.ranges) - 1
        skip = random_datagram("skip", draw)
        assert isinstance(skip, wire.Skip)
        assert [(one.first, one.length) for one in MpsimHeader(wire.encode(skip))[MpsimSkip].ranges] == list(
            skip.ranges
        )


def test_tunnel_is_found_by_its_port_and_its_inner_packet_by_its_version() -> None:
    whole = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=40000, dport=4725) / MpsimHeader(path=3, tag=b"t" * 16)
    whole = whole / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=5001, dport=5002) / b"payload"
    seen = IP(bytes(whole))
    assert seen[MpsimHeader].tag == b"t" * 16
    assert seen[UDP:2].dport == 5002
    assert bytes(seen[UDP:2].payload) == b"payload"
    assert bytes(seen) == bytes(whole)
    assert seen.len == len(bytes(whole))


def test_cut_datagram_does_not_stop_scapy() -> None:
    data = wire.encode(random_datagram("feedback", random.Random(1)))
    for size in range(len(data)):
        whole = bytes(IP() / UDP(dport=4725) / data[:size])
        assert IP(whole)[UDP].len == 8 + size
