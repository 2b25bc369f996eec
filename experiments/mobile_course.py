"""The mobile experiment over time: one run with the capacity behind it, and gobonding's weights beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from experiments import mobile_runs as runs
from experiments.base import Outcome
from mpsim.access_links import capacity_of
from mpsim.metrics import BIN
from mpsim.plot import COLOURS, STYLE, WIDTH
from mpsim.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BPS_PER_MBIT = 1e6
WINDOW = 0.5  # s, of what is drawn
# A hole that is filled delivers all that waited behind it at once: peaks above so many times the capacity are cut off.
HEADROOM = 1.5
SHADES = ("#d9d9d9", "#bdbdbd", "#969696")
Series = np.ndarray[Any, np.dtype[np.float64]]


def capacities(scenario: Scenario, window: float = WINDOW) -> Series:
    """Give what each link could carry in each window of the measured interval: links by windows, bit/s."""
    begins = scenario.warmup + np.arange(round(scenario.duration / window)) * window
    links = [capacity_of(scenario, index, runs.DIRECTION) for index in range(len(scenario.link))]
    return np.array([[link.capacity_bits(at, at + window) / window for at in begins] for link in links])


def course(run: Outcome, entity: str, metric: str, window: float = WINDOW) -> Series:
    """Give a series' mean in each window of the measured interval; NaN where there is none."""
    frame = run.series()
    chosen = frame[(frame["entity"] == entity) & (frame["metric"] == metric) & (frame["direction"] == runs.DIRECTION)]
    scenario = run.trial.scenario
    number = np.floor((chosen["t_s"].to_numpy(dtype=float) - scenario.warmup + BIN / 2) / window).astype(int)
    values = chosen["value"].to_numpy(dtype=float)
    count = round(scenario.duration / window)
    inside = (number >= 0) & (number < count)
    sums = np.bincount(number[inside], values[inside], count)
    held = np.bincount(number[inside], minlength=count)
    means: Series = np.divide(sums, held, out=np.full(count, np.nan), where=held > 0)
    return means


def over_time(shown: Mapping[str, Outcome], note: str) -> Figure:
    """Draw runs of one set: goodput before the summed capacity; below, what the first run put on each link."""
    first = next(iter(shown.values()))
    scenario = first.trial.scenario
    held = capacities(scenario) / BPS_PER_MBIT
    times = (np.arange(held.shape[1]) + 0.5) * WINDOW
    with mpl.rc_context(STYLE):
        count = 1 + len(scenario.link)
        figure = Figure(figsize=(WIDTH, 1.2 + 1.5 * count), layout="constrained")
        rooms = figure.subplots(count, 1, sharex=True, gridspec_kw={"height_ratios": [1.6] + [1] * (count - 1)})
        names = [link.name for link in scenario.link]
        rooms[0].stackplot(times, held, colors=SHADES, labels=[f"capacity of {name}" for name in names], lw=0)
        for number, (name, run) in enumerate(shown.items()):
            goodput = course(run, f"flow/{runs.FLOW}", "throughput_bps") / BPS_PER_MBIT
            rooms[0].plot(times, goodput, color=COLOURS[number], lw=1.3 if number == 0 else 0.9, label=name)
        rooms[0].set_title("goodput of one flow before what the links could carry", loc="left")
        rooms[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        told = next(iter(shown))
        for number, (room, name) in enumerate(zip(rooms[1:], names, strict=True)):
            room.fill_between(times, held[number], color=SHADES[number % len(SHADES)], lw=0)
            room.plot(times, course(first, f"link/{name}", "throughput_bps") / BPS_PER_MBIT, color=COLOURS[0], lw=1.1)
            room.set_title(f"what {told} puts on {name}", loc="left")
        _finish(figure, rooms, "Mbit/s", scenario, note)
        rooms[0].set_ylim(0, HEADROOM * held.sum(axis=0).max())
    return figure


def weights(run: Outcome, note: str) -> Figure:
    """Draw the weights by which a run shared its packets out, the links' true shares, and what came of it."""
    scenario = run.trial.scenario
    names = [link.name for link in scenario.link]
    held = capacities(scenario)
    times = (np.arange(held.shape[1]) + 0.5) * WINDOW
    taken = np.array([course(run, f"path/{name}", "weight") for name in names])
    queues = [course(run, f"link/{name}", "queue_bytes") / 1e3 for name in names]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
        rooms = figure.subplots(3, 1, sharex=True)
        true = _share(held)
        rooms[0].fill_between(times, true, step="mid", color=SHADES[0], lw=0, label="its share of the capacity")
        rooms[0].plot(times, _share(taken), color=COLOURS[4], lw=1.2, label="its share by the weights")
        rooms[0].set_ylim(0, 1)
        rooms[0].set_ylabel("share")
        rooms[0].set_title(f"{names[0]}: what it could carry of the sum, and what it was given", loc="left")
        for number, (name, queue) in enumerate(zip(names, queues, strict=True)):
            rooms[1].plot(times, queue, color=COLOURS[number], lw=1.1, label=name)
        rooms[1].set_title("what waits in front of each link: the one that was given too much", loc="left")
        rooms[1].set_ylabel("kB")
        rooms[1].set_ylim(bottom=0)
        rooms[2].stackplot(
            times, held / BPS_PER_MBIT, colors=SHADES, labels=[f"capacity of {name}" for name in names], lw=0
        )
        goodput = course(run, f"flow/{runs.FLOW}", "throughput_bps") / BPS_PER_MBIT
        rooms[2].plot(times, goodput, color=COLOURS[4], lw=1.2, label=str(run.trial.labels["system"]))
        rooms[2].set_title("what comes of it: goodput before the sum", loc="left")
        for room in rooms:
            room.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        _finish(figure, rooms[2:], "Mbit/s", scenario, note)
    return figure


def _share(values: Series) -> Series:
    """Give the first row's share of the column sums; NaN where there is nothing to share."""
    total = values.sum(axis=0)
    shares: Series = np.divide(values[0], total, out=np.full(values.shape[1], np.nan), where=total > 0)
    return shares


def misplaced(run: Outcome) -> float:
    """Give how far a run's weights are from the true shares: the mean difference of the first link's share."""
    scenario = run.trial.scenario
    taken = np.array([course(run, f"path/{link.name}", "weight") for link in scenario.link])
    return float(np.nanmean(np.abs(_share(taken) - _share(capacities(scenario)))))


def _finish(figure: Figure, rooms: Sequence[Axes], unit: str, scenario: Scenario, note: str) -> None:
    for room in rooms:
        room.set_ylim(bottom=0)
        room.set_ylabel(unit)
    rooms[-1].set_xlim(0, scenario.duration)
    rooms[-1].set_xlabel("time of the measured interval, s")
    figure.supxlabel(note, fontsize=7, color="#444444", x=0.01, ha="left")
