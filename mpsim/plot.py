"""Figures, and the only use of matplotlib: bars with quartiles, a run over time, worlds over each other, sweeps.

Every function gives a Figure, which a notebook shows as it is; ``save`` writes it as PNG and PDF. What is drawn comes
from a Result, or from anything else that has its ``data`` and its ``frame``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BPS_PER_MBIT = 1e6
DPI = 200
WIDTH = 7.2  # inches: the text width of an A4 page
# Okabe and Ito's palette, told apart by every kind of eye.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
# Of worlds, in the order they are named: hatches for bars, strokes for lines.
HATCHES = ("", "///", "xxx")
STROKES: Any = ("-", (0, (4, 1.5)), (0, (1, 1)))
STYLE: Any = {  # matplotlib's own keys
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "pdf.fonttype": 42,  # text stays text
}
# What a series is called, its unit, and what its value is divided by.
METRICS = {
    "throughput_bps": ("goodput", "Mbit/s", BPS_PER_MBIT),
    "cwnd_bytes": ("cwnd", "kB", 1e3),
    "srtt_s": ("srtt", "ms", 1e-3),
    "queue_bytes": ("queue", "kB", 1e3),
}
PANELS = (("flow", "throughput_bps"), ("link", "throughput_bps"), ("path", "cwnd_bytes"), ("path", "srtt_s"))
TITLES = {
    ("flow", "throughput_bps"): "goodput of each flow",
    ("link", "throughput_bps"): "carried by each link",
    ("path", "cwnd_bytes"): "window of each path",
    ("path", "srtt_s"): "smoothed RTT of each path",
}


class Drawable(Protocol):
    """What a figure needs of a result."""

    @property
    def data(self) -> dict[str, Any]:
        """The contents of result.json."""

    def frame(self, part: str) -> pd.DataFrame:
        """Give ``series`` as a DataFrame."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with its error bar; all numbers in the axis's unit."""

    panel: str
    group: str
    label: str
    world: str
    median: float
    low: float
    high: float
    limit: float | None = None  # drawn as a line across the bar


def grouped_bars(bars: Sequence[Bar], *, axis: str, group_axis: str, note: str = "") -> Figure:
    """Draw bars side by side: a panel each panel, colours for labels, hatches for worlds, medians with quartiles."""
    panels, groups, labels, worlds = (
        _ordered(getattr(bar, name) for bar in bars) for name in ("panel", "group", "label", "world")
    )
    slots = [(label, world) for label in labels for world in worlds]
    width = 0.84 / len(slots)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
        rooms = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for room, panel in zip(rooms, panels, strict=True):
            for bar in (bar for bar in bars if bar.panel == panel):
                slot = slots.index((bar.label, bar.world))
                middle = groups.index(bar.group) + (slot - (len(slots) - 1) / 2) * width
                _draw_bar(room, bar, middle, width, COLOURS[labels.index(bar.label)], HATCHES[worlds.index(bar.world)])
            room.set_title(panel)
            room.set_xticks(range(len(groups)), groups)
            room.set_xlabel(group_axis)
            room.grid(visible=False, axis="x")
            room.margins(y=0.12)
        rooms[0].set_ylabel(axis)
        _bar_legend(figure, labels, worlds)
        if note:
            figure.supxlabel(note, fontsize=7, color="#444444", x=0.01, ha="left", linespacing=1.5)
    return figure


def _draw_bar(room: Axes, bar: Bar, middle: float, width: float, colour: str, hatch: str) -> None:
    if bar.median != bar.median:  # NaN: nothing was measured
        room.annotate("none", (middle, 0), rotation=90, ha="center", va="bottom", fontsize=7)
        return
    room.bar(middle, bar.median, width * 0.92, color=colour, hatch=hatch, edgecolor="white", linewidth=0.4)
    # Interpolated quartiles of equal values may miss the median by a rounding.
    ends = [[max(0.0, bar.median - bar.low)], [max(0.0, bar.high - bar.median)]]
    room.errorbar(middle, bar.median, yerr=ends, color="black", capsize=2.5, elinewidth=1, capthick=1)
    wide = width > 0.15  # room for the number as it is read
    room.annotate(
        f"{bar.median:.1f}",
        (middle, max(bar.high, bar.limit or 0.0)),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=7 if wide else 6,
        rotation=0 if wide else 90,
        va="bottom",
    )
    if bar.limit is not None:
        room.hlines(bar.limit, middle - width / 2, middle + width / 2, color="#444444", linestyle=(0, (2, 1)), lw=1)


def _bar_legend(figure: Figure, labels: Sequence[str], worlds: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    marks = [Patch(facecolor=colour, label=label) for label, colour in zip(labels, COLOURS, strict=False)]
    if len(worlds) > 1:
        marks += [
            Patch(facecolor="#999999", edgecolor="white", hatch=hatch, label=world)
            for world, hatch in zip(worlds, HATCHES, strict=False)
        ]
    title = None if len(worlds) > 1 else worlds[0]
    figure.legend(handles=marks, loc="outside upper center", ncols=2, title=title, title_fontsize=8)


def timeline(result: Drawable, direction: str | None = None) -> Figure:
    """Draw one run over time: flows, links, windows and round-trip times, with its events marked."""
    return overlay([result], direction=direction)


def overlay(results: Sequence[Drawable], labels: Sequence[str] | None = None, direction: str | None = None) -> Figure:
    """Draw runs over each other on the same axes: a colour an entity, a stroke a run.

    ``labels`` name the runs (their worlds if left out); ``direction`` is that of the first flow if left out.
    """
    told = list(labels) if labels is not None else _names(results)
    toward = direction or results[0].data["flows"][0]["direction"]
    frames = [_series(result, toward) for result in results]
    panels = [panel for panel in PANELS if any(len(_of(frame, panel)) for frame in frames)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 + 1.65 * len(panels)), layout="constrained")
        rooms = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for room, panel in zip(rooms, panels, strict=True):
            _draw_panel(room, panel, [_of(frame, panel) for frame in frames])
            _mark_events(room, results[0].data, named=room is rooms[0])
        begin, end = results[0].data["interval_s"]
        rooms[-1].set_xlabel("time of the measured interval, s")
        rooms[-1].set_xlim(-begin, end - begin)
        figure.suptitle(f"{results[0].data['scenario']['name']}, {toward}", fontsize=10)
        _stroke_legend(figure, told)
    return figure


def _draw_panel(room: Axes, panel: tuple[str, str], frames: Sequence[pd.DataFrame]) -> None:
    _, unit, divisor = METRICS[panel[1]]
    entities = _ordered(entity for frame in frames for entity in frame["entity"])
    for frame, stroke in zip(frames, STROKES * len(frames), strict=False):
        for entity, part in frame.groupby("entity", sort=False):
            number = entities.index(str(entity))
            label = str(entity).partition("/")[2] if frame is frames[0] else None
            room.plot(
                part["t_s"],
                part["value"] / divisor,
                color=COLOURS[number % len(COLOURS)],
                linestyle=stroke,
                linewidth=1.1,
                label=label,
            )
    room.set_title(TITLES[panel], loc="left")
    room.set_ylabel(unit)
    room.set_ylim(bottom=0)
    room.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _mark_events(room: Axes, data: dict[str, Any], *, named: bool) -> None:
    from mpsim.units import parse_time

    begin = data["interval_s"][0]
    if begin > 0:
        room.axvspan(-begin, 0, color="#f0f0f0", zorder=0)
    for event in data["scenario"].get("event", []):
        told = {True: "up", False: "down"}.get(event.get("up"), "changes")
        at = parse_time(event["at"])
        room.axvline(at, color="#D55E00", linewidth=0.9, linestyle=":")
        if named:
            room.annotate(
                f"{event['link']} {told}",
                (at, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(2, 1),
                textcoords="offset points",
                fontsize=7,
                color="#D55E00",
            )


def _stroke_legend(figure: Figure, told: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    if len(told) > 1:
        marks = [
            Line2D([], [], color="black", linestyle=stroke, label=label)
            for label, stroke in zip(told, STROKES * len(told), strict=False)
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=len(told))


def _series(result: Drawable, direction: str) -> pd.DataFrame:
    frame = result.frame("series")
    silent = {f"flow/{flow['name']}" for flow in result.data["flows"] if flow["kind"] in {"ping", "echo"}}
    chosen = frame[(frame["direction"] == direction) & ~frame["entity"].isin(silent)]
    # The series count from the beginning of the warm-up, people from the measured interval.
    return chosen.assign(t_s=chosen["t_s"] - result.data["interval_s"][0])


def _of(frame: pd.DataFrame, panel: tuple[str, str]) -> pd.DataFrame:
    kind, metric = panel
    return frame[frame["entity"].str.startswith(f"{kind}/") & (frame["metric"] == metric)]


def _names(results: Sequence[Drawable]) -> list[str]:
    worlds = [str(result.data["world"]) for result in results]
    if len(set(worlds)) == len(worlds):
        return worlds
    return [f"{result.data['scenario']['name']}, {world}" for result, world in zip(results, worlds, strict=True)]


def spread_lines(rows: pd.DataFrame, *, x: str, y: str, by: str | None = None) -> Figure:
    """Draw a sweep: ``y`` over ``x``, a line for each value of ``by``; medians with quartiles over repetitions."""
    parts = [(y, rows)] if by is None else [(str(name), part) for name, part in rows.groupby(by, sort=False)]
    places = _ordered(rows[x])
    told, divisor = _unit(y)
    numeric = all(isinstance(place, int | float) for place in places)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
        room = figure.subplots()
        for (name, part), colour in zip(parts, COLOURS * len(parts), strict=False):
            found = part.groupby(x, sort=False)[y].quantile(np.array([0.25, 0.5, 0.75])).unstack() / divisor
            at = list(found.index) if numeric else [places.index(place) for place in found.index]
            ends = [found[0.5] - found[0.25], found[0.75] - found[0.5]]
            stroke: Literal["-", "none"] = "-" if numeric else "none"
            lines = room.errorbar(at, found[0.5], yerr=ends, color=colour, label=name, capsize=3, linestyle=stroke)
            lines[0].set(marker="o", markersize=4)
        if not numeric:
            room.set_xticks(range(len(places)), [str(place) for place in places])
        room.set_xlabel(x)
        room.set_ylabel(told)
        room.set_ylim(bottom=min(0.0, float(rows[y].min()) / divisor))
        if by is not None:
            room.legend(title=by)
        most = int(rows.groupby([x] if by is None else [x, by]).size().max())
        figure.supxlabel(f"median and inter-quartile range, n = {most} at most", fontsize=7, x=0.01, ha="left")
    return figure


def _unit(column: str) -> tuple[str, float]:
    """Give a column's label and divisor: the unit of a number stands in its name (``one_way_delay_s.p50``)."""
    units = {"_bps": ("Mbit/s", BPS_PER_MBIT), "_s": ("ms", 1e-3), "_bytes": ("kB", 1e3)}
    for suffix, (unit, divisor) in units.items():
        if column.endswith(suffix) or f"{suffix}." in column:
            return f"{column.replace(suffix, '', 1)}, {unit}", divisor
    return column, 1.0


def capacities(traces: Sequence[tuple[str, Sequence[float], float]]) -> Figure:
    """Draw capacity over time, a panel each trace: its name, its rates (bit/s), and how long each lasts (s)."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.5 + 1.6 * len(traces)), layout="constrained")
        rooms = figure.subplots(len(traces), 1, squeeze=False)[:, 0]
        for room, (name, rates, step), colour in zip(rooms, traces, COLOURS * len(traces), strict=False):
            edges = np.arange(len(rates) + 1) * step
            room.stairs(np.asarray(rates) / BPS_PER_MBIT, edges, fill=True, color=colour)
            room.set(xlim=(0, edges[-1]), ylim=(0, None), ylabel="Mbit/s")
            room.set_title(name, loc="left")
        rooms[-1].set_xlabel("time, s")
    return figure


def save(figure: Figure, path: Path) -> dict[str, Path]:
    """Write ``path``.png (200 dpi) and ``path``.pdf, without the time of day in them; give both by kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {"PNG": path.with_suffix(".png"), "PDF": path.with_suffix(".pdf")}
    figure.savefig(files["PNG"], dpi=DPI, metadata={"Software": None})
    figure.savefig(files["PDF"], metadata={"CreationDate": None})
    return files


def _ordered(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
