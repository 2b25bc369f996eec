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
from mpsim.tunnel.wire import expand

# Keys are renewed after this time (s) or so many datagrams, and not used beyond the second of each. The times are
# WireGuard's (section 6.1 of its paper), the counts within RFC 9001, section 6.6, for AES-GCM: 2^23.
REKEY_AFTER, REJECT_AFTER = 120.0, 180.0
REKEY_DATAGRAMS, REJECT_DATAGRAMS = 1 << 22, 1 << 23
_FIRST = 1 << 32  # counts begin here, so that none before the first one that comes is negative


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

    def seal(self, plain: bytes, count: int) -> bytes:
        """Return the datagram `plain` (its tag zero) sealed; count: its number on its path, unlimited."""
        space = _space(plain)
        if count <= self._last.get(space, -1):
            raise AssertionError(f"path sequence {count} after {self._last[space]}: a nonce would occur twice")
        self._last[space] = count
        self.sent += 1
        header = b"%b%c" % (plain[: HEADER_SIZE - 1], self.peer_number)
        body = plain[HEADER_SIZE:-TAG_SIZE]
        if self._seal is not None:
            return header + self._seal.encrypt(_nonce(plain, space), body, header)
        return b"".join((header, body, mac(self._send_key, header + body)))

    def open(self, data: bytes) -> tuple[bytes, bytes]:
        """Return header and body as they were before `seal`; raises Replayed, or InvalidTag if it is not authentic."""
        space = _space(data)
        low = int.from_bytes(data[12:16], "big")
        window = self._windows.get(space)
        count = _FIRST + low if window is None else expand(low, window.highest)
        if window is not None and count <= window.highest and window.knows(count):
            raise Replayed
        header = data[:HEADER_SIZE]
        if self._opening is not None:
            body = self._opening.decrypt(_nonce(data, space), data[HEADER_SIZE:], header)
        else:
            body = data[HEADER_SIZE:-TAG_SIZE]
            if not equal(mac(self._receive_key, data[:-TAG_SIZE]), data[-TAG_SIZE:]):
                raise InvalidTag
        if window is None:
            self._windows[space] = Window(count, self._window)
        else:
            window.accept(count)
        self.received += 1
        return header[:-1] + b"\0", body


def _space(data: bytes) -> int:
    """Return which numbering a datagram belongs to: its path's data, or control."""
    return data[2] << 1 | (data[0] & 0xF not in (DATA, PARITY))


def _nonce(data: bytes, space: int) -> bytes:
    return b"\0\0\0\0\0\0%c%c%b" % (space >> 1, space & 1, data[12:16])
