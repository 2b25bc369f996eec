"""A figure for many things in many situations: numbers in a grid, the better the darker, a grid for each quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mpsim.plot import STYLE, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL = 6.5  # points
DARK = 0.55  # from here on numbers are white
CELL = 0.165  # inches


@dataclass(frozen=True, slots=True)
class Grid:
    """One quantity.

    values: by row and column; best, worst: where the colour is darkest and lightest; beyond them it stays.
    """

    title: str
    columns: Sequence[str]
    values: Mapping[tuple[str, str], float]
    best: float
    worst: float
    digits: int = 0

    def shade(self, value: float) -> float:
        """Give 0 (worst) to 1 (best)."""
        return float(np.clip((value - self.worst) / (self.best - self.worst), 0.0, 1.0))


def draw(rows: Sequence[str], grids: Sequence[Grid], note: str = "") -> Figure:
    """Draw grids that share their rows, two beside each other."""
    lines = [grids[at : at + 2] for at in range(0, len(grids), 2)]
    height = len(lines) * (CELL * len(rows) + 0.95) + 0.12 * (note.count("\n") + 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        rooms = figure.subplots(len(lines), 2, squeeze=False)
        for line, places in zip(lines, rooms, strict=True):
            for number, room in enumerate(places):
                if number < len(line):
                    _draw_grid(room, rows, line[number], named=number == 0)
                else:
                    room.set_axis_off()
        if note:
            figure.supxlabel(note, fontsize=SMALL, x=0.01, ha="left")
    return figure


def _draw_grid(room: Axes, rows: Sequence[str], grid: Grid, *, named: bool) -> None:
    shades = np.full((len(rows), len(grid.columns)), np.nan)
    for line, row in enumerate(rows):
        for place, column in enumerate(grid.columns):
            value = grid.values.get((row, column))
            if value is None or np.isnan(value):
                room.annotate("-", (place, line), ha="center", va="center", fontsize=SMALL, color="#999999")
                continue
            shades[line, place] = grid.shade(value)
            colour = "white" if shades[line, place] > DARK else "black"
            told = "never" if np.isinf(value) else f"{value:.{grid.digits}f}"
            room.annotate(told, (place, line), ha="center", va="center", fontsize=SMALL, color=colour)
    room.imshow(shades, cmap="Blues", vmin=-0.05, vmax=1.15, aspect="auto")
    room.set_title(grid.title, loc="left")
    room.set_xticks(range(len(grid.columns)), grid.columns, rotation=30, ha="right", rotation_mode="anchor")
    room.set_yticks(range(len(rows)), rows if named else [""] * len(rows))
    room.tick_params(length=0, labelsize=SMALL)
    room.grid(visible=False)
