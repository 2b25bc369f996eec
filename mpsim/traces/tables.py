"""Rates in tables with commas: series with a named column, G-NetTrack's logs, pairs without a header."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from mpsim.traces.quantities import bits_per_second, moment, number, unit_of_name
from mpsim.traces.recording import Choice, Recording, Steps, Wrong, lines
from mpsim.traces.series import Row, one_a_second

OWN_HEADER = "time_s,capacity_kbps"
# What a first column is called that holds the time at which a row begins.
TIMES = ("time_s", "time", "timestamp", "timestamp_start", "t_s", "t", "seconds")
_BPS_PER_KBPS = 1e3
# The logger's stamps slip now and then by a second; the value before holds then.
_LATE = 2.5


def read_series(path: Path, choice: Choice, wrong: Wrong) -> Recording:
    """Read a CSV file with a header: the first column of times, and the chosen column of rates.

    A column whose name ends with its unit (``capacity_kbps``) needs no unit, and no choice if it is the only one.
    """
    rows = _rows(path, wrong)
    _, header = next(rows, (1, []))
    try:
        column, factor = _column(header, choice)
        time = next(index for index, name in enumerate(header) if name.lower() in TIMES)
    except StopIteration:
        wrong(1, f"a column of times is needed, named one of {', '.join(TIMES)}; given {', '.join(header)[:80]}")
        return Recording("series")
    except ValueError as error:
        wrong(1, str(error))
        return Recording("series")
    return Recording("series", windows=one_a_second(_values(rows, time, column, factor, wrong), wrong))


def read_gnettrack(path: Path, choice: Choice, wrong: Wrong) -> Recording:
    """Read a G-NetTrack log (kbit/s, one row a second): DL_bitrate, or UL_bitrate if chosen.

    Rows in which nothing was downloaded (State other than D) say nothing about capacity: they leave a gap.
    """
    rows = _rows(path, wrong)
    _, header = next(rows, (1, []))
    column = choice.column or "DL_bitrate"
    missing = [name for name in ("Timestamp", "State", column) if name not in header]
    if missing:
        wrong(1, f"no column {missing[0]}; given {', '.join(header)[:80]}")
        return Recording("gnettrack")
    state = header.index("State")
    busy = ((line, cells) for line, cells in rows if len(cells) <= state or cells[state] == "D")
    found = _values(busy, header.index("Timestamp"), header.index(column), _BPS_PER_KBPS, wrong)
    return Recording("gnettrack", windows=one_a_second(found, wrong, gap=_LATE))


def read_pair(path: Path, choice: Choice, wrong: Wrong) -> Recording:
    """Read `seconds,bytes per second` without a header, one of the two files of a WiFi and cellular pair."""
    try:
        factor = bits_per_second(choice.unit or "B/s")
        column = _number_of(choice, 2)
    except ValueError as error:
        wrong(0, str(error))
        return Recording("pair")
    found = _values(_rows(path, wrong), 0, column - 1, factor, wrong)
    return Recording("pair", windows=one_a_second(found, wrong))


def write_series(path: Path, steps: Steps) -> None:
    """Write our own series: ``time_s,capacity_kbps``."""
    begin = steps.edges[0]
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"{OWN_HEADER}\n")
        for edge, value in zip(steps.edges, steps.values, strict=False):
            file.write(f"{edge - begin:.10g},{value / _BPS_PER_KBPS:.10g}\n")


def _number_of(choice: Choice, default: int) -> int:
    if choice.column is None:
        return default
    if not choice.column.isdigit() or int(choice.column) < 2:
        raise ValueError(f"a column from 2 on is needed, there is no header; given {choice.column!r}")
    return int(choice.column)


def _rows(path: Path, wrong: Wrong) -> Iterator[tuple[int, list[str]]]:
    for line, text in lines(path, wrong):
        try:
            yield line, [cell.strip() for cell in next(csv.reader([text]))]
        except csv.Error as error:
            wrong(line, str(error))


def _column(header: list[str], choice: Choice) -> tuple[int, float]:
    if choice.column is not None:
        if choice.column not in header:
            raise ValueError(f"no column {choice.column!r}; given {', '.join(header)}")
        factor = bits_per_second(choice.unit) if choice.unit is not None else unit_of_name(choice.column)
        if factor is None:
            raise ValueError(f"the unit of column {choice.column!r} has to be told, such as Mbit/s")
        return header.index(choice.column), factor
    known = [(index, factor) for index, name in enumerate(header) if (factor := unit_of_name(name)) is not None]
    if len(known) != 1:
        raise ValueError(f"the column of the rate has to be chosen; given {', '.join(header)[:120]}")
    return known[0]


def _values(
    rows: Iterator[tuple[int, list[str]]], time: int, column: int, factor: float, wrong: Wrong
) -> Iterator[Row]:
    for line, cells in rows:
        if len(cells) <= max(time, column):
            wrong(line, f"at least {max(time, column) + 1} columns; given {len(cells)}")
            continue
        if not cells[column]:
            continue  # not measured at that time: a gap
        try:
            yield line, moment(cells[time]), number(cells[column]) * factor
        except ValueError as error:
            wrong(line, str(error))
