"""Rates in columns with blanks between them: Pensieve's "cooked" traces, and pairs side by side in one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mpsim.traces.quantities import bits_per_second, number
from mpsim.traces.recording import Choice, Recording, Steps, Wrong, lines
from mpsim.traces.series import Row, until_the_next

_BPS_PER_MBIT = 1e6


def read_cooked(path: Path, choice: Choice, wrong: Wrong) -> Recording:
    """Read `seconds Mbit/s`; the value holds until the next time (Mao et al., Pensieve, SIGCOMM 2017).

    With more columns, each is a link of its own recorded beside the others: `column` 2, the default, 3 ...
    """
    try:
        factor = bits_per_second(choice.unit) if choice.unit is not None else _BPS_PER_MBIT
        column = int(choice.column or 2)
        if column < 2:
            raise ValueError("a column from 2 on is needed")
    except ValueError:
        wrong(0, f"a column from 2 on and a unit of a rate are needed; given {choice.column!r} and {choice.unit!r}")
        return Recording("cooked")
    return Recording("cooked", windows=until_the_next(_values(path, column, factor, wrong), wrong))


def write_cooked(path: Path, steps: Steps) -> None:
    """Write `seconds Mbit/s`."""
    begin = steps.edges[0]
    with path.open("w", encoding="ascii", newline="\n") as file:
        for edge, value in zip(steps.edges, steps.values, strict=False):
            file.write(f"{edge - begin:.10g}\t{value / _BPS_PER_MBIT:.10g}\n")


def _values(path: Path, column: int, factor: float, wrong: Wrong) -> Iterator[Row]:
    for line, text in lines(path, wrong):
        cells = text.split()
        if len(cells) < column:
            wrong(line, f"at least {column} columns; given {len(cells)}")
            continue
        try:
            yield line, number(cells[0]), number(cells[column - 1]) * factor
        except ValueError as error:
            wrong(line, str(error))
