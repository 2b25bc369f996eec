"""The wire format: golden bytes, sequence numbers at wraparound, and whatever the network may throw at it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel import wire
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import Data, Feedback, Parity, Probe, Skip, WireError, decode, encode, expand

INNER = bytes.fromhex(
    "45b8 0020 0001 4000 4011 0000 0a000001 0a000002"  # IPv4: DSCP 46, 32 bytes, UDP
    "1389 138a 000c 0000 61626364"
)
TAG = "00" * 16
ADDRESS = {"epoch": 0xA1B2C3D4, "path": 2, "path_sequence": 0x01020304, "sent_us": 0x0A0B0C0D}
CAUSES = {"truncated", "version", "reserved", "type", "payload", "length", "ranges", "parity"}

GOLDEN = {
    "data": (
        Data(
            **ADDRESS, cls=3, tunnel_sequence=0x11223344, packet=Packet.from_bytes(INNER),
            flags=5, block=0x0708, index=9,
        ),
        "10 05 02 03 a1b2c3d4 11223344 01020304 0a0b0c0d 0708 09 00" + INNER.hex() + TAG,
    ),
    "feedback": (
        Feedback(
            **ADDRESS, about=1, ranges=((90, 100), (80, 84), (70, 70)),
            received_us=0x01020304, echo_us=5, ack=71, nack=70, marks=6,
        ),
        "11 00 02 00 a1b2c3d4 00000000 01020304 0a0b0c0d 0000 00 00"
        "01 02 0000 00000064 01020304 00000005 00000047 00000046 00000006 0000000b"
        "0005 0005 0009 0001" + TAG,
    ),
    "skip": (
        Skip(**ADDRESS, cls=1, ranges=((7, 3), (0xFFFFFFFF, 2))),
        "12 00 02 01 a1b2c3d4 00000000 01020304 0a0b0c0d 0000 00 00"
        "0002 0000 00000007 00000003 ffffffff 00000002" + TAG,
    ),
    "parity": (
        Parity(
            **ADDRESS, cls=3, tunnel_sequence=0x11223344, packet=Packet(4, None, bytes.fromhex("c0ffee00")),
            flags=wire.FLAG_REPAIR, block=8, index=1,
        ),
        "14 02 02 03 a1b2c3d4 11223344 01020304 0a0b0c0d 0008 01 00" + "c0ffee00" + TAG,
    ),
    "probe": (
        Probe(**ADDRESS, number=7, echo_us=0x0B0C0D0E, srtt_us=20_000, flags=wire.FLAG_REPLY),
        "13 08 02 00 a1b2c3d4 00000000 01020304 0a0b0c0d 0000 00 00"
        "00000007 0b0c0d0e 00004e20" + TAG,
    ),
}  # fmt: skip


def fields(datagram: wire.Datagram) -> dict[str, object]:
    # None: the sender's own notes, which do not travel.
    names = wire.Data.__slots__ if isinstance(datagram, wire.Data) else datagram.__slots__
    told = {name: getattr(datagram, name, None) for name in names}
    if isinstance(datagram, Data):
        told["packet"] = datagram.packet.payload
    return told


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden_bytes(kind: str) -> None:
    datagram, text = GOLDEN[kind]
    data = bytes.fromhex(text)
    assert encode(datagram) == data
    assert datagram.size == len(data) + wire.OUTER_SIZE
    assert type(decode(data)) is type(datagram)
    assert fields(decode(data)) == fields(datagram)


def test_inner_packet_is_classified_on_arrival() -> None:
    packet = decode(bytes.fromhex(GOLDEN["data"][1])).packet  # type: ignore[union-attr]
    assert (packet.size, packet.dscp, packet.ecn, packet.cls) == (32, 46, 0, 3)
    assert packet.flow == (17, INNER[12:24])


@pytest.mark.parametrize(
    ("kind", "offset", "patch", "cause"),
    [
        ("data", 0, "20", "version"),
        ("parity", 20, "0000", "parity"),
        ("parity", 20, "00ff", "parity"),  # with one more parity it would be too large
        ("parity", 23, "01", "reserved"),
        ("data", 0, "14", "parity"),  # whose block is too large
        ("data", 0, "15", "reserved"),  # fields that only data may have
        ("skip", 0, "15", "type"),
        ("skip", 0, "1f", "type"),
        ("data", 1, "10", "reserved"),
        ("data", 1, "80", "reserved"),
        ("data", 23, "01", "reserved"),
        ("data", 24, "55", "payload"),
        ("data", 24, "44", "payload"),
        ("data", 27, "21", "payload"),
        ("feedback", 8, "00000001", "reserved"),
        ("feedback", 20, "0001", "reserved"),
        ("feedback", 22, "01", "reserved"),
        ("feedback", 25, "03", "length"),
        ("feedback", 25, "01", "length"),
        ("feedback", 26, "0001", "ranges"),
        ("feedback", 52, "00000000", "ranges"),
        ("feedback", 56, "0000", "ranges"),
        ("feedback", 58, "0000", "ranges"),
        ("skip", 24, "0001", "length"),
        ("skip", 26, "0001", "ranges"),
        ("skip", 32, "00000000", "ranges"),
        ("skip", 32, "00010000", "ranges"),
    ],
)
def test_damage_is_named(kind: str, offset: int, patch: str, cause: str) -> None:
    data = bytearray.fromhex(GOLDEN[kind][1])
    data[offset : offset + len(patch) // 2] = bytes.fromhex(patch)
    with pytest.raises(WireError) as caught:
        decode(bytes(data))
    assert caught.value.cause == cause


# Parity says no length: it would cost inner packets two bytes of their own.
@pytest.mark.parametrize("kind", [kind for kind in GOLDEN if kind != "parity"])
def test_every_cut_is_refused(kind: str) -> None:
    data = bytes.fromhex(GOLDEN[kind][1])
    for size in range(len(data)):
        with pytest.raises(WireError) as caught:
            decode(data[:size])
        assert caught.value.cause == ("truncated" if size < 40 else "payload" if kind == "data" else "length")


def test_a_skip_of_nothing_and_too_many_ranges_are_refused() -> None:
    head = bytes.fromhex(GOLDEN["skip"][1])[:24]
    for count in (0, wire.MOST_SKIP_RANGES + 1):
        body = count.to_bytes(2, "big") + bytes(2) + bytes.fromhex("0000000000000001") * count
        with pytest.raises(WireError, match="ranges"):
            decode(head + body + bytes(16))
    head = bytes.fromhex(GOLDEN["feedback"][1])[:24]
    more = wire.MOST_RANGES + 1
    body = bytes([0, more]) + bytes(26) + (1).to_bytes(4, "big") + bytes.fromhex("00010001") * more
    with pytest.raises(WireError, match="ranges"):
        decode(head + body + bytes(16))


@pytest.mark.parametrize(
    ("low", "expected", "count"),
    [
        (0, 0, 0),
        (5, 3, 5),
        (3, 5, 3),
        (0, 0xFFFF_FFFF, 1 << 32),
        (0xFFFF_FFFF, 1 << 32, 0xFFFF_FFFF),
        (2, (7 << 32) - 1, (7 << 32) + 2),
        (0xFFFF_FFF0, (7 << 32) + 1, (7 << 32) - 16),
        (0x8000_0000, 1 << 32, (1 << 32) - 0x8000_0000),  # a tie goes backwards
        (0x7FFF_FFFF, 1 << 32, (1 << 32) + 0x7FFF_FFFF),
        (-1, 1 << 32, (1 << 32) - 1),  # below 0: a range that began before the wrap
    ],
)
def test_expand(low: int, expected: int, count: int) -> None:
    assert expand(low, expected) == count


@given(count=st.integers(1 << 31, 1 << 70), distance=st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_expand_finds_whatever_is_near(count: int, distance: int) -> None:
    assert expand(count & wire.SEQUENCE_MASK, count + distance) == count


def test_feedback_across_the_wraparound() -> None:
    top = (1 << 32) + 2
    ranges = ((top - 5, top), (top - 20, top - 10))
    back = decode(encode(Feedback(1, 0, top, 0, 0, ranges, 0, 0, ack=top - 9, nack=0)))
    assert isinstance(back, Feedback)
    assert tuple((expand(a, top), expand(b, top)) for a, b in back.ranges) == ranges
    assert (expand(back.ack, top), expand(back.path_sequence, top)) == (top - 9, top)


@pytest.mark.parametrize(("now", "on_wire"), [(0.0, 0), (1.5, 1_500_000), (4294.967296, 0), (4295.0, 32_704)])
def test_time_on_the_wire(now: float, on_wire: int) -> None:
    assert wire.microseconds(now) == on_wire


def test_elapsed_across_the_wraparound() -> None:
    assert wire.elapsed(5, 0xFFFF_FFFB) == pytest.approx(10e-6)
    assert wire.elapsed(1_000_000, 0) == pytest.approx(1.0)


def accepts(data: bytes) -> wire.Datagram | None:
    """Decode as an endpoint would; anything but a datagram or a WireError is a failure of the test."""
    try:
        return decode(data)
    except WireError as error:
        cause = error.cause
    assert cause in CAUSES
    return None


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    accepts(data)


@given(
    head=st.tuples(*[st.sampled_from([0x10, 0x11, 0x12, 0x13]), st.integers(0, 15)]),
    middle=st.binary(min_size=6, max_size=6),
    body=st.binary(max_size=120),
)
def test_any_body_behind_a_sound_header(head: tuple[int, int], middle: bytes, body: bytes) -> None:
    data = bytes(head) + middle + bytes(16) + body + bytes(16)
    datagram = accepts(data)
    if datagram is not None:
        if isinstance(datagram, Data):
            assert encode(datagram) == data
        assert datagram.size == len(data) + wire.OUTER_SIZE


@given(
    st.sampled_from(sorted(GOLDEN)),
    st.lists(st.tuples(st.integers(0, 87), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_datagrams(kind: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray.fromhex(GOLDEN[kind][1])
    for offset, value in damage:
        data[offset % len(data)] = value
    datagram = accepts(bytes(data))
    if datagram is not None:
        assert datagram.size == len(data) + wire.OUTER_SIZE, "what is accepted has the length it says"
