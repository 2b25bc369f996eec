"""Figures of the mobile experiment over all sets: fraction and delay by system, the frontier, the ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments.drawing import DASHES, DOTS, SMALL
from mpsim.plot import COLOURS, STYLE, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MS_PER_S = 1e3
BAR, GRID = "#c9d6e2", "#444444"
KINDS = {
    sets.PAIR: COLOURS[0],
    sets.TRIPLE: COLOURS[5],
    sets.OPERATORS: COLOURS[2],
    sets.WIFI: COLOURS[1],
    sets.STARLINK: COLOURS[4],
    sets.GENERATED: COLOURS[7],
}
LEAST_MS, MOST_MS = 20.0, 10_000.0  # of the axis of delays
MOST_FRACTION = 1.1  # what waited when the measured interval began may come on top of the sum
TICKS_MS = (20, 50, 100, 250, 1000, 4000)
Row = Mapping[str, Any]


def by_system(rows: Sequence[Row], *, title: str, note: str, target_ms: float | None = None) -> Figure:
    """Draw what each system makes of the sum, and the delay of it: bars are means over sets, dots the sets."""
    means = {str(row["system"]): runs.mean_of(_of(rows, row["system"]), "fraction") or 0.0 for row in rows}
    order = sorted(means, key=lambda name: -means[name])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.75 + 0.27 * len(order)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (1.25, 1)})
        _dotted(left, rows, order, "fraction", 1.0)
        left.axvline(1.0, color="black", lw=1.4)
        _told_above(left, 1.0, "oracle: the sum")
        _line_of_the_best(left, means)
        left.set_xlim(0, MOST_FRACTION)
        left.set_xlabel("goodput, fraction of the summed links")
        _dotted(right, rows, order, "delay_p95_s", MS_PER_S)
        if target_ms is not None:
            right.axvline(target_ms, color=GRID, lw=0.9, linestyle=DOTS)
            _told_above(right, target_ms, f"target: {target_ms:g} ms")
        _by_name_and_delay(left, right, order)
        for label in left.get_yticklabels():
            if label.get_text() == runs.OURS.name:
                label.set_fontweight("bold")
        _legend(figure, rows, title)
        figure.supxlabel(note, fontsize=7, color="#444444", x=0.01, ha="left", linespacing=1.5)
    return figure


def _told_above(room: Axes, x: float, text: str) -> None:
    room.annotate(
        text, (x, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3), ha="center", textcoords="offset points",
        fontsize=SMALL,
    )  # fmt: skip


def _of(rows: Sequence[Row], system: object) -> list[Row]:
    return [row for row in rows if row["system"] == system]


def _by_name_and_delay(left: Axes, right: Axes, order: Sequence[str]) -> None:
    """Give a row to each name, and logarithmic milliseconds to the right-hand side."""
    right.set_xscale("log")
    right.set_xlim(LEAST_MS, MOST_MS)
    right.set_xticks(TICKS_MS, [f"{tick:g}" for tick in TICKS_MS])
    right.minorticks_off()
    right.set_xlabel("delay, 95 % of the packets, ms")
    left.set_yticks(range(len(order)), order)
    left.set_ylim(len(order) - 0.45, -0.55)


def _dotted(room: Axes, rows: Sequence[Row], order: Sequence[str], key: str, factor: float) -> None:
    for place, name in enumerate(order):
        own = _of(rows, name)
        mean = runs.mean_of(own, key)
        if mean is None:
            continue
        room.barh(place, mean * factor, 0.72, color=BAR, zorder=1)
        for row in own:
            if row.get(key) is not None:
                _dot(room, float(row[key]) * factor, place + _shift(row, own), row)
        told = f"{mean * factor:.2f}" if factor == 1 else f"{mean * factor:.0f}"
        room.annotate(
            told, (0.015, place), xycoords=("axes fraction", "data"), va="center", fontsize=SMALL, fontweight="bold",
            zorder=4,
        )  # fmt: skip
    room.grid(visible=False, axis="y")


def _shift(row: Row, own: Sequence[Row]) -> float:
    """Give a place within the bar, so that no dot hides another."""
    return 0.5 * (own.index(row) / max(1, len(own) - 1) - 0.5)


def _dot(room: Axes, x: float, y: float, row: Row) -> None:
    colour = KINDS[str(row["kind"])]
    room.plot(x, y, "o", ms=3.1, mec=colour, mew=0.8, color=colour if not row["tuning"] else "white", zorder=3)


def _line_of_the_best(room: Axes, means: Mapping[str, float]) -> None:
    if runs.BEST in means:
        room.axvline(means[runs.BEST], color=GRID, lw=0.9, linestyle=DASHES, zorder=2)


def _legend(figure: Figure, rows: Sequence[Row], title: str) -> None:
    shown = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    marks = [Line2D([], [], ls="", marker="o", ms=4, color=KINDS[kind], label=kind) for kind in shown]
    if any(row["tuning"] for row in rows):
        marks.append(Line2D([], [], ls="", marker="o", ms=4, mec="black", color="white", label="used for tuning"))
    marks.append(Line2D([], [], color=GRID, lw=0.9, linestyle=DASHES, label="mean of the best single link"))
    figure.legend(
        handles=marks,
        loc="outside upper center",
        ncols=4,
        columnspacing=1.2,
        handletextpad=0.3,
        title=title,
        title_fontsize=10,
    )


def frontier(swept: Mapping[str, Sequence[tuple[float, Row]]], others: Sequence[Row], note: str) -> Figure:
    """Draw goodput against delay as the delay target is swept, and the other systems as points.

    swept: by system, the targets (s) and the means at each; others: means of systems that have no target.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        room = figure.subplots()
        for number, (name, points) in enumerate(swept.items()):
            places = [(MS_PER_S * row["delay_p95_s"], row["fraction"]) for _, row in points]
            room.plot(*zip(*places, strict=True), "o-", color=COLOURS[number], ms=4, lw=1.2, label=f"{name}, by target")
            # Of the first line every target is told, of the others the ends: they lie close together.
            told = range(len(points)) if not number else (0, len(points) - 1)
            for place, target in ((places[index], points[index][0]) for index in told):
                room.annotate(
                    f"{MS_PER_S * target:g} ms", place, xytext=(3, -9), textcoords="offset points", fontsize=SMALL
                )
        for number, row in enumerate(sorted(others, key=lambda row: float(row["fraction"]))):
            place = (MS_PER_S * row["delay_p95_s"], row["fraction"])
            room.plot(*place, "s", ms=4, color=GRID)
            # Above and below by turns, so that neighbours do not hide each other's names.
            shift = (4, 3 if number % 2 else -9)
            room.annotate(row["system"], place, xytext=shift, textcoords="offset points", fontsize=SMALL)
        room.axhline(1.0, color="black", lw=1.4)
        room.set_xscale("log")
        room.set_xlim(50, MOST_MS)
        ticks = [tick for tick in TICKS_MS if tick >= 50]
        room.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        room.minorticks_off()
        room.set_ylim(0, 1.05)
        room.set_xlabel("delay, 95 % of the packets, ms (mean over sets)")
        room.set_ylabel("fraction of the sum")
        room.legend(loc="lower right")
        figure.supxlabel(note, fontsize=7, color="#444444", x=0.01, ha="left")
    return figure


def ablation(rows: Sequence[Row], note: str) -> Figure:
    """Draw what is left where one part at a time is the plain one."""
    order = list(dict.fromkeys(str(row["system"]) for row in rows))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.4 + 0.27 * len(order)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _dotted(left, rows, order, "fraction", 1.0)
        left.axvline(1.0, color="black", lw=1.4)
        left.set_xlim(0, MOST_FRACTION)
        left.set_xlabel("fraction of the sum")
        _dotted(right, rows, order, "delay_p95_s", MS_PER_S)
        _by_name_and_delay(left, right, order)
        figure.supxlabel(note, fontsize=7, color="#444444", x=0.01, ha="left")
    return figure
