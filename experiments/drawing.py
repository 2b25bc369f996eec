"""Figures of the evaluation: bars in rows, curves (timelines.py: over time). The worlds lie side by side in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.base import Spread
from experiments.criterion import UnshownError
from mpsim.plot import COLOURS, HATCHES, STROKES, STYLE, WIDTH, Bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL = 7  # points, of numbers beside marks
EMPTY = "no figure"
DASHES: Any = (0, (2, 1))  # of limits and targets
DOTS: Any = (0, (1, 1.5))  # of a second reference


def bar_rows(bars: Sequence[Bar], *, axis: str, digits: int = 1) -> Figure:
    """Draw lying bars: a row of panels for each group, a column for each panel, a bar for each label and world.

    The error bar is the inter-quartile range around the median, the dashed line a bar's limit.
    """
    if not bars:
        raise UnshownError("no run has these figures")
    panels, groups, labels, worlds = (
        list(dict.fromkeys(getattr(bar, name) for bar in bars)) for name in ("panel", "group", "label", "world")
    )
    counts = {group: len({bar.label for bar in bars if bar.group == group}) for group in groups}
    each = 0.16 * len(worlds) + 0.12  # inches of a label
    heights = [each * counts[group] + 0.1 for group in groups]
    widest = max([bar.high for bar in bars] + [bar.limit or 0.0 for bar in bars] + [1e-9])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.3 * len(groups) + 0.8), layout="constrained")
        rooms = figure.subplots(
            len(groups), len(panels), squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights}
        )
        for line, group in zip(rooms, groups, strict=True):
            told = [label for label in labels if any(bar.label == label and bar.group == group for bar in bars)]
            for room, panel in zip(line, panels, strict=True):
                some = [bar for bar in bars if bar.group == group and bar.panel == panel]
                _lay_bars(room, some, told, labels, worlds, digits)
                room.set_title(f"{group}, {panel}" if len(groups) > 1 or len(panels) > 1 else group, loc="left")
                room.set_yticks(range(len(told)), told if room is line[0] else [""] * len(told))
                room.set_ylim(len(told) - 0.45, -0.55)
                room.set_xlim(0, widest * 1.18)
                room.grid(visible=False, axis="y")
        for room in rooms[-1]:
            room.set_xlabel(axis)
        _world_patches(figure, worlds)
    return figure


def _lay_bars(
    room: Axes, bars: Sequence[Bar], told: Sequence[str], labels: Sequence[str], worlds: Sequence[str], digits: int
) -> None:
    width = 0.8 / len(worlds)
    for bar in bars:
        place = told.index(bar.label) + (worlds.index(bar.world) - (len(worlds) - 1) / 2) * width
        if np.isnan(bar.median):
            room.annotate(EMPTY, (0, place), xytext=(2, 0), textcoords="offset points", va="center", fontsize=SMALL)
            continue
        number = worlds.index(bar.world)
        colour = COLOURS[labels.index(bar.label) % len(COLOURS)]
        room.barh(place, bar.median, width * 0.9, color=colour, hatch=HATCHES[number], edgecolor="white", lw=0.4)
        ends = [[max(0.0, bar.median - bar.low)], [max(0.0, bar.high - bar.median)]]
        room.errorbar(bar.median, place, xerr=ends, color="black", capsize=2, elinewidth=0.9, capthick=0.9)
        if bar.limit is not None:
            room.vlines(bar.limit, place - width / 2, place + width / 2, color="#444444", linestyle=DASHES, lw=1)
        right = max(bar.high, bar.limit or 0.0)
        room.annotate(
            f"{bar.median:.{digits}f}",
            (right, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
        )


def _world_patches(figure: Figure, worlds: Sequence[str]) -> None:
    marks = [
        Patch(facecolor="#999999", edgecolor="white", hatch=hatch, label=world)
        for world, hatch in zip(worlds, HATCHES, strict=False)
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=len(marks))


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve, in the axes' units."""

    panel: str
    label: str
    world: str
    x: float
    y: Spread


def curves(
    points: Sequence[Point],
    *,
    x_axis: str,
    y_axis: str,
    lines: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]] | None = None,
    log_x: bool = False,
) -> Figure:
    """Draw medians with quartiles over x: a panel each panel, a colour each label, a stroke each world.

    lines: dashed reference lines by name and panel, as (x, y).
    """
    if not points:
        raise UnshownError("no run has these figures")
    panels, labels, worlds = (
        list(dict.fromkeys(getattr(point, name) for point in points)) for name in ("panel", "label", "world")
    )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
        rooms = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for room, panel in zip(rooms, panels, strict=True):
            for number, label in enumerate(labels):
                for world in worlds:
                    some = [one for one in points if (one.panel, one.label, one.world) == (panel, label, world)]
                    _curve(room, [one for one in some if one.y.count], COLOURS[number % len(COLOURS)], worlds, world)
            for stroke, line in zip((DASHES, DOTS), (lines or {}).values(), strict=False):
                room.plot(*zip(*line[panel], strict=True), color="#444444", lw=0.9, linestyle=stroke)
            if log_x:
                room.set_xscale("log")
                room.set_xticks(sorted({point.x for point in points}), minor=False)
                room.xaxis.set_major_formatter("{x:g}")
                room.minorticks_off()
            room.set_title(panel, loc="left")
            room.set_xlabel(x_axis)
        from_zero(rooms[0])
        rooms[0].set_ylabel(y_axis)
        stroke_legend(figure, labels, worlds, references=list(lines or ()))
    return figure


def from_zero(room: Axes) -> None:
    """Let the axis of quantities begin at nothing, with some air above the highest."""
    room.set_ylim(0, room.dataLim.y1 * 1.08 if room.dataLim.y1 > 0 else 1.0)


def _curve(room: Axes, points: Sequence[Point], colour: str, worlds: Sequence[str], world: str) -> None:
    if not points:
        return
    middle = [one.y.median for one in points]
    ends = [
        [max(0.0, one.y.median - one.y.low) for one in points],
        [max(0.0, one.y.high - one.y.median) for one in points],
    ]
    first = worlds.index(world) == 0
    drawn = room.errorbar([one.x for one in points], middle, yerr=ends, color=colour, capsize=2.5, elinewidth=0.9)
    drawn[0].set(
        marker="o" if first else "s",
        markersize=4 if first else 5,
        markerfacecolor=colour if first else "white",
        linewidth=1.2,
        linestyle=STROKES[worlds.index(world)],
    )


def stroke_legend(
    figure: Figure, labels: Sequence[str], worlds: Sequence[str], *, marked: bool = True, references: Sequence[str] = ()
) -> None:
    """Name colours (labels), strokes (worlds) and reference lines above the figure."""
    marks: list[Any] = [
        Line2D([], [], color=COLOURS[number % len(COLOURS)], label=label) for number, label in enumerate(labels)
    ]
    marks += [
        Line2D([], [], color="black", linestyle=stroke, marker="os"[number > 0] if marked else "", ms=4, label=world)
        for number, (world, stroke) in enumerate(zip(worlds, STROKES, strict=False))
    ]
    marks += [
        Line2D([], [], color="#444444", lw=0.9, linestyle=stroke, label=name)
        for stroke, name in zip((DASHES, DOTS), references, strict=False)
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=3)
