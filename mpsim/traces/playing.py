"""What a link plays of a trace file, whatever its format."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mpsim.traces import spreading
from mpsim.traces.delays import STEP
from mpsim.traces.formats import read

# A run reads each of its traces several times: both directions of a few links are remembered, if they are not long.
_REMEMBERED = 8
_LONGEST = 200_000  # opportunities
_lately: dict[tuple[Path, bytes, float], tuple[float, ...]] = {}


def opportunities(path: Path, scale: float = 1.0) -> tuple[float, ...]:
    """Return a file's opportunities (s), of a recording with gaps its longest window, rates spread evenly.

    scale: factor of the capacity. Raises ValueError with the line and what is wrong, OSError.
    """
    with path.open("rb") as file:
        # Of the contents, not of the time: a file may be written anew within the clock's grain.
        key = (path, hashlib.file_digest(file, "blake2b").digest(), scale)
    found = _lately.pop(key, None)
    if found is None:
        found = tuple(_read(path, scale))
    if len(found) <= _LONGEST:
        _lately[key] = found  # the newest is the last
        if len(_lately) > _REMEMBERED:
            del _lately[next(iter(_lately))]
    return found


def _read(path: Path, scale: float) -> list[float]:
    found = read(path)
    if found.opportunities:
        return spreading.scaled(found.opportunities, scale)
    return spreading.opportunities(found.longest().scaled(scale))


def delays(path: Path) -> tuple[tuple[float, ...], float]:
    """Return the one-way delays (s) that a file holds, and how long each lasts (s). Raises ValueError, OSError."""
    found = read(path, "delays").delays
    assert found is not None  # a file without any is refused
    return found.values, STEP
