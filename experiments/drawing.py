"""Figures of the evaluation: bars in rows, curves, time lines. The worlds lie side by side in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.base import Spread
from experiments.criterion import DIRECTIONS, Runs, UnshownError
from mpsim.metrics import BIN
from mpsim.plot import COLOURS, HATCHES, STROKES, STYLE, WIDTH, Bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL = 7  # points, of numbers beside marks
EMPTY = "no figure"
DASHES: Any = (0, (2, 1))  # of limits and targets


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
    lines: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    log_x: bool = False,
) -> Figure:
    """Draw medians with quartiles over x: a panel each panel, a colour each label, a stroke each world.

    lines: dashed reference lines by name, as (x, y).
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
            for line in (lines or {}).values():
                room.plot(*zip(*line, strict=True), color="#444444", lw=0.9, linestyle=DASHES)
            if log_x:
                room.set_xscale("log")
                room.set_xticks(sorted({point.x for point in points}), minor=False)
                room.xaxis.set_major_formatter("{x:g}")
                room.minorticks_off()
            room.set_title(panel, loc="left")
            room.set_xlabel(x_axis)
        _from_zero(rooms[0])
        rooms[0].set_ylabel(y_axis)
        _stroke_legend(figure, labels, worlds, references=list(lines or ()))
    return figure


def _from_zero(room: Axes) -> None:
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


def _stroke_legend(
    figure: Figure, labels: Sequence[str], worlds: Sequence[str], *, marked: bool = True, references: Sequence[str] = ()
) -> None:
    marks: list[Any] = [
        Line2D([], [], color=COLOURS[number % len(COLOURS)], label=label) for number, label in enumerate(labels)
    ]
    marks += [
        Line2D([], [], color="black", linestyle=stroke, marker="os"[number > 0] if marked else "", ms=4, label=world)
        for number, (world, stroke) in enumerate(zip(worlds, STROKES, strict=False))
    ]
    marks += [Line2D([], [], color="#444444", lw=0.9, linestyle=DASHES, label=name) for name in references]
    figure.legend(handles=marks, loc="outside upper center", ncols=3)


@dataclass(frozen=True, slots=True)
class Band:
    """A quantity over time in one panel: median and quartiles of the repetitions, in the axis's unit."""

    row: str
    column: str
    label: str
    world: str
    t_s: np.ndarray[Any, Any]
    low: np.ndarray[Any, Any]
    median: np.ndarray[Any, Any]
    high: np.ndarray[Any, Any]
    count: int


def band(
    runs: Runs,
    place: tuple[str, str],
    label: str,
    *,
    metric: str = "throughput_bps",
    entity: str = "flow/",
    direction: str | None = None,
    window: float = 0.5,
    factor: float = 1e-6,
    combine: str = "sum",
) -> Band | None:
    """Give a series' median and quartiles over the runs, in windows of ``window`` seconds of the measured interval.

    entity: what the series' entities begin with, taken together by ``combine`` ("sum" or "max") in each bin;
    None where no run has such a series.
    """
    found = []
    for run in runs:
        frame = run.series()
        chosen = frame[(frame["metric"] == metric) & frame["entity"].str.startswith(entity)]
        if direction is not None:
            chosen = chosen[chosen["direction"] == direction]
        warmup, duration = run.trial.scenario.warmup, run.trial.scenario.duration
        time = chosen["t_s"] - warmup
        chosen = chosen.assign(bin=((time + BIN / 2) // BIN * BIN).round(6))
        each = chosen.groupby("bin")["value"].agg(combine)
        each = each[(each.index >= -1e-9) & (each.index < duration - 1e-9)]
        if len(each):
            found.append(
                each.groupby((each.index + 1e-9) // window * window).agg("max" if combine == "max" else "mean")
            )
    if not found:
        return None
    together = np.array([one.reindex(found[0].index).to_numpy(dtype=float) for one in found]) * factor
    low, median, high = np.nanpercentile(together, (25, 50, 75), axis=0)
    times = found[0].index.to_numpy(dtype=float) + window / 2
    return Band(*place, label, runs.world, times, low, median, high, len(found))


def time_lines(
    bands: Iterable[Band | None],
    *,
    y_axis: str,
    targets: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    events: Mapping[float, str] | None = None,
    y_top: float | None = None,
) -> Figure:
    """Draw bands: a row of panels each row, a column each column, a colour each label, a stroke each world.

    targets: by row, the steps (t in s, y) that the line should follow; events: what happens when.
    """
    drawn = [one for one in bands if one is not None]
    if not drawn:
        raise UnshownError("no run has this series")
    rows, columns, labels, worlds = (
        list(dict.fromkeys(getattr(one, name) for one in drawn)) for name in ("row", "column", "label", "world")
    )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 + 1.75 * len(rows)), layout="constrained")
        rooms = figure.subplots(len(rows), len(columns), sharex=True, sharey="row", squeeze=False)
        for number, (line, row) in enumerate(zip(rooms, rows, strict=True)):
            steps = (targets or {}).get(row, ())
            for room, column in zip(line, columns, strict=True):
                some = [one for one in drawn if (one.row, one.column) == (row, column)]
                _time_panel(room, some, steps, labels, worlds)
                _mark(room, events or {}, named=number == 0)
                room.set_title(f"{row}, {column}" if row else column, loc="left")
            line[0].set_ylabel(y_axis)
            _from_zero(line[0])
            if y_top is not None:
                line[0].set_ylim(0, y_top)
        for room in rooms[-1]:
            room.set_xlabel("time of the measured interval, s")
        _stroke_legend(figure, labels, worlds, marked=False)
    return figure


def _time_panel(
    room: Axes,
    bands: Sequence[Band],
    steps: Sequence[tuple[float, float]],
    labels: Sequence[str],
    worlds: Sequence[str],
) -> None:
    for one in bands:
        colour = COLOURS[labels.index(one.label) % len(COLOURS)]
        room.plot(one.t_s, one.median, color=colour, linestyle=STROKES[worlds.index(one.world)], lw=1.2)
        room.fill_between(one.t_s, one.low, one.high, color=colour, alpha=0.18, lw=0)
    if steps and bands:
        told = [*steps, (max(one.t_s[-1] for one in bands), steps[-1][1])]
        room.step(*zip(*told, strict=True), where="post", color="#444444", lw=0.9, linestyle=DASHES, zorder=3)


def _mark(room: Axes, events: Mapping[float, str], *, named: bool) -> None:
    for at, name in events.items():
        room.axvline(at, color="#D55E00", lw=0.8, linestyle=":")
        if named:
            room.annotate(
                name, (at, 0), xycoords=("data", "axes fraction"), xytext=(2, 3),
                textcoords="offset points", fontsize=SMALL, color="#D55E00",
            )  # fmt: skip


def both_ways(
    worlds: Mapping[str, Runs], row: str, label: str, select: Mapping[str, Any], **options: Any
) -> list[Band | None]:
    """Give a time line for each direction and world; ``select`` are the labels of the runs."""
    return [
        band(runs.of(direction=direction, **select), (row, direction), label, direction=direction, **options)
        for direction in DIRECTIONS
        for runs in worlds.values()
    ]
