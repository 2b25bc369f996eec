"""A handshake that was begun and not answered yet: which attempts may still be answered, and when to repeat it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from mpsim.tunnel.security.noise import Handshake as Noise

# An initiation is repeated after this time, and this much later at random (s); after a minute less often.
RETRY, RETRY_SPREAD, RETRY_LATER = 0.25, 0.05, 1.0
PATIENT_AFTER = 60.0
MOST_ATTEMPTS = 16  # that may still be answered, or confirmed: those of four seconds
# Sooner than that the answer to a cookie does not leave (s).
COOKIE_PAUSE = 0.02


class Attempt(NamedTuple):
    """One initiation that was sent."""

    number: int
    path: int
    noise: Noise
    mac1: bytes


class Pending:
    """The attempts of a handshake, all of which count until one is answered.

    began: when (s); count: attempts so far; retry_at: when the next is due (s).
    """

    __slots__ = ("_attempts", "_cookie", "_cookie_path", "_cookie_until", "_sent_at", "began", "count", "retry_at")

    def __init__(self, now: float) -> None:
        self.began = self.retry_at = now
        self.count = 0
        self._sent_at = 0.0
        self._attempts: deque[Attempt] = deque(maxlen=MOST_ATTEMPTS)
        # A cookie is worth something on the path that it came by: each has an address of its own.
        self._cookie, self._cookie_path, self._cookie_until = b"", 0, 0.0

    def next_path(self, usable: Sequence[int], now: float) -> int:
        """Return the path of the next attempt: the one that a cookie came by, or else one after the other."""
        if self._cookie and now < self._cookie_until and self._cookie_path in usable:
            return self._cookie_path
        self._cookie = b""
        return usable[self.count % len(usable)]

    def take_cookie(self) -> bytes:
        """Return the cookie for the next attempt, which spends it; empty: there is none."""
        cookie, self._cookie = self._cookie, b""
        return cookie

    @property
    def outstanding(self) -> int:
        """How many attempts may still be answered."""
        return len(self._attempts)

    def attempt(self, number: int) -> Attempt | None:
        """Return the attempt of this number, if it is among the last."""
        return next((attempt for attempt in self._attempts if attempt.number == number), None)

    def on_sent(self, attempt: Attempt, now: float, drawn: int) -> None:
        """Take note of an attempt that leaves now; drawn: a random byte, so that ends do not repeat in step."""
        self._attempts.append(attempt)
        self._sent_at = now
        self.count += 1
        spread = RETRY_SPREAD * drawn / 255
        self.retry_at = now + spread + (RETRY if now - self.began < PATIENT_AFTER else RETRY_LATER)

    def on_cookie(self, cookie: bytes, path: int, until: float) -> None:
        """Repeat it soon by `path`: a cookie has come by it, by which it will be answered until then (s)."""
        self._cookie, self._cookie_path, self._cookie_until = cookie, path, until
        self.retry_at = min(self.retry_at, self._sent_at + COOKIE_PAUSE)

    def on_no_path(self, now: float) -> None:
        """Take note that there is no path to send it by."""
        self.retry_at = now + RETRY
