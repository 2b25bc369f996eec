"""Which classes of flows are sparse: a call, names looked up, a game; what a queue hurts and what fills none.

A token bucket a class (RFC 2697's, with one rate): what finds no tokens is dense, and stays so for `HOLD`.
"""

from __future__ import annotations

from mpsim.units import BITS_PER_BYTE

RATE = 256_000.0  # bit/s: two calls of G.711, and their signalling
BURST = 8_000.0  # bytes
HOLD = 1.0  # s


class _Bucket:
    """The state of one class."""

    __slots__ = ("dense_until", "time", "tokens")

    def __init__(self, now: float) -> None:
        self.tokens = BURST
        self.time = now
        self.dense_until = now


class Sparse:
    """Tells which packets belong to a class that sends little.

    Parameters
        rate: most that a sparse class sends, bit/s
    """

    __slots__ = ("_buckets", "rate")

    def __init__(self, rate: float = RATE) -> None:
        self.rate = rate
        self._buckets: dict[int, _Bucket] = {}

    def note(self, cls: int, size: int, now: float) -> bool:
        """Take note of a packet of `size` bytes; return whether its class is sparse."""
        bucket = self._refilled(cls, now)
        if bucket.tokens < size:
            bucket.dense_until = now + HOLD
        else:
            bucket.tokens -= size
        return now >= bucket.dense_until

    def allows(self, cls: int, size: int, now: float) -> bool:
        """Return whether a packet of `size` bytes would leave its class sparse, without taking note of it."""
        bucket = self._refilled(cls, now)
        return now >= bucket.dense_until and size <= bucket.tokens

    def _refilled(self, cls: int, now: float) -> _Bucket:
        """Return a class's bucket with the tokens that it has by now."""
        bucket = self._buckets.get(cls)
        if bucket is None:
            bucket = self._buckets[cls] = _Bucket(now)
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.time) * self.rate / BITS_PER_BYTE)
        bucket.time = now
        return bucket
