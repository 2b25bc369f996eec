"""A trace drawn in characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BPS_PER_MBIT = 1e6
WIDTH, HEIGHT = 64, 6


def drawn(rates: Sequence[float], duration: float, *, width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    """Return lines that show rates (bit/s) over `duration` seconds: each column the mean of its time."""
    columns = _means(rates, min(width, len(rates)))
    top = max(columns, default=0.0) or 1.0
    levels = [round(value / top * height * 8) for value in columns]
    found = []
    for row in range(height - 1, -1, -1):
        label = f"{top / _BPS_PER_MBIT:8.4g} |" if row == height - 1 else " " * 9 + "|"
        found.append(label + "".join(_EIGHTHS[max(0, min(8, level - 8 * row))] for level in levels).rstrip())
    axis = f"{duration:.4g} s"
    found.append("  Mbit/s +" + "-" * len(levels))
    found.append(" " * 10 + "0" + axis.rjust(max(1, len(levels) - 1)))
    return found


def _means(rates: Sequence[float], count: int) -> list[float]:
    edges = [round(index * len(rates) / count) for index in range(count + 1)] if count else [0]
    return [sum(rates[low:high]) / (high - low) for low, high in pairwise(edges)]
