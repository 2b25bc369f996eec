"""What keeps floods of initiations cheap: two MACs, cookies, and how many handshakes a second are computed.

After WireGuard (Donenfeld 2017, section 5.3). An initiation carries `mac1`, keyed by who is meant: without it
there is no answer to anything. When there are too many, or the initiation is not newer than the last, the answer
is a cookie, which is shorter than the question: the initiation is repeated with `mac2`, keyed by the cookie, which
depends on the source address and a secret that changes. So it comes from where it says, and was made just now.
"""

from __future__ import annotations

from collections.abc import Callable

from mpsim.tunnel.security.primitives import CIPHERS, MAC_SIZE, equal, hash_of, mac

COOKIE_LIFE = 120.0  # s
HANDSHAKES_PER_SECOND = 20.0  # from anywhere, from where the other end was heard, and with a cookie: each as many
COOKIES_PER_SECOND = 2048.0  # some ten microseconds each
# Hosts that ask for cookies are told apart into so many groups: a flood from one host takes the share of its group.
GROUPS = 64
_CHACHA = CIPHERS["chacha20-poly1305"]
_ZERO_NONCE = bytes(12)
Address = tuple[str, int]


def label(kind: bytes, identity: bytes) -> bytes:
    """Return the key of what is meant for `identity`: "mac1" or "cookie"."""
    return hash_of(b"mpsim 1 ", kind, b" ", identity)


def seal_cookie(identity: bytes, mac1: bytes, salt: bytes, cookie: bytes) -> bytes:
    """Encrypt a cookie for whom sent `mac1` to `identity`; salt: 16 fresh random bytes."""
    return _CHACHA(hash_of(label(b"cookie", identity), salt)).encrypt(_ZERO_NONCE, cookie, mac1)


def open_cookie(identity: bytes, mac1: bytes, salt: bytes, sealed: bytes) -> bytes:
    """Return the cookie that `identity` answered `mac1` with; raises InvalidTag."""
    return _CHACHA(hash_of(label(b"cookie", identity), salt)).decrypt(_ZERO_NONCE, sealed, mac1)


class CookieJar:
    """Makes cookies, and knows its own again; it keeps nothing but a secret."""

    __slots__ = ("_entropy", "_made", "_secret")

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._secret = entropy(32)
        self._made = 0.0

    def cookie(self, source: Address | None, now: float) -> bytes:
        """Return the cookie of a source address."""
        if now - self._made >= COOKIE_LIFE:
            self.renew(now)
        return mac(self._secret, repr(source).encode())

    def group(self, source: Address | None) -> int:
        """Return the group of a source's host; which it is nobody can choose."""
        host = source[0] if source is not None else ""
        return mac(self._secret, b"group of " + host.encode())[0] % GROUPS

    def renew(self, now: float) -> None:
        """Let all cookies lose their worth."""
        self._secret = self._entropy(32)
        self._made = now

    def proves(self, message: bytes, source: Address | None, now: float) -> bool:
        """Return whether a message, which ends with mac2, has it from the cookie of its source."""
        tag = message[-MAC_SIZE:]
        return any(tag) and equal(tag, mac(self.cookie(source, now), message[:-MAC_SIZE]))


class Allowance:
    """So many a second, and as many at once after a pause (a token bucket)."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: float = HANDSHAKES_PER_SECOND) -> None:
        self._rate = self._left = rate
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Return whether one more is allowed."""
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
