"""The three handshake messages as bytes.

Each begins with the tunnel's header, of types 5 to 7, and goes on like this:

    initiation    number, 3 zeros | Noise message 1 | mac1 (16) | mac2 (16), in the place of the tag
    response      number, echo, 2 zeros | Noise message 2 | mac1 | mac2
    cookie        0, echo, 2 zeros | salt (16) | the cookie, encrypted (16 + 16)

    number    of the sender's keys in the session that begins: datagrams for it say this in their header's last byte
    echo      the number of the initiation that is answered

The Noise payload repeats what the header says, so that it is authentic: epoch (4 bytes), path, number, echo, and
in an initiation the stamp (8 bytes), which grows from one to the next. No answer is longer than its question.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mpsim.tunnel.datagrams import COOKIE, HEADER_SIZE, INITIATION, RESPONSE, TAG_SIZE
from mpsim.tunnel.security.primitives import equal, mac
from mpsim.tunnel.wire import handshake_header

_NUMBERS = struct.Struct("!BBH")
_PAYLOAD = struct.Struct("!IBBB")
_STAMP = struct.Struct("!Q")
_NOISE = HEADER_SIZE + _NUMBERS.size
_MACS = 2 * TAG_SIZE
SALT_SIZE = 16
_COOKIE_SIZE = _NOISE + SALT_SIZE + 2 * TAG_SIZE
_SHORTEST = {INITIATION: _NOISE + 48 + _MACS, RESPONSE: _NOISE + 48 + _MACS, COOKIE: _COOKIE_SIZE}
LONGEST = 512  # bytes of a handshake message; a bound of ours


@dataclass(frozen=True, slots=True)
class Message:
    """A handshake message whose form is right; nothing in it is authentic yet."""

    kind: int
    path: int
    epoch: int
    number: int
    echo: int
    noise: bytes  # of a cookie: the salt and the encrypted cookie
    data: bytes

    @property
    def mac1(self) -> bytes:
        """What shows that its sender knows whom it addresses."""
        return self.data[-_MACS:-TAG_SIZE]

    def is_for(self, mac1_key: bytes) -> bool:
        """Return whether mac1 is right."""
        return equal(mac(mac1_key, self.data[:-_MACS]), self.mac1)


def build(
    kind: int, header: tuple[int, int, int], numbers: tuple[int, int], noise: bytes, keys: tuple[bytes, bytes]
) -> bytes:
    """Return an initiation or a response.

    header: epoch, path, send time (us); numbers: number, echo; keys: for mac1, and a cookie or nothing.
    """
    unsigned = handshake_header(kind, *header) + _NUMBERS.pack(*numbers, 0) + noise
    signed = unsigned + mac(keys[0], unsigned)
    return signed + (mac(keys[1], signed) if keys[1] else bytes(TAG_SIZE))


def build_cookie(header: tuple[int, int, int], echo: int, salt: bytes, sealed: bytes) -> bytes:
    """Return a cookie message."""
    return handshake_header(COOKIE, *header) + _NUMBERS.pack(0, echo, 0) + salt + sealed


def parse(data: bytes) -> Message | None:
    """Return the message in `data`, or None if that has not the form of one."""
    kind = data[0] & 0xF
    if (
        kind not in _SHORTEST
        or not _SHORTEST[kind] <= len(data) <= LONGEST
        or any(data[8:16])
        or any(data[20:24])
        or data[1]
        or data[3]
    ):
        return None
    number, echo, reserved = _NUMBERS.unpack_from(data, HEADER_SIZE)
    if reserved or (kind == COOKIE and (number or len(data) != _COOKIE_SIZE)) or (kind == INITIATION and echo):
        return None
    noise = data[_NOISE:] if kind == COOKIE else data[_NOISE:-_MACS]
    return Message(kind, data[2], int.from_bytes(data[4:8], "big"), number, echo, noise, data)


def payload(epoch: int, path: int, number: int, echo: int = 0, stamp: int | None = None) -> bytes:
    """Return what a Noise message carries."""
    told = _PAYLOAD.pack(epoch, path, number, echo)
    return told if stamp is None else told + _STAMP.pack(stamp)


def stamp_of(message: Message, told: bytes) -> int | None:
    """Return the stamp (0 in a response) if the payload repeats the header; None: somebody has changed that."""
    repeated = _PAYLOAD.pack(message.epoch, message.path, message.number, message.echo)
    stamped = _STAMP.size if message.kind == INITIATION else 0
    if len(told) != len(repeated) + stamped or told[: len(repeated)] != repeated:
        return None
    return int(_STAMP.unpack_from(told, len(repeated))[0]) if stamped else 0
