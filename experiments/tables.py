"""A table as text for a terminal, as Markdown for a page, and as CSV for programs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

WIDE = 400  # columns; the terminal may wrap, a file must not


def as_text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table with the columns aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, column in zip(headings, _columns(headings, rows), strict=True):
        table.add_column(heading, justify="right" if all(map(_is_number, column)) else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    text = StringIO()
    Console(file=text, width=WIDE, no_color=True).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines())


def as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give the same as Markdown."""
    sides = ["--:" if all(map(_is_number, column)) else "---" for column in _columns(headings, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, sides, *rows))


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV; the columns are those of all rows, in the order they first appear."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def number(value: float | None, factor: float, digits: int) -> str:
    """Give a cell: the value times a factor, or a dash where it is not known."""
    return "-" if value is None else f"{value * factor:.{digits}f}"


def _columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[row[number] for row in rows] for number in range(len(headings))]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace("%", "").replace("ms", ""))
    except ValueError:
        return cell in {"-", ""}
    return True
