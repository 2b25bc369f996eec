"""Mahimahi's format: one opportunity of 1500 bytes a line, whole milliseconds, the last line is the period."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from mpsim.network.traces import MILLISECONDS, read_mahimahi
from mpsim.traces.recording import Choice, Recording, Wrong

# Times that came from whole milliseconds are a hair beside them: they must not go up by another one.
_GRAIN = 1e-6  # ms


def read(path: Path, _choice: Choice, wrong: Wrong) -> Recording:
    """Read opportunities."""
    return Recording("mahimahi", opportunities=read_mahimahi(path, wrong))


def write(path: Path, times: Sequence[float]) -> None:
    """Write opportunities (s); each falls into the millisecond in which it is complete, and so never comes early."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{ceil(time / MILLISECONDS - _GRAIN)}\n" for time in times)
