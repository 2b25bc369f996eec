"""Anti-replay: a window over the counts that were received, without shifting bits (RFC 6479)."""

from __future__ import annotations

BLOCK = 64  # bits of a block
# Late by so many datagrams of its own path one still counts: two seconds at 300 Mbit/s in datagrams of 1200 bytes.
SIZE = 65_536


class Window:
    """Which counts have been here, as far back as `size` below the highest; all before that count as known.

    The bits are a ring of blocks. Only the block that the highest count enters is cleared, so at any time all but
    one are in use (section 2 of the RFC).

    Parameters
        highest: the first count, which is accepted by this
        size: how far back it looks, at least (in counts)
    """

    __slots__ = ("_blocks", "_mask", "_reach", "highest")

    def __init__(self, highest: int, size: int = SIZE) -> None:
        # One block more than the window, and their number a power of two.
        count = 1 << (size // BLOCK).bit_length()
        self._blocks = [0] * count
        self._mask = count - 1
        self._reach = (count - 1) * BLOCK
        self.highest = highest
        self.accept(highest)

    def knows(self, count: int) -> bool:
        """Return whether a count has been here, or is too old to tell."""
        if count > self.highest:
            return False
        if self.highest - count >= self._reach or count < 0:
            return True
        return bool(self._blocks[count // BLOCK & self._mask] >> count % BLOCK & 1)

    def accept(self, count: int) -> None:
        """Take note of a count that was not known and proved authentic."""
        block = count // BLOCK
        if count > self.highest:
            newest = self.highest // BLOCK
            if block != newest:
                for passed in range(newest + 1, min(block, newest + self._mask + 1) + 1):
                    self._blocks[passed & self._mask] = 0
            self.highest = count
        self._blocks[block & self._mask] |= 1 << count % BLOCK
