"""The fastest path for what is small and urgent: feedback, which opens the windows at the other end.

A path's last one-way delay counts, and for how long it has been silent beyond a round trip: what it carries now comes
no sooner. Where delays are alike the path with fewer bytes in flight is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.path import Path


def fastest(paths: Sequence[Path], now: float) -> Path:
    """Return the path of `paths`, at least one, that a small datagram probably crosses in least time."""
    return min(paths, key=lambda path: (expected(path, now), path.bytes_in_flight, path.index))


def expected(path: Path, now: float) -> float:
    """Return what a path's delay is expected to be (s), beside that of the others: clocks may differ."""
    silence = now - path.waiting_since - path.srtt
    return path.one_way_delay + max(silence, 0.0)
