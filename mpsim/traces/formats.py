"""The formats that can be read: which there are, how a file's own is found, what lint says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mpsim.traces import columns, delays, mahimahi, tables
from mpsim.traces.recording import Choice, Recording, Wrong, lines, refuse

MOST_FAULTS = 20  # that lint tells of one file
LONGEST = 31 * 24 * 3600.0  # s; more is a mistake in its times


@dataclass(frozen=True, slots=True)
class Format:
    """One format: what it is, and its reader."""

    summary: str
    read: Callable[[Path, Choice, Wrong], Recording]


FORMATS: dict[str, Format] = {
    "mahimahi": Format("opportunities of 1500 bytes, one whole number of milliseconds a line", mahimahi.read),
    "series": Format("CSV with a header: a column of times, a named column of rates", tables.read_series),
    "cooked": Format(
        "seconds and Mbit/s with a blank between them (Pensieve); more columns: links", columns.read_cooked
    ),
    "gnettrack": Format("G-NetTrack's CSV log, DL_bitrate and UL_bitrate in kbit/s", tables.read_gnettrack),
    "pair": Format("CSV without a header: seconds, bytes per second", tables.read_pair),
    "delays": Format("one-way delay in milliseconds, a line for each 10 ms; has to be named", delays.read_delays),
}


def detect(path: Path) -> str:
    """Return the format of a file by its first line. Raises ValueError where none is known, OSError."""
    number, text = next(lines(path, refuse), (0, ""))
    cells = text.split(",")
    if len(cells) > 1:
        if {"Timestamp", "DL_bitrate", "State"} <= set(cells):
            return "gnettrack"
        return "pair" if _numeric(cells[0]) and _numeric(cells[1]) else "series"
    cells = text.split()
    if len(cells) > 1 and all(map(_numeric, cells)):
        return "cooked"
    # A file that is empty, or whose first line is broken, is told so by the commonest reader.
    if len(cells) <= 1:
        return "mahimahi"
    raise ValueError(f"line {number}: no known format ({', '.join(FORMATS)}); given {text[:40]!r}")


def read(path: Path, format: str | None = None, choice: Choice | None = None) -> Recording:
    """Read a trace, its format by its first line unless it is named. Raises ValueError with the line, OSError."""
    found = FORMATS[format or detect(path)].read(path, choice or Choice(), refuse)
    problem = _problem(found)
    if problem is not None:
        raise ValueError(problem)
    return found


def faults(path: Path, format: str | None = None, choice: Choice | None = None) -> list[str]:
    """Return what is wrong with a file, `line N: ...` each, at most 20; empty: it can be used as it is. OSError."""
    told: list[str] = []

    def wrong(number: int, message: str) -> None:
        told.append(f"line {number}: {message}" if number else message)

    try:
        found = FORMATS[format or detect(path)].read(path, choice or Choice(), wrong)
    except ValueError as error:
        return [str(error)]
    problem = _problem(found)
    if not told and problem is not None:
        told.append(problem)
    return told[:MOST_FAULTS]


def _problem(found: Recording) -> str | None:
    """Return what is wrong with a recording as a whole, or None."""
    if not (found.opportunities or found.windows or found.delays):
        return "at least one value; given none"
    duration = max([*found.opportunities[-1:], *(window.duration for window in found.windows)], default=0.0)
    return f"at most {LONGEST:.0f} s (31 days); given {duration:.0f} s" if duration > LONGEST else None


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
