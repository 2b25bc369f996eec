"""Recordings made at the same time, each in a file of its own, cut to what they have in common."""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.traces.recording import Recording, Steps


def joined(recordings: Sequence[Recording]) -> list[tuple[Steps, ...]]:
    """Return the windows that all of them have, longest first: one part each, with the same edges of time.

    Times are those of the files (UTC where they are dates), so files that count from their own beginning must
    have been started together.
    """
    common = [(window.edges[0], window.edges[-1]) for window in recordings[0].windows]
    for other in recordings[1:]:
        spans = [(window.edges[0], window.edges[-1]) for window in other.windows]
        common = [
            (max(low, begin), min(high, end))
            for low, high in common
            for begin, end in spans
            if max(low, begin) < min(high, end)
        ]
    common.sort(key=lambda span: span[0] - span[1])
    return [tuple(_part(one, low, high) for one in recordings) for low, high in common]


def _part(recording: Recording, low: float, high: float) -> Steps:
    window = next(one for one in recording.windows if one.edges[0] <= low and high <= one.edges[-1])
    return window.between(low - window.edges[0], high - window.edges[0])
