"""What the third host says: Ethernet frames in honest hosts' names, with headers that Scapy makes.

The UDP checksum is left out (zero, RFC 768), as IPv4 allows, so that a payload can be changed under its header. Every
attack without an end is an iterator of (segment, frame); one that answers what it hears is a function of a datagram.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import NamedTuple

from experiments.attacks import scene
from mpsim.tunnel.datagrams import DATA, HEADER_SIZE, INITIATION, TAG_SIZE
from mpsim.tunnel.wire import VERSION

HEADERS = 14 + 20 + 8  # bytes of Ethernet, IPv4 and UDP
SMALL = HEADER_SIZE + TAG_SIZE + 20  # bytes of a small datagram: the least that could hold an inner packet
LONGEST = 1472  # bytes of a datagram that Ethernet carries
SIZES = (1, 8, 23, 24, 39, 40, 41, 60, 100, 300, 700, 1200, 1400, LONGEST)  # of forged datagrams: bytes
MOST_FLIPPED = 4  # bits
AHEAD = (
    1 << 20
)  # of the path sequence that was heard: newer, or it would be refused as a repeat without its tag computed

Frame = tuple[int, bytes]  # segment, bytes


class Heard(NamedTuple):
    """A datagram of an honest portal."""

    segment: int
    source: str
    target: str
    payload: bytes

    @property
    def kind(self) -> int:
        """Its type (mpsim/tunnel/wire.py)."""
        return self.payload[0] & 0xF


@lru_cache(maxsize=8192)
def headers(segment: int, source: str, target: str, size: int) -> bytes:
    """Return the headers of a datagram of `size` bytes, whoever sends it."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw

    frame = (
        Ether(src=scene.ethernet_address(segment, source), dst=scene.ethernet_address(segment, target))
        / IP(src=scene.address(segment, source), dst=scene.address(segment, target), flags="DF")
        / UDP(sport=scene.port(segment, source), dport=scene.port(segment, target), chksum=0)
        / Raw(bytes(size))
    )
    return bytes(frame)[:HEADERS]


def framed(segment: int, source: str, target: str, payload: bytes) -> Frame:
    """Return a datagram as a frame."""
    return segment, headers(segment, source, target, len(payload)) + payload


def heard(segment: int, frame: bytes) -> Heard | None:
    """Return the datagram of a portal in a frame; None: it holds none."""
    names = {bytes.fromhex(scene.ethernet_address(segment, one).replace(":", "")): one for one in scene.PORTALS}
    source, target = names.get(frame[6:12]), names.get(frame[:6])
    if source is None or target is None or frame[12:14] != b"\x08\0" or frame[23] != 17 or len(frame) <= HEADERS:
        return None
    return Heard(segment, source, target, frame[HEADERS : 14 + int.from_bytes(frame[16:18], "big")])


def read_recordings(folder: Path) -> list[Heard]:
    """Return what was recorded on both segments, in turn."""
    from scapy.utils import RawPcapReader

    found = []
    for segment in scene.SEGMENTS:
        with RawPcapReader(str(scene.recording(folder, segment))) as reader:
            found += [one for frame, _ in reader if (one := heard(segment, frame)) is not None]
    return found


def _other(segment: int) -> int:
    return scene.SEGMENTS[1 - segment]


def _names(random: Random, target: str) -> str:
    """Return in whose name a datagram is sent: mostly the other portal's."""
    other = scene.HERE if target == scene.THERE else scene.THERE
    return scene.MALLORY if random.randrange(4) == 0 else other


# Without an end.


def forged(recorded: Sequence[Heard], random: Random) -> Iterator[Frame]:
    """Yield datagrams of many sizes: random bytes, every other with the header of a session that was heard."""
    for number in count():
        like = random.choice(recorded)
        payload = random.randbytes(random.choice(SIZES))
        if number % 2:
            payload = _plausible(like, payload)
        yield framed(like.segment, _names(random, like.target), like.target, payload)


def mutated(recorded: Sequence[Heard], random: Random) -> Iterator[Frame]:
    """Yield recorded datagrams, each changed: one to four bits turned over, or cut off, or made longer.

    Every other gets a newer number as well, or it would be refused as a repeat before its tag is looked at.
    """
    for number in count():
        like = random.choice(recorded)
        payload = bytearray(like.payload)
        if number % 8 < 4:
            _renumber(payload, random.getrandbits(24))
        if number % 4 == 3:
            payload = payload[: random.choice([size for size in SIZES if size < len(payload)])]
        elif number % 4 == 2:
            payload += random.randbytes(random.randint(1, 8))
        else:
            for bit in random.sample(range(8 * len(payload)), random.randint(1, MOST_FLIPPED)):
                payload[bit // 8] ^= 1 << bit % 8
        yield framed(like.segment, _names(random, like.target), like.target, bytes(payload[:LONGEST]))


def replayed(recorded: Sequence[Heard], _random: Random) -> Iterator[Frame]:
    """Yield what was recorded, each datagram on its own path and then, as it is and relabelled, on the other."""
    for one in cycle(recorded):
        other = _other(one.segment)
        relabelled = one.payload[:2] + bytes([other]) + one.payload[3:]
        yield framed(one.segment, one.source, one.target, one.payload)
        yield framed(other, one.source, one.target, one.payload)
        yield framed(other, one.source, one.target, relabelled)


def small_random(_recorded: Sequence[Heard], random: Random) -> Iterator[Frame]:
    """Yield small datagrams of random bytes to the listening portal, in the other one's name and in its own."""
    while True:
        yield framed(0, _names(random, scene.THERE), scene.THERE, random.randbytes(SMALL))


def small_plausible(recorded: Sequence[Heard], random: Random) -> Iterator[Frame]:
    """Yield small datagrams with the header of the session that was heard last: each tag has to be computed."""
    last = next(one for one in reversed(recorded) if one.target == scene.THERE and one.kind == DATA)
    while True:
        payload = _plausible(last, random.randbytes(SMALL))
        yield framed(last.segment, _names(random, scene.THERE), scene.THERE, payload)


def initiations(recorded: Sequence[Heard], _random: Random) -> Iterator[Frame]:
    """Yield the recorded initiations, in their sender's name and in the attacker's."""
    begun = [one for one in recorded if one.kind == INITIATION]
    for one in cycle(begun):
        yield framed(one.segment, one.source, one.target, one.payload)
        yield framed(one.segment, scene.MALLORY, one.target, one.payload)


def _plausible(like: Heard, payload: bytes) -> bytes:
    """Return a payload with the header of a newer data datagram of a session: its version, path, epoch and key."""
    head = bytearray(payload[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0"))
    head[0] = VERSION << 4 | DATA
    head[1:8] = like.payload[1:8]
    offset = int.from_bytes(head[13:16], "big")
    head[12:16] = like.payload[12:16]
    _renumber(head, offset)
    head[23] = like.payload[23]
    return bytes(head) + payload[HEADER_SIZE:]


def _renumber(payload: bytearray, offset: int) -> None:
    """Give a datagram a path sequence that is newer than its own, if it is long enough to have one."""
    if len(payload) >= HEADER_SIZE:
        sequence = int.from_bytes(payload[12:16], "big") + AHEAD + offset
        payload[12:16] = (sequence & 0xFFFFFFFF).to_bytes(4, "big")


# Answers to what is heard.


def repeated(one: Heard) -> list[Frame]:
    """Return a datagram at once again, on its path and on the other."""
    return [framed(segment, one.source, one.target, one.payload) for segment in (one.segment, _other(one.segment))]


def reflected(one: Heard) -> list[Frame]:
    """Return a portal's datagram to itself, in the name of whom it was for."""
    return [framed(one.segment, one.target, one.source, one.payload)]


Stream = Callable[[Sequence[Heard], Random], Iterator[Frame]]
Answer = Callable[[Heard], list[Frame]]
STREAMS: dict[str, Stream] = {
    "forge": forged,
    "mutate": mutated,
    "replay-old": replayed,
    "flood": small_random,
    "flood-sealed": small_plausible,
    "initiations": initiations,
}
ANSWERS: dict[str, Answer] = {"replay": repeated, "reflect": reflected}
