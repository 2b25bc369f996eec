"""Measures a real path between two programs over UDP: one fills it, the other writes down what arrives.

    caller                          listener
      | -- hello (64 bytes) ---------> |
      | <-- cookie (fewer bytes) ----- |   bound to the caller's address: who cannot receive there
      | -- start, cookie ------------> |   cannot make the listener send anywhere
      | <-- ready -------------------- |
      | == data, acknowledgements ==== |   from the caller, or with reverse to it
      | -- end ----------------------> |

A listener serves one measurement, of at most its own duration, and ends. Data go only to the address that brought the
cookie back, and stop when that one is silent from the beginning. Nothing is authenticated: it is for one's own paths.
"""

from __future__ import annotations

import hmac
import secrets
import select
import socket  # noqa: TID251  # measures what is real
import struct
import time  # noqa: TID251  # likewise
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from mpsim.errors import WorldError
from mpsim.traces.saturator import Allowance, Deliveries, SaturatingWindow
from mpsim.units import BITS_PER_BYTE, MS_PER_S, NS_PER_S

HELLO, COOKIE, START, READY, DATA, ACK, END = range(7)
# Magic, kind, reverse, duration in ms, session, cookie.
_GREETING = struct.Struct("!4sBBI8s16s")
_HELLO_BYTES = 64  # more than the answer, so that an answer never amplifies
# Magic, kind, session, sequence, time sent in ns of the sender's clock.
_DATA = struct.Struct("!4sB8sQQ")
_MAGIC = b"mpT1"
_NO_SESSION, _NO_COOKIE = bytes(8), bytes(16)
IPV4_AND_UDP, IPV6_AND_UDP = 28, 48  # bytes
PACKET = 1500  # IP bytes of a full packet
ASK_EVERY = 0.3  # s, of what may have been lost
NO_ANSWER = 5.0  # s
GRACE = 4.0  # s for what waits in the path's queue after the end
_BUFFER = 4 * 1024 * 1024
_TICK = 0.002  # s
_BATCH = 256  # datagrams taken before anything else is done

Address = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a measurement may take."""

    duration: float  # s, at most
    limit: float  # bit/s that are sent at most


@dataclass(frozen=True, slots=True)
class _Session:
    peer: Address
    name: bytes
    duration: float
    cookie: bytes
    reverse: bool


def bound(address: tuple[str, int] | None = None, *, family: int = socket.AF_INET) -> socket.socket:
    """Return a UDP socket with large buffers, bound to an address or to none. Raises OSError."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    if address is not None:
        made.bind(address)
    made.setblocking(False)
    return made


def listen(own: socket.socket, terms: Terms, wait: float) -> list[float] | None:
    """Serve one measurement. Return the opportunities (s) if this end received, None if it sent.

    wait: for a caller, s. Raises WorldError if none comes, ValueError if nothing arrives.
    """
    session = _awaited(own, terms, wait)
    own.sendto(_greeting(READY, session), session.peer)
    return _work(own, session, terms, sends=session.reverse)


def call(own: socket.socket, to: Address, terms: Terms, *, reverse: bool) -> list[float] | None:
    """Ask a listener for a measurement, to it or with `reverse` from it: opportunities (s) if this end received.

    Raises WorldError if there is no answer, ValueError if nothing arrives.
    """
    session = _Session(to, secrets.token_bytes(8), terms.duration, _NO_COOKIE, reverse)
    cookie = _asked(own, _greeting(HELLO, session).ljust(_HELLO_BYTES, b"\0"), to, {COOKIE})[-16:]
    session = _Session(to, session.name, terms.duration, cookie, reverse)
    _asked(own, _greeting(START, session), to, {READY, DATA})
    return _work(own, session, terms, sends=not reverse)


def _work(own: socket.socket, session: _Session, terms: Terms, *, sends: bool) -> list[float] | None:
    if sends:
        _fill(own, session, terms.limit)
        return None
    return _collect(own, session)


def _awaited(own: socket.socket, terms: Terms, wait: float) -> _Session:
    """Answer hellos until one of them comes back with its cookie."""
    secret = secrets.token_bytes(16)
    for _, data, peer in _arriving(own, wait, always=True):
        if len(data) < _GREETING.size:
            continue
        magic, kind, reverse, milliseconds, name, cookie = _GREETING.unpack_from(data)
        if magic != _MAGIC or kind not in {HELLO, START}:
            continue
        right = hmac.digest(secret, repr(peer).encode(), "sha256")[:16]
        duration = min(terms.duration, milliseconds / MS_PER_S)
        session = _Session(peer, name, duration, right, bool(reverse))
        if kind == START and hmac.compare_digest(cookie, right):
            return session
        if kind == HELLO and len(data) >= _HELLO_BYTES:
            own.sendto(_greeting(COOKIE, session), peer)
    raise WorldError(f"no caller within {wait:g} s")


def _asked(own: socket.socket, question: bytes, to: Address, answers: set[int]) -> bytes:
    """Send a question, again and again, until one of the answers comes."""
    for _ in range(round(NO_ANSWER / ASK_EVERY)):
        with suppress(ConnectionError):
            own.sendto(question, to)
        for _, data, peer in _arriving(own, ASK_EVERY):
            if peer[:2] == to[:2] and data[:4] == _MAGIC and data[4] in answers:
                return data
    raise WorldError(f"no answer from {to[0]} port {to[1]} within {NO_ANSWER:g} s")


def _fill(own: socket.socket, session: _Session, limit: float) -> None:
    """Keep the path full until the time is over."""
    begin = now = time.monotonic()
    window, allowance = SaturatingWindow(begin), Allowance(limit / BITS_PER_BYTE, begin)
    padding = bytes(PACKET - _headers(own) - _DATA.size)
    sent, newest = 0, -1
    while now - begin < session.duration:
        if newest < 0 and now - begin > NO_ANSWER:
            raise WorldError(f"nothing of what was sent is acknowledged within {NO_ANSWER:g} s")
        while window.may_send(sent - newest - 1, now) and allowance.takes(PACKET, now):
            header = _DATA.pack(_MAGIC, DATA, session.name, sent, time.monotonic_ns())
            try:
                own.sendto(header + padding, session.peer)
            except (BlockingIOError, ConnectionError):
                break
            sent += 1
        for now, sequence, stamp in _acknowledged(own, session):
            newest = max(newest, min(sequence, sent - 1))
            window.on_acknowledged((time.monotonic_ns() - stamp) / NS_PER_S, now)
        now = time.monotonic()
    for _ in range(3):
        with suppress(OSError):
            own.sendto(_DATA.pack(_MAGIC, END, session.name, sent, 0), session.peer)


def _acknowledged(own: socket.socket, session: _Session) -> Iterator[tuple[float, int, int]]:
    """Yield when which packet was acknowledged, and when it was sent (ns)."""
    for now, data, peer in _arriving(own, _TICK):
        if peer == session.peer and len(data) == _DATA.size and data[4] == ACK:
            _, _, name, sequence, stamp = _DATA.unpack(data)
            if name == session.name:
                yield now, sequence, stamp


def _collect(own: socket.socket, session: _Session) -> list[float]:
    """Acknowledge and count what arrives until the sender says that it is over."""
    deliveries = Deliveries()
    headers = _headers(own)
    for now, data, peer in _arriving(own, session.duration + NO_ANSWER + GRACE, always=True):
        if peer != session.peer or data[:4] != _MAGIC:
            continue
        if data[4] == START:
            own.sendto(_greeting(READY, session), peer)  # the first one was lost
        elif len(data) >= _DATA.size and data[5:13] == session.name:
            if data[4] == END:
                break
            if data[4] == DATA:
                deliveries.on_arrival(len(data) + headers, now)
                with suppress(OSError):
                    own.sendto(_MAGIC + bytes([ACK]) + data[5 : _DATA.size], peer)
    return deliveries.opportunities(session.duration)


def _arriving(own: socket.socket, wait: float, *, always: bool = False) -> Iterator[tuple[float, bytes, Address]]:
    """Yield when what came from whom: what is there within `wait` seconds; with `always`, all until those are over."""
    end = time.monotonic() + wait
    while (left := end - time.monotonic()) > 0:
        if not select.select([own], [], [], left)[0]:
            return
        for _ in range(_BATCH):
            try:
                data, peer = own.recvfrom(2048)
            except (BlockingIOError, ConnectionError):
                break
            yield time.monotonic(), data, peer
            if always and time.monotonic() > end:
                return
        if not always:
            return


def _greeting(kind: int, session: _Session) -> bytes:
    milliseconds = round(session.duration * MS_PER_S)
    return _GREETING.pack(_MAGIC, kind, session.reverse, milliseconds, session.name, session.cookie)


def _headers(own: socket.socket) -> int:
    return IPV6_AND_UDP if own.family == socket.AF_INET6 else IPV4_AND_UDP
