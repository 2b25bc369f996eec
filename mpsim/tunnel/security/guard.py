"""What stands between an endpoint and its paths in modes "aead" and "mac": seals what leaves, opens what comes.

Theory of operation, after WireGuard (Donenfeld 2017, sections 5 and 6). An end that knows where the other is begins
a handshake when it has no session, when the keys grow old, and when the other end no longer answers (it may have
restarted, and forgotten them). The answer makes a session, which the other end uses as soon as something sealed by
it has come: so replayed initiations replace nothing. Which sessions live at once, so that renewing keys loses no
datagram, is in sessions.py. An initiation is repeated before a long round trip has ended, so each end keeps those of
the last seconds. Freshness of initiations is a stamp that grows; one that is not newer than the last is answered by
a cookie, so that a clock that was set back costs a round trip and no more.

Nothing here raises because of what came in. It is counted: "malformed" (its form), "forged" (not from the other
end, or changed), "replayed" (came before, or was not shown to be fresh). Each path's datagrams go where its newest
authentic one came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mpsim.tunnel.datagrams import (
    COOKIE,
    FLAG_REPLY,
    HEADER_SIZE,
    INITIATION,
    RESPONSE,
    TAG_SIZE,
    Data,
    Datagram,
    Handshake,
    Probe,
)
from mpsim.tunnel.loss_detection import NEVER
from mpsim.tunnel.security import messages
from mpsim.tunnel.security.cookie import (
    COOKIE_LIFE,
    COOKIES_PER_SECOND,
    GROUPS,
    Address,
    Allowance,
    CookieJar,
    label,
    open_cookie,
    seal_cookie,
)
from mpsim.tunnel.security.keys import Credentials
from mpsim.tunnel.security.messages import Message
from mpsim.tunnel.security.noise import Handshake as Noise
from mpsim.tunnel.security.pending import MOST_ATTEMPTS, Attempt, Pending
from mpsim.tunnel.security.primitives import InvalidTag, equal
from mpsim.tunnel.security.session import REKEY_AFTER, Replayed, Session
from mpsim.tunnel.security.sessions import Sessions
from mpsim.tunnel.security.window import SIZE
from mpsim.tunnel.wire import (
    SEQUENCE_MASK,
    VERSION,
    WireError,
    decode_parts,
    encode,
    encode_data_header,
    encode_stand_in,
    is_handshake,
    microseconds,
)

MODES = ("aead", "mac")
# Without an authentic answer for so long (s) the other end is taken to have lost its keys.
SILENCE = 0.8
# The end that did not begin a session renews it, if the other does not, this much later (s).
YIELD = 20.0
NANOSECONDS = 1_000_000_000


class Guard:
    """The security of one association.

    Parameters
        credentials: by what the two ends know each other
        mode: "aead" or "mac"
        cipher: of mode "aead": "chacha20-poly1305" or "aes-256-gcm", the same at both ends
        overheads: of each path, the bytes of a datagram beside its body
        epoch: this end's session number, 32 random bits
        entropy: gives so many random bytes; a simulation's are from a seeded stream
        initiates: whether this end begins handshakes (it knows where the other is)
        started: the wall clock when the driver's clock was 0, ns; what initiations are stamped with
        rejected: where to count what is refused
        window: how many datagrams of its path late a datagram may be
        jar: makes cookies; one for all associations that are reached at the same port, by default its own
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        mode: str,
        overheads: Sequence[int],
        epoch: int,
        entropy: Callable[[int], bytes],
        initiates: bool,
        cipher: str = "chacha20-poly1305",
        started: int = 0,
        rejected: Counter[str] | None = None,
        window: int = SIZE,
        jar: CookieJar | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode: {' or '.join(MODES)}; given {mode}")
        self.mode, self.cipher, self.epoch, self.initiates = mode, cipher, epoch, initiates
        self.rejected: Counter[str] = Counter() if rejected is None else rejected
        self.sources: list[Address | None] = [None] * len(overheads)
        self.asked = False  # something was sent that wants an answer; the endpoint's alarm takes note
        self.renewed = False  # there is a new session; the endpoint takes note, and probes at once
        self.handshakes = 0
        self._credentials, self._overheads, self._entropy, self._window = credentials, overheads, entropy, window
        self._started = started
        self._prologue = f"mpsim {VERSION} {mode} {cipher if mode == 'aead' else ''}".encode()
        self._own_mac1 = label(b"mac1", credentials.own_identity)
        self._peer_mac1 = label(b"mac1", credentials.peer_identity)
        self._sessions = Sessions(entropy(1)[0], MOST_ATTEMPTS)
        self._pending: Pending | None = None
        self._stamp = -1  # of the newest initiation that was answered
        self._last_stamp = 0  # of our newest
        self._newest_us: list[int | None] = [None] * len(overheads)
        self._asked_since = NEVER  # something was sent and nothing authentic has come
        self._jar = jar or CookieJar(entropy)
        self._unknown, self._known, self._proved = Allowance(), Allowance(), Allowance()
        self._cookies = [Allowance(COOKIES_PER_SECOND / GROUPS) for _ in range(GROUPS)]
        self._out: list[Handshake] = []
        self._now = 0.0

    @property
    def ready(self) -> bool:
        """Whether there is a session to seal by."""
        session = self._sessions.current
        return session is not None and not session.expired(self._now)

    @property
    def waiting(self) -> int:
        """How many handshake messages are to leave."""
        return len(self._out)

    # Datagrams.

    def seal(self, datagram: Datagram) -> bytes | None:
        """Return a datagram's bytes, sealed; None: there is no session, and it cannot leave."""
        if isinstance(datagram, Handshake):
            return datagram.data
        session = self._sessions.current
        if session is None or session.expired(self._now):
            return None
        if self._now < self._asked_since and (isinstance(datagram, Data) or _is_question(datagram)):
            self._asked_since = self._now
            self.asked = True
        if not isinstance(datagram, Data):
            plain = encode(datagram)
            return session.seal(plain, plain[HEADER_SIZE:-TAG_SIZE], datagram.path_sequence)
        body = datagram.packet.payload
        if not isinstance(body, bytes):
            body = encode_stand_in(datagram)[HEADER_SIZE:-TAG_SIZE]
        return session.seal(encode_data_header(datagram), body, datagram.path_sequence)

    def open(self, data: bytes, path: int, now: float, source: Address | None = None) -> Datagram | None:
        """Return the datagram in bytes that came in by `path` if it is authentic and fresh, or else count it."""
        self._now = now
        if data and data[0] & 0xF >= INITIATION and is_handshake(data):
            self._receive_handshake(data, path, now, source)
            return None
        if len(data) < HEADER_SIZE + TAG_SIZE or data[0] >> 4 != VERSION or data[2] != path:
            self._reject("malformed")
            return None
        number = data[HEADER_SIZE - 1]
        session = self._sessions.find(number, now)
        if session is None:
            self._reject("forged")
            return None
        try:
            body = session.open(data)
            self._heard(session, data, path, source)
            return decode_parts(data, body, self._overheads[path], number)
        except InvalidTag:
            self._reject("forged")
        except Replayed:
            self._reject("replayed")
        except WireError:
            self._reject("malformed")
        return None

    def _heard(self, session: Session, data: bytes, path: int, source: Address | None) -> None:
        """Take note of an authentic datagram."""
        self._asked_since = NEVER
        if self._sessions.confirm(session):
            self._begin_session()
        if session is not self._sessions.current:
            return
        if self._pending is not None and session.born > self._pending.began:
            self._pending = None
        # What was sent last says where the path leads: an old address's datagrams may still be on their way.
        sent_us, newest = int.from_bytes(data[16:20], "big"), self._newest_us[path]
        if newest is None or (sent_us - newest) & SEQUENCE_MASK < SEQUENCE_MASK >> 1:
            self._newest_us[path] = sent_us
            if source is not None:
                self.sources[path] = source

    def _begin_session(self) -> None:
        self.renewed = True
        self.handshakes += 1
        self._newest_us = [None] * len(self._newest_us)  # the other end may have another clock
        self._asked_since = NEVER

    def _reject(self, cause: str) -> None:
        self.rejected[cause] += 1

    # Handshakes.

    def take(self, now: float) -> list[Handshake]:
        """Take the handshake messages that are to leave now."""
        self._now = now
        if not self._out:
            return []
        out, self._out = self._out, []
        return out

    def _receive_handshake(self, data: bytes, path: int, now: float, source: Address | None) -> None:
        message = messages.parse(data)
        if message is None or message.path != path:
            self._reject("malformed")
        elif message.kind == COOKIE:
            self._receive_cookie(message, now)
        elif not message.is_for(self._own_mac1):
            self._reject("forged")
        elif message.kind == RESPONSE:
            self._receive_response(message, now)
        else:
            self._receive_initiation(message, now, source)

    def _receive_initiation(self, message: Message, now: float, source: Address | None) -> None:
        proved = self._jar.proves(message.data, source, now)
        known = source is not None and source in self.sources
        if not (self._proved if proved else self._known if known else self._unknown).take(now):
            self._reject("replayed")
            if not proved:
                self._send_cookie(message, now, source)
            return
        noise = self._noise(initiator=False)
        stamp = self._read(noise, message)
        # With a shared key our own messages, thrown back, would be in order.
        if stamp is None or message.epoch == self.epoch or not equal(noise.remote, self._credentials.peer):
            self._reject("forged")
            return
        if stamp <= self._stamp and not proved:
            self._reject("replayed")
            self._send_cookie(message, now, source)
            return
        # Never back, or what was sent before a clock was set back would be fresh again.
        self._stamp = max(self._stamp, stamp)
        if proved:
            self._jar.renew(now)  # a cookie proves something once
        self._respond(noise, message, now, source)

    def _respond(self, noise: Noise, message: Message, now: float, source: Address | None) -> None:
        number = self._sessions.new_number()
        sealed = noise.write(messages.payload(self.epoch, message.path, number, message.number))
        header = (self.epoch, message.path, microseconds(now))
        data = messages.build(RESPONSE, header, (number, message.number), sealed, (self._peer_mac1, b""))
        self._sessions.waiting.append(self._session(noise, number, message.number, initiator=False, now=now))
        self._send(message.path, data, source)

    def _receive_response(self, message: Message, now: float) -> None:
        attempt = self._pending.attempt(message.echo) if self._pending is not None else None
        if attempt is None:
            self._reject("replayed")
            return
        noise = attempt.noise.copy()
        if self._read(noise, message) is None or message.epoch == self.epoch:
            self._reject("forged")
            return
        session = self._session(noise, attempt.number, message.number, initiator=True, now=now)
        self._sessions.replace(session)
        self._pending = None
        self._begin_session()

    def _receive_cookie(self, message: Message, now: float) -> None:
        pending = self._pending
        attempt = pending.attempt(message.echo) if pending is not None else None
        if pending is None or attempt is None:
            self._reject("replayed")
            return
        salt, sealed = message.noise[: messages.SALT_SIZE], message.noise[messages.SALT_SIZE :]
        try:
            cookie = open_cookie(self._credentials.peer_identity, attempt.mac1, salt, sealed)
        except InvalidTag:
            self._reject("forged")
            return
        pending.on_cookie(cookie, attempt.path, now + COOKIE_LIFE)

    def _send_cookie(self, message: Message, now: float, source: Address | None) -> None:
        if not self._cookies[self._jar.group(source)].take(now):
            return
        salt = self._entropy(messages.SALT_SIZE)
        sealed = seal_cookie(self._credentials.own_identity, message.mac1, salt, self._jar.cookie(source, now))
        header = (self.epoch, message.path, microseconds(now))
        self._send(message.path, messages.build_cookie(header, message.number, salt, sealed), source)

    def _initiate(self, pending: Pending, path: int, now: float) -> None:
        number = self._sessions.new_number()
        noise = self._noise(initiator=True)
        stamp = max(self._last_stamp + 1, self._started + int(now * NANOSECONDS))
        self._last_stamp = stamp
        told = messages.payload(self.epoch, path, number, stamp=stamp)
        header = (self.epoch, path, microseconds(now))
        keys = (self._peer_mac1, pending.take_cookie())
        data = messages.build(INITIATION, header, (number, 0), noise.write(told), keys)
        attempt = Attempt(number, path, noise, data[-2 * TAG_SIZE : -TAG_SIZE])
        pending.on_sent(attempt, now, self._entropy(1)[0])
        self._send(path, data, self.sources[path])

    def _send(self, path: int, data: bytes, to: Address | None) -> None:
        self._out.append(Handshake(path, data, to, self._overheads[path]))

    def _noise(self, *, initiator: bool) -> Noise:
        credentials = self._credentials
        return Noise(
            credentials.pattern,
            initiator=initiator,
            prologue=self._prologue,
            psk=credentials.psk,
            ephemeral=self._entropy(32),
            static=credentials.private,
            remote=credentials.peer if initiator else b"",
        )

    def _read(self, noise: Noise, message: Message) -> int | None:
        """Return the stamp (0 in a response) of an authentic message; None: it is none."""
        try:
            return messages.stamp_of(message, noise.read(message.noise))
        except (InvalidTag, ValueError):
            return None

    def _session(self, noise: Noise, number: int, peer_number: int, *, initiator: bool, now: float) -> Session:
        return Session(
            self.mode,
            self.cipher,
            noise.split(),
            number=number,
            peer_number=peer_number,
            initiator=initiator,
            born=now,
            window=self._window,
        )

    # Time.

    def next_timeout(self) -> float:
        """Return when `on_time` has something to do (s)."""
        if not self.initiates:
            return NEVER
        if self._pending is not None:
            return self._pending.retry_at
        session = self._sessions.current
        if session is None:
            return self._now
        return min(self._renewal(session), self._asked_since + SILENCE)

    def _renewal(self, session: Session) -> float:
        """Return when a session's keys are to be renewed by this end (s)."""
        if session.worn():
            return self._now
        return session.born + REKEY_AFTER + (0.0 if session.initiator else YIELD)

    def on_time(self, now: float, usable: Sequence[int]) -> None:
        """Begin, repeat and end what is due; usable: the paths that have a carrier."""
        self._now = now
        self._sessions.expire(now)
        if not self.initiates or self.next_timeout() > now:
            return
        pending = self._pending
        if pending is None:
            pending = self._pending = Pending(now)
        if usable:
            self._initiate(pending, pending.next_path(usable, now), now)
        else:
            pending.on_no_path(now)


def _is_question(datagram: Datagram) -> bool:
    return isinstance(datagram, Probe) and not datagram.flags & FLAG_REPLY
