"""What every experiment shares: trials, their repetitions, and the statistics over them.

A trial is one run with the labels that place it in a table. Finished trials lie in ``runs.sqlite`` under a key that
covers the scenario and our sources, so the same command resumes, and a changed line runs again. Emulated trials run
one after the other, because they share the machine's clock and cores; simulated ones run on all cores.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np

from experiments.tables import write_table
from mpsim.errors import WorldError
from mpsim.progress import Bar
from mpsim.runs import Run
from mpsim.scenario import Scenario, parse
from mpsim.store import Row, Store
from mpsim.sweep import STORE, complete
from mpsim.workers import LocalWorkers, Workers
from mpsim.worlds import SIMULATION

if TYPE_CHECKING:
    import pandas as pd

EMULATION = "emulation"
# Repetitions of a deterministic simulation differ only if something does: each flow starts up to so much later.
LATEST_START_S = 1.0

Labels = Mapping[str, Any]


class Experiment(Protocol):
    """One question, as the command line finds it under ``mpsim.experiments``."""

    title: str

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run in "simulation", "emulation" or "both", write to ``out`` and give the text to print."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long and how often."""

    warmup: float  # s, not measured
    duration: float  # s, measured
    repetitions: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One run to be done, and where it belongs."""

    labels: Labels
    world: str
    scenario: Scenario

    @classmethod
    def of(cls, raw: Mapping[str, Any], labels: Labels, timing: Timing, world: str, repetition: int) -> Trial:
        """Make one repetition of a scenario's mapping; its number is its seed, and its last label."""
        return cls({**labels, "repetition": repetition}, world, scenario_of(raw, timing, seed=repetition))

    @property
    def told(self) -> str:
        """World and labels, for people."""
        return ", ".join([self.world, *(str(value) for value in self.labels.values())])


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial and what came of it."""

    trial: Trial
    row: Row

    @property
    def believed(self) -> bool:
        """Whether its numbers may enter a median."""
        return self.row.error is None and bool(self.row.valid)

    @property
    def why_not(self) -> str:
        """Why it is not believed; empty where nobody said so."""
        return str(self.row.error or self.row.numbers.get("invalid_reasons", ""))

    def has(self, labels: Labels) -> bool:
        """Whether its trial has all of these labels."""
        told = self.trial.labels
        return all(told.get(name) == value for name, value in labels.items())

    def number(self, key: str) -> float | None:
        """Give one number of the run, or None where it has none."""
        value = self.row.numbers.get(key)
        return None if value is None else float(value)

    @property
    def data(self) -> dict[str, Any]:
        """The contents of the run's result.json; empty if it failed."""
        return self.row.data

    def series(self) -> pd.DataFrame:
        """Give the run's series.csv; without a row if it failed."""
        return self.row.frame("series")

    def frame(self, part: str) -> pd.DataFrame:
        """Give "series", or a part of result.json such as "flows", as a DataFrame."""
        return self.row.frame(part)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and inter-quartile range, the dissertation's point and error bar (section 4.1.1)."""

    median: float
    low: float  # 25 %
    high: float  # 75 %
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise; NaN throughout where there are no values."""
        if not values:
            return cls(np.nan, np.nan, np.nan, 0)
        low, median, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
        return cls(median, low, high, len(values))


def worlds_of(world: str) -> list[str]:
    """Give the worlds that "simulation", "emulation" or "both" mean."""
    return [SIMULATION, EMULATION] if world == "both" else [world]


def scenario_of(raw: Mapping[str, Any], timing: Timing, seed: int) -> Scenario:
    """Complete a scenario's mapping: its times, its seed, and flows that start within the warm-up by that seed."""
    mapping = copy.deepcopy(dict(raw))
    mapping |= {"schema": 1, "seed": seed, "warmup": f"{timing.warmup}s", "duration": f"{timing.duration}s"}
    random = Random(f"{seed}/start")
    for flow in mapping["flow"]:
        late = random.uniform(0.0, min(LATEST_START_S, timing.warmup / 2))
        flow["start"] = f"{late - timing.warmup:.6f}s"
    return parse(mapping)


@overload
def run_trials(
    trials: Sequence[Trial],
    folder: Path,
    title: str,
    *,
    strict: bool = True,
    run: Literal[True] = True,
    workers: Workers | None = None,
) -> list[Outcome]: ...


@overload
def run_trials(
    trials: Sequence[Trial], folder: Path, title: str, *, strict: bool = True, run: bool, workers: Workers | None = None
) -> list[Outcome | None]: ...


def run_trials(
    trials: Sequence[Trial],
    folder: Path,
    title: str,
    *,
    strict: bool = True,
    run: bool = True,
    workers: Workers | None = None,
) -> Sequence[Outcome | None]:
    """Run what has no good row yet in ``folder``, and give an outcome for every trial, in their order.

    strict: raise WorldError if a run failed, which is not the same as a finished one that may not be believed;
    run: False runs nothing, and what has no row gives None; workers: who makes simulated runs, default all cores.
    """
    runs = [Run.of(trial.scenario, trial.world, trial.told) for trial in trials]
    with Store(folder / STORE) as store:
        if run:
            with Bar(title) as progress:
                complete(runs, store, workers or LocalWorkers(len(os.sched_getaffinity(0))), progress)
        rows = store.rows(run.key for run in runs)
    failed = [row for row in rows.values() if row.error is not None]
    if failed and strict:
        first = f"{failed[0].label}: {failed[0].error}"
        raise WorldError(f"{len(failed)} of {len(rows)} runs failed; the same command tries them again; first {first}")
    found = [rows.get(run.key) for run in runs]
    return [None if row is None else Outcome(trial, row) for trial, row in zip(trials, found, strict=True)]


def values_of(outcomes: Iterable[Outcome], key: str, **labels: Any) -> list[float]:
    """Give one number of all believed outcomes with these labels (``world`` counts as one)."""
    found = []
    for outcome in outcomes:
        told = {**outcome.trial.labels, "world": outcome.trial.world}
        if outcome.believed and all(told[name] == value for name, value in labels.items()):
            value = outcome.number(key)
            found += [] if value is None else [value]
    return found


def spread_of(outcomes: Iterable[Outcome], key: str, **labels: Any) -> Spread:
    """Summarise one number of all believed outcomes with these labels."""
    return Spread.of(values_of(outcomes, key, **labels))


def left_out(outcomes: Sequence[Outcome]) -> list[str]:
    """Say how many runs no median has, and below it which these are and why."""
    out = [one for one in outcomes if not one.believed]
    told = f"{len(out)} of {len(outcomes)} runs stay out of the medians (failed, or not to be believed)"
    return [told, *(f"  {one.trial.told}: {one.why_not}" for one in out)]


def run_rows(outcomes: Iterable[Outcome], numbers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give one tidy row an outcome; ``numbers`` maps columns to keys of the run's numbers."""
    rows = []
    for outcome in outcomes:
        head = {"world": outcome.trial.world, **outcome.trial.labels, "seed": outcome.trial.scenario.seed}
        values = {column: outcome.number(key) for column, key in numbers.items()}
        rows.append({**head, "valid": outcome.row.valid, **values, "why_not": outcome.why_not})
    return rows


def write_runs(folder: Path, outcomes: Iterable[Outcome], numbers: Mapping[str, str]) -> None:
    """Write runs.csv, a row an outcome; ``numbers`` as for `run_rows`."""
    write_table(folder / "runs.csv", run_rows(outcomes, numbers))
