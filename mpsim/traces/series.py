"""Rows of a time and a rate become steps: what repeats, goes back or leaves a gap is settled here."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from statistics import median_low

from mpsim.traces.recording import Steps, Wrong

Row = tuple[int, float, float]  # line, s, bit/s
# A row that is later than this many usual distances ends the window before it.
GAP = 1.5
# Files put together of days may go back in time by more than this (s); by less, a row is out of place.
DAYS_APART = 60.0


def one_a_second(rows: Iterable[Row], wrong: Wrong, *, gap: float = GAP) -> tuple[Steps, ...]:
    """Return the windows of a regular series: a value holds until the next one, the last for a usual distance.

    Stamps of whole seconds may repeat when a logger is late: the mean of such rows holds.
    """
    kept = _merged(rows, wrong)
    usual = _usual(kept)
    windows: list[Steps] = []
    edges: list[float] = []
    values: list[float] = []
    for time, value in kept:
        if edges and not 0 < time - edges[-1] <= gap * usual:
            windows.append(_closed(edges, values, usual))
            edges, values = [], []
        edges.append(time)
        values.append(value)
    if edges:
        windows.append(_closed(edges, values, usual))
    return tuple(sorted(windows, key=lambda window: window.edges))


def until_the_next(rows: Iterable[Row], wrong: Wrong) -> tuple[Steps, ...]:
    """Return the only window of a series at irregular times; of rows at one time the last one holds."""
    found: dict[float, float] = {}
    last = 0.0
    for line, time, value in rows:
        if found and time < last:
            wrong(line, f"times that never decrease; given {time:g} after {last:g}")
            continue
        found[time] = value
        last = time
    kept = list(found.items())
    return (_closed([time for time, _ in kept], [value for _, value in kept], _usual(kept)),) if kept else ()


def _merged(rows: Iterable[Row], wrong: Wrong) -> list[tuple[float, float]]:
    kept: list[tuple[float, float]] = []
    same = 1
    for line, time, value in rows:
        if kept and 0 < kept[-1][0] - time <= DAYS_APART:
            wrong(line, f"times that never decrease; given {time:.10g} after {kept[-1][0]:.10g}")
        elif kept and time == kept[-1][0]:
            same += 1
            kept[-1] = (time, kept[-1][1] + (value - kept[-1][1]) / same)
        else:
            same = 1
            kept.append((time, value))
    return kept


def _usual(rows: list[tuple[float, float]]) -> float:
    distances = [later - earlier for (earlier, _), (later, _) in pairwise(rows) if later > earlier]
    return median_low(distances) if distances else 1.0


def _closed(edges: list[float], values: list[float], usual: float) -> Steps:
    return Steps((*edges, edges[-1] + usual), tuple(values))
