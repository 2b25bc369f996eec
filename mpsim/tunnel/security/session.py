"""The keys of one session: what is sealed and opened with them, and which counts were received.

A sealed datagram is the header (in the clear, covered by the tag), the body (encrypted in mode "aead") and
the tag. The header's last byte says to the receiver with which of its keys. The nonce (12 bytes) is six zeros,
the path, 1 for control and 0 for data, and the path sequence; each end has a key of its own, and a session
ends long before 2^32 datagrams of a path, so no nonce occurs twice.
"""

from __future__ import annotations

from mpsim.tunnel.datagrams import DATA, HEADER_SIZE, PARITY, TAG_SIZE
from mpsim.tunnel.security.primitives import CIPHERS, InvalidTag, equal, mac
from mpsim.tunnel.security.window import SIZE, Window
from mpsim.tunnel.wire import SEQUENCE_MASK, expand

# Keys are renewed after this time (s) or so many datagrams, and not used beyond the second of each. The times are
# WireGuard's (section 6.1 of its paper), the counts within RFC 9001, section 6.6, for AES-GCM: 2^23.
REKEY_AFTER, REJECT_AFTER = 120.0, 180.0
REKEY_DATAGRAMS, REJECT_DATAGRAMS = 1 << 22, 1 << 23
_FIRST = 1 << 32  # counts begin here, so that none before the first one that comes is negative
# The first 8 bytes of each numbering's nonces, which its number follows.
_NONCES = tuple(b"\0\0\0\0\0\0" + bytes((space >> 1, space & 1)) for space in range(512))
_DATA = (DATA, PARITY)


class Replayed(ValueError):  # noqa: N818  # what happened to the datagram
    """A datagram that came before, or is too old to tell."""


class Session:
    """What two handshakes' ends share.

    Parameters
        mode: "aead" (encrypted and authentic) or "mac" (authentic)
        cipher: of mode "aead", a name of `primitives.CIPHERS`
        keys: to send and to receive with
        number, peer_number: of this session's keys at this end and at the other, as datagrams have them
        initiator: whether this end began it
        born: when, s
    """

    __slots__ = (
        "_key",
        "_last",
        "_opening",
        "_receive_key",
        "_seal",
        "_send_key",
        "_window",
        "_windows",
        "born",
        "initiator",
        "number",
        "peer_number",
        "received",
        "sent",
    )

    def __init__(
        self,
        mode: str,
        cipher: str,
        keys: tuple[bytes, bytes],
        *,
        number: int,
        peer_number: int,
        initiator: bool,
        born: float,
        window: int = SIZE,
    ) -> None:
        self._send_key, self._receive_key = keys
        self._seal = CIPHERS[cipher](keys[0]) if mode == "aead" else None
        self._opening = CIPHERS[cipher](keys[1]) if mode == "aead" else None
        self.number, self.peer_number = number, peer_number
        self._key = bytes((peer_number,))
        self.initiator = initiator
        self.born = born
        self.sent = self.received = 0
        self._window = window
        self._windows: dict[int, Window] = {}
        self._last: dict[int, int] = {}

    def expired(self, now: float) -> bool:
        """Return whether its keys are not to be used any longer."""
        return now - self.born >= REJECT_AFTER or self.sent >= REJECT_DATAGRAMS

    def worn(self) -> bool:
        """Return whether it has carried so much, either way, that its keys are to be renewed."""
        return self.sent >= REKEY_DATAGRAMS or self.received >= REKEY_DATAGRAMS

    def seal(self, head: bytes, body: bytes, count: int) -> bytes:
        """Return the datagram of a header and a body sealed; count: its number on its path, unlimited."""
        space = head[2] << 1 | (head[0] & 0xF not in _DATA)
        if count <= self._last.get(space, -1):
            raise AssertionError(f"path sequence {count} after {self._last[space]}: a nonce would occur twice")
        self._last[space] = count
        self.sent += 1
        header = head[: HEADER_SIZE - 1] + self._key
        if self._seal is not None:
            return header + self._seal.encrypt(_NONCES[space] + head[12:16], body, header)
        signed = header + body
        return signed + mac(self._send_key, signed)

    def open(self, data: bytes) -> bytes:
        """Return the body as it was before `seal`; raises Replayed, or InvalidTag if it is not authentic."""
        space = data[2] << 1 | (data[0] & 0xF not in _DATA)
        number = data[12:16]
        low = int.from_bytes(number, "big")
        window = self._windows.get(space)
        if window is None:
            count = _FIRST + low
        else:
            count = window.highest + 1
            if low != count & SEQUENCE_MASK:
                count = expand(low, count)
                if window.knows(count):
                    raise Replayed
        if self._opening is not None:
            body = self._opening.decrypt(_NONCES[space] + number, data[HEADER_SIZE:], data[:HEADER_SIZE])
        else:
            body = data[HEADER_SIZE:-TAG_SIZE]
            if not equal(mac(self._receive_key, data[:-TAG_SIZE]), data[-TAG_SIZE:]):
                raise InvalidTag
        if window is None:
            self._windows[space] = Window(count, self._window)
        else:
            window.accept(count)
        self.received += 1
        return body
