"""One-way delays beside a capacity: one whole number of milliseconds a line, each for 10 ms (LeoCC, SIGCOMM 2025)."""

from __future__ import annotations

from pathlib import Path

from mpsim.traces.quantities import number
from mpsim.traces.recording import Choice, Recording, Steps, Wrong, lines
from mpsim.units import MS_PER_S

STEP = 0.010  # s


def read_delays(path: Path, _choice: Choice, wrong: Wrong) -> Recording:
    """Read the delays that belong to a trace of opportunities recorded beside them."""
    found = []
    for line, text in lines(path, wrong):
        try:
            found.append(number(text) / MS_PER_S)
        except ValueError as error:
            wrong(line, str(error))
    if not found:
        wrong(0, "at least one line; given an empty file")
        return Recording("delays")
    return Recording("delays", delays=Steps(tuple(index * STEP for index in range(len(found) + 1)), tuple(found)))
