"""An end that has the keys and sends what is worst: any header, any body, far ahead, far behind, never sent."""

from __future__ import annotations

from random import Random

from mpsim.nemesis.end import End
from mpsim.nemesis.inner import HOSTILE, SMALLEST, Mark, packet
from mpsim.nemesis.invariants import session_of
from mpsim.nemesis.script import SIDES
from mpsim.tunnel.datagrams import (
    FLAG_REPLY,
    HEADER_SIZE,
    KNOWN_FLAGS,
    MOST_RANGES,
    MOST_SKIP_RANGES,
    TAG_SIZE,
    Data,
    Datagram,
    Feedback,
    Parity,
    Probe,
    Skip,
)
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import SEQUENCE_MASK, encode

_LONG = 0xFFFF
MOST_SEALED = 1 << 31  # counts that one session is led to


class Hostile:
    """Makes an end's datagrams worse.

    Parameters
        end: whose keys it uses
        random: decides
    """

    def __init__(self, end: End, random: Random) -> None:
        self._end, self._random = end, random
        self._number = 0

    def sealed(self, paths: int) -> tuple[Datagram, bytes] | None:
        """Return the next datagram and its bytes; None: there is no session."""
        session = session_of(self._end)
        if session is None:
            return None
        random = self._random
        path = self._end.endpoint.paths[random.randrange(paths)]
        made = self._make(path.index, paths)
        data_like = isinstance(made, Data)
        # The numbering goes on from the end's own, or no nonce would be fresh.
        count = path.next_sequence if data_like else path.next_control
        leap = random.choice((0, 0, 0, 1, 40, 1000, 1 << 17, 1 << 27))
        if count + leap < MOST_SEALED:
            count += leap
        if data_like:
            path.next_sequence = count + 1
        else:
            path.next_control = count + 1
        made.path_sequence = count
        plain = encode(made)
        if random.random() < 0.3:
            plain = self._spoilt(plain)
        return made, session.seal(plain, plain[HEADER_SIZE:-TAG_SIZE], count)

    def _word(self) -> int:
        random = self._random
        return random.choice((0, 1, random.randrange(5000), random.getrandbits(32), SEQUENCE_MASK, 1 << 31, 1 << 17))

    def _make(self, path: int, paths: int) -> Data | Feedback | Skip | Probe:
        random = self._random
        epoch = self._end.endpoint.epoch if random.random() < 0.9 else random.getrandbits(32)
        head = (epoch, path, 0, self._word())
        kind = random.randrange(6)
        if kind == 0:
            return Skip(*head, random.randrange(6), self._skip_ranges())
        if kind == 1:
            return Probe(*head, self._word(), self._word(), self._word(), random.choice((0, FLAG_REPLY)))
        if kind == 2:
            return self._feedback(head, random.randrange(paths + 1))
        cls = random.choice((0, 1, 2, 3, random.randrange(256)))
        if kind == 3:
            body = random.randbytes(random.randrange(1, 300))
            block = random.randrange(1, 200)
            index = random.randrange(0, 256 - block)
            return Parity(*head, cls, self._sequence(), Packet(len(body), None, body, cls=cls), 2, block, index)
        self._number += 1
        mark = Mark(SIDES.index(self._end.side), HOSTILE, random.randrange(4), self._number)
        inner = Packet.from_bytes(packet(mark, random.randrange(SMALLEST, 400)))
        return Data(*head, cls, self._sequence(), inner, random.randrange(KNOWN_FLAGS + 1))

    def _sequence(self) -> int:
        """Return a tunnel sequence: near the real ones, or anything."""
        random = self._random
        return random.choice((random.randrange(400), random.randrange(1 << 18), self._word()))

    def _skip_ranges(self) -> tuple[tuple[int, int], ...]:
        random = self._random
        count = random.choice((1, 3, MOST_SKIP_RANGES))
        return tuple((self._sequence(), random.choice((1, 50, _LONG))) for _ in range(count))

    def _feedback(self, head: tuple[int, int, int, int], about: int) -> Feedback:
        random = self._random
        high = random.choice((random.randrange(400), self._word()))
        ranges = []
        for _ in range(random.choice((1, 2, MOST_RANGES + 1))):
            low = high - random.choice((0, 3, _LONG - 1))
            ranges.append((low, high))
            high = low - 1 - random.choice((1, 7, _LONG))
        ack, nack, marks = self._word(), self._word(), self._word()
        return Feedback(*head, about, tuple(ranges), self._word(), self._word(), ack, nack, marks)

    def _spoilt(self, plain: bytes) -> bytes:
        """Return a datagram with other bytes: not its type, path and number, which its seal depends on."""
        random = self._random
        changed = bytearray(plain)
        free = [*range(3, 12), *range(16, len(plain) - TAG_SIZE)]
        for _ in range(1 + random.randrange(6)):
            changed[random.choice(free)] = random.randrange(256)
        if random.random() < 0.3:
            cut = random.randrange(HEADER_SIZE, len(plain) - TAG_SIZE + 1)
            changed = changed[:cut] + bytes(TAG_SIZE)
        return bytes(changed)
