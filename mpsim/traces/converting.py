"""From one format to another, and what can be changed on the way: offset, length, scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from mpsim.traces import columns, mahimahi, spreading, tables
from mpsim.traces.recording import Recording, Steps
from mpsim.traces.statistics import SHORT, binned

# What a step may differ from the others in a series that counts as regular, s.
_EVEN = 1e-6


@dataclass(frozen=True, slots=True)
class Change:
    """What is changed on the way."""

    offset: float = 0.0  # s: where it begins
    duration: float | None = None  # s, longer than the trace: it begins again; None: once
    scale: float = 1.0  # of the capacity
    spread: str = "even"  # how a rate becomes opportunities, a key of SPREADS
    seed: int = 1  # of a spread that draws
    window: int | None = None  # of a recording with gaps, from 1 on; None: the longest one


def opportunities(recording: Recording, change: Change) -> list[float]:
    """Return opportunities (s). Raises ValueError where there are none."""
    if recording.opportunities:
        times = spreading.looped(recording.opportunities, change.offset, change.duration)
        return spreading.scaled(times, change.scale)
    spread = spreading.SPREADS[change.spread]
    return spreading.opportunities(spread(rates(recording, change), Random(f"{change.seed}/spread")))


def rates(recording: Recording, change: Change) -> Steps:
    """Return a capacity over time (bit/s); opportunities are counted in bins of 100 ms."""
    if recording.opportunities:
        counted = Recording(recording.format, opportunities(recording, change))
        return _even(binned(counted, None, SHORT).tolist(), SHORT)
    return _window(recording, change.window).looped(change.offset, change.duration).scaled(change.scale)


def regular(steps: Steps) -> Steps:
    """Return the same capacity in steps of one length: its own, or 100 ms where they differ."""
    lengths = np.diff(steps.edges)
    if float(np.ptp(lengths)) <= _EVEN:
        return steps
    return _even(binned(Recording("", windows=(steps,)), steps, SHORT).tolist(), SHORT)


def _even(values: list[float], step: float) -> Steps:
    return Steps(tuple(index * step for index in range(len(values) + 1)), tuple(values))


def _window(recording: Recording, number: int | None) -> Steps:
    if number is None:
        return recording.longest()
    if not 1 <= number <= len(recording.windows):
        raise ValueError(f"window 1 to {len(recording.windows)}; given {number}")
    return recording.windows[number - 1]


def _write_mahimahi(path: Path, recording: Recording, change: Change) -> None:
    mahimahi.write(path, opportunities(recording, change))


def _write_series(path: Path, recording: Recording, change: Change) -> None:
    tables.write_series(path, regular(rates(recording, change)))


def _write_cooked(path: Path, recording: Recording, change: Change) -> None:
    columns.write_cooked(path, rates(recording, change))


WRITERS: dict[str, Callable[[Path, Recording, Change], None]] = {
    "mahimahi": _write_mahimahi,
    "series": _write_series,
    "cooked": _write_cooked,
}
