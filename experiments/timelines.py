"""Figures over time: a series' median and quartiles over the runs, with what should have been."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from experiments.criterion import DIRECTIONS, Runs, UnshownError
from experiments.drawing import DASHES, SMALL, from_zero, stroke_legend
from mpsim.metrics import BIN
from mpsim.plot import COLOURS, STROKES, STYLE, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
            from_zero(line[0])
            if y_top is not None:
                line[0].set_ylim(0, y_top)
        for room in rooms[-1]:
            room.set_xlabel("time of the measured interval, s")
        stroke_legend(figure, labels, worlds, marked=False)
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
