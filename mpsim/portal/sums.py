"""Ones' complement sums of 16-bit words (RFC 1071), of which Internet checksums are made; modulo 2^16 - 1.

0 and 2^16 - 1 stand for the same sum.
"""

from __future__ import annotations

import sys

import numpy as np

ONES = 0xFFFF
# So many pieces are summed as an array; fewer are cheaper one by one.
_FEW = 4


def summed(data: bytes) -> int:
    """Return the sum of some bytes; an odd one at the end counts as if a zero followed."""
    value = int.from_bytes(data, "big")
    return (value << 8 if len(data) % 2 else value) % ONES


def piecewise(data: bytes, begin: int, size: int) -> list[int]:
    """Return the sum of every `size` bytes of the data from `begin` on; the last piece may be shorter."""
    count = (len(data) - begin) // size
    if size % 2 or count < _FEW:
        return [summed(data[at : at + size]) for at in range(begin, len(data), size)]
    words = np.frombuffer(data, "=u2", count * size // 2, begin).reshape(count, size // 2)
    # Of swapped words the sum comes out swapped (RFC 1071, section 2).
    found = [int(total) % ONES for total in words.sum(axis=1, dtype=np.uint32).tolist()]
    if sys.byteorder == "little":
        found = [(total & 0xFF) << 8 | total >> 8 for total in found]
    rest = begin + count * size
    if rest < len(data):
        found.append(summed(data[rest:]))
    return found
