"""How much slower one path is than another, as the receiver sees it.

The sender's clock stamps every datagram, so receive time minus send time is a path's one-way delay and
the difference of the two clocks, which is the same for all paths: only differences are used.
"""

from __future__ import annotations

from mpsim.tunnel.wire import MICROSECONDS, SEQUENCE_MASK, microseconds

GAIN = 1 / 8  # of a new sample in the smoothed delay (as for round-trip times, RFC 6298)
_HALF = 0x8000_0000


class Latencies:
    """Smoothed one-way delays of the paths that are in use, up to a common constant.

    Parameters
        inactive: a path without packets for so many arrivals is out of use, count (MP-DCCP: 250)
    """

    __slots__ = ("_arrivals", "_delays", "_origin", "_seen", "inactive")

    def __init__(self, inactive: int = 250) -> None:
        self.inactive = inactive
        self._origin = -1  # us, the constant that is taken away so that the clock's wrap does not matter
        self._arrivals = 0
        self._delays: dict[int, float] = {}
        self._seen: dict[int, int] = {}

    def note(self, path: int, sent_us: int, now: float) -> None:
        """Take a sample: what left at `sent_us` (wire time) by `path` has arrived at `now` (s)."""
        raw = (microseconds(now) - sent_us) & SEQUENCE_MASK
        if self._origin < 0:
            self._origin = raw
        delay = (((raw - self._origin + _HALF) & SEQUENCE_MASK) - _HALF) / MICROSECONDS
        before = self._delays.get(path)
        self._delays[path] = delay if before is None else before + GAIN * (delay - before)
        self._arrivals += 1
        self._seen[path] = self._arrivals

    def slowest(self) -> float:
        """Return the largest delay of the paths in use (s, up to the constant)."""
        return max(self._active(), default=0.0)

    def spread(self) -> float:
        """Return by how much the slowest path in use is behind the fastest (s)."""
        active = self._active()
        return max(active) - min(active) if active else 0.0

    def behind(self, path: int) -> float:
        """Return by how much the slowest path in use is behind `path` (s); 0 for one not known."""
        delay = self._delays.get(path)
        return max(self.slowest() - delay, 0.0) if delay is not None else 0.0

    def _active(self) -> list[float]:
        oldest = self._arrivals - self.inactive
        return [delay for path, delay in self._delays.items() if self._seen[path] >= oldest]
