"""What a link plays of a trace file, whatever its format."""

from __future__ import annotations

from pathlib import Path

from mpsim.traces import spreading
from mpsim.traces.delays import STEP
from mpsim.traces.formats import read


def opportunities(path: Path, scale: float = 1.0) -> list[float]:
    """Return a file's opportunities (s), of a recording with gaps its longest window, rates spread evenly.

    scale: factor of the capacity. Raises ValueError with the line and what is wrong, OSError.
    """
    found = read(path)
    if found.opportunities:
        return spreading.scaled(found.opportunities, scale)
    return spreading.opportunities(found.longest().scaled(scale))


def delays(path: Path) -> tuple[tuple[float, ...], float]:
    """Return the one-way delays (s) that a file holds, and how long each lasts (s). Raises ValueError, OSError."""
    found = read(path, "delays").delays
    assert found is not None  # a file without any is refused
    return found.values, STEP
