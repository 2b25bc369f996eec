"""gobonding's way in: the router signs what the proxy has made up. For the imitation; it protects next to nothing.

On each path the local end says hello, the remote one answers with fresh random bytes, and what comes back has to be
their signature (RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017, section 8.2). From then on everything from that address is
believed: datagrams are neither authentic nor fresh, the remote end proves nothing, and nothing is encrypted. Messages
have the types of ours:

    hello        initiation | 32 zeros, so that the answer is no longer
    challenge    cookie | 32 random bytes
    answer       response | the signature
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mpsim.tunnel.datagrams import COOKIE, HEADER_SIZE, INITIATION, RESPONSE, Data, Datagram, Handshake, Probe
from mpsim.tunnel.loss_detection import NEVER
from mpsim.tunnel.security.cookie import Address
from mpsim.tunnel.security.primitives import RsaKey
from mpsim.tunnel.wire import (
    WireError,
    decode,
    encode,
    encode_stand_in,
    handshake_header,
    is_handshake,
    microseconds,
)

CHALLENGE_SIZE = 32
_HELLO = bytes(CHALLENGE_SIZE)
RETRY = 0.25  # s until a hello is repeated
SILENCE = 0.8  # s without an answer: the other end may have restarted


class _Known:
    """What one end knows of a path.

    believed: the answer was right (remote), or has been sent (local); challenge: that waits for its answer;
    retry_at: when the next hello leaves (s); asked_since: when something was sent that has no answer yet (s).
    """

    __slots__ = ("asked_since", "believed", "challenge", "retry_at")

    def __init__(self) -> None:
        self.believed = False
        self.challenge = b""
        self.retry_at = 0.0
        self.asked_since = NEVER


class RsaChallenge:
    """One end of gobonding's exchange (satisfies Exchange).

    Parameters
        key: of the local end; the remote one uses its public half
        overheads: of each path, the bytes of a datagram beside its body
        epoch: this end's session number, 32 random bits
        entropy: gives so many random bytes
        proves: whether this end is the one that signs
        rejected: where to count what is refused
    """

    def __init__(
        self,
        *,
        key: RsaKey,
        overheads: Sequence[int],
        epoch: int,
        entropy: Callable[[int], bytes],
        proves: bool,
        rejected: Counter[str] | None = None,
    ) -> None:
        self.rejected: Counter[str] = Counter() if rejected is None else rejected
        self.sources: list[Address | None] = [None] * len(overheads)
        self.handshakes = 0
        self.renewed = self.asked = False
        self._key, self._overheads, self._epoch, self._entropy, self._proves = key, overheads, epoch, entropy, proves
        self._paths = [_Known() for _ in overheads]
        self._usable: Sequence[int] = range(len(overheads))
        self._out: list[Handshake] = []
        self._now = 0.0

    @property
    def ready(self) -> bool:
        """Whether some path has been through the exchange."""
        return any(known.believed for known in self._paths)

    def seal(self, datagram: Datagram) -> bytes | None:
        """Return a datagram's bytes as they are; None: its path has not been through the exchange."""
        if isinstance(datagram, Handshake):
            return datagram.data
        known = self._paths[datagram.path]
        if not known.believed:
            return None
        if self._proves and known.asked_since == NEVER and isinstance(datagram, Data | Probe):
            known.asked_since = self._now
            self.asked = True
        bare = isinstance(datagram, Data) and not isinstance(datagram.packet.payload, bytes)
        return encode_stand_in(datagram) if bare and isinstance(datagram, Data) else encode(datagram)

    def open(self, data: bytes, path: int, now: float, source: Address | None = None) -> Datagram | None:
        """Return the datagram in bytes that came in by `path` from where the answer was right, or else count it."""
        self._now = now
        if is_handshake(data):
            self._receive_message(data, path, source)
            return None
        known = self._paths[path]
        if not known.believed or source != self.sources[path]:
            self.rejected["forged"] += 1
            return None
        known.asked_since = NEVER
        try:
            return decode(data, self._overheads[path])
        except WireError:
            self.rejected["malformed"] += 1
            return None

    def _receive_message(self, data: bytes, path: int, source: Address | None) -> None:
        kind, body, known = data[0] & 0xF, data[HEADER_SIZE:], self._paths[path]
        if kind == INITIATION and body == _HELLO and not self._proves:
            known.challenge = self._entropy(CHALLENGE_SIZE)
            self._say(COOKIE, path, known.challenge, source)
        elif kind == COOKIE and len(body) == CHALLENGE_SIZE and self._proves:
            self._say(RESPONSE, path, self._key.sign(body), source)
            self._believe(known, path, source)
        elif kind == RESPONSE and known.challenge and not self._proves:
            challenge, known.challenge = known.challenge, b""
            if self._key.has_signed(challenge, body):
                self._believe(known, path, source)
            else:
                self.rejected["forged"] += 1
        else:
            self.rejected["malformed"] += 1

    def _believe(self, known: _Known, path: int, source: Address | None) -> None:
        known.believed = self.renewed = True
        known.asked_since = NEVER
        known.retry_at = NEVER
        self.sources[path] = source
        self.handshakes += 1

    def _say(self, kind: int, path: int, body: bytes, to: Address | None) -> None:
        data = handshake_header(kind, self._epoch, path, microseconds(self._now)) + body
        self._out.append(Handshake(path, data, to, self._overheads[path]))

    def take(self, now: float) -> list[Handshake]:
        """Take the messages that are to leave now."""
        self._now = now
        out, self._out = self._out, []
        return out

    def next_timeout(self) -> float:
        """Return when `on_time` has something to do (s)."""
        if not self._proves:
            return NEVER
        paths = [self._paths[path] for path in self._usable]
        return min((min(known.retry_at, known.asked_since + SILENCE) for known in paths), default=NEVER)

    def on_time(self, now: float, usable: Sequence[int]) -> None:
        """Say hello where there was no answer; usable: the paths that have a carrier."""
        self._now, self._usable = now, usable
        if not self._proves:
            return
        for path in usable:
            known = self._paths[path]
            if min(known.retry_at, known.asked_since + SILENCE) <= now:
                known.asked_since, known.retry_at = NEVER, now + RETRY
                self._say(INITIATION, path, _HELLO, self.sources[path])
