"""Who has no keys: replays, reflections, forgeries and floods, made of what was seen on the wires."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from mpsim.nemesis.wires import Address, Sent, flipped
from mpsim.tunnel.datagrams import HEADER_SIZE, INITIATION, TAG_SIZE
from mpsim.tunnel.security import messages
from mpsim.tunnel.security.cookie import label

LONGEST = 1500
# Bytes of the Noise part of an initiation: ephemeral and static keys, payload, their tags.
_NOISE = 32 + 48 + 15 + 16


class Strange(NamedTuple):
    """A datagram from somebody else: its bytes, the path that it comes in by, and from where."""

    data: bytes
    path: int
    source: Address


class Foe:
    """Makes up datagrams for one end.

    Parameters
        random: decides
        paths: how many there are
        identity: of the end, which is no secret
        addresses: of the other end, on each path; they can be spoofed
    """

    def __init__(self, random: Random, paths: int, identity: bytes, addresses: Sequence[Address]) -> None:
        self._random, self._paths, self._addresses = random, paths, addresses
        self._mac1 = label(b"mac1", identity)

    def _source(self, path: int) -> Address:
        if self._random.random() < 0.3:
            return self._addresses[path]
        return (f"203.0.113.{self._random.randrange(256)}", self._random.randrange(1024, 65_536))

    def replay(self, seen: Sequence[Sent]) -> Strange | None:
        """Repeat something that came before, by the same path or another, relabelled or not."""
        if not seen:
            return None
        random = self._random
        sent = random.choice(seen[-50:] if random.random() < 0.5 else seen)
        way, path = random.randrange(4), random.randrange(self._paths)
        data = sent.data
        if way == 0:
            data = data[:2] + bytes((path,)) + data[3:]
        elif way == 1:
            pass  # as it is, by any path
        else:
            path = sent.path
        return Strange(data, path, self._source(path))

    def initiation(self, seen: Sequence[Sent]) -> Strange | None:
        """Repeat a handshake message."""
        return self.replay([sent for sent in seen if sent.data[0] & 0xF >= INITIATION])

    def forge(self, seen: Sequence[Sent]) -> Strange | None:
        """Change something that came before."""
        if not seen:
            return None
        random = self._random
        sent = random.choice(seen)
        changes: tuple[Callable[[bytes], bytes], ...] = (
            lambda data: flipped(data, random),
            lambda data: data[: random.randrange(len(data))],
            lambda data: data + random.randbytes(1 + random.randrange(40)),
            self._other_header,
            lambda data: data[:HEADER_SIZE] + random.randbytes(len(data) - HEADER_SIZE),
            lambda data: data[:-TAG_SIZE] + bytes(TAG_SIZE),
        )
        return Strange(random.choice(changes)(sent.data), sent.path, self._source(sent.path))

    def _other_header(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(1 + self._random.randrange(3)):
            changed[self._random.randrange(HEADER_SIZE)] = self._random.randrange(256)
        return bytes(changed)

    def flood(self) -> Strange:
        """Make up noise, or an initiation that is addressed rightly."""
        random = self._random
        path = random.randrange(self._paths)
        if random.random() < 0.5:
            data = random.randbytes(random.choice((0, 1, 23, 40, 60, 200, LONGEST)))
            if len(data) > HEADER_SIZE and random.random() < 0.5:
                data = bytes((0x10 | random.randrange(16), 0, path)) + data[3:]
            return Strange(data, path, self._source(path))
        header = (random.getrandbits(32), path, random.getrandbits(32))
        noise = random.randbytes(_NOISE)
        data = messages.build(INITIATION, header, (random.randrange(1, 256), 0), noise, (self._mac1, b""))
        return Strange(data, path, self._source(path))
