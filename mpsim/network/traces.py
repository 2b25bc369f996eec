"""Trace files: mahimahi's format, one delivery opportunity of 1500 bytes a line, in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

MILLISECONDS = 1e-3
# A day of 1 Gbit/s; more is a mistake, and would not fit into memory.
LARGEST_TRACE_BYTES = 512 * 1024 * 1024


def read_mahimahi(path: Path, wrong: Callable[[int, str], None] | None = None) -> list[float]:
    """Read a mahimahi trace and return its delivery opportunities in seconds.

    Raises ValueError naming the line and what is wrong with it, OSError if it cannot be read. Where `wrong` is given,
    it is told of each fault instead (line, 0 for the whole file, and message), and the line is left out.
    """
    wrong = wrong or _raise
    if path.stat().st_size > LARGEST_TRACE_BYTES:
        wrong(0, f"at most {LARGEST_TRACE_BYTES // 1024**2} MiB")
        return []
    times: list[float] = []
    last = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.strip()
            if not text:
                continue
            # bytes.isdigit() knows ASCII digits only; int() alone would let "1_000" pass.
            if not text.isdigit():
                wrong(number, _not_a_time(text))
                continue
            value = int(text)
            if value < last:
                wrong(number, f"times that never decrease; given {value} after {last}")
                continue
            last = value
            times.append(value * MILLISECONDS)
    if not times:
        wrong(0, "at least one line; given an empty file")
    elif last == 0:
        wrong(0, "a last line above 0 ms, which is the trace's period")
    return times


def _raise(number: int, message: str) -> None:
    raise ValueError(f"line {number}: {message}" if number else message)


def _not_a_time(text: bytes) -> str:
    shown = text[:20].decode(errors="backslashreplace")
    if text[:1] == b"-" and text[1:].isdigit():
        return f"times from 0 ms on; given {shown}"
    return f"a whole number of milliseconds; given {shown!r}"
