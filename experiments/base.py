"""What every experiment shares: trials, their repetitions, and the statistics over them.

A trial is one run with the labels that place it in a table. Finished trials lie in ``runs.sqlite`` under a key that
covers the scenario and our sources, so the same command resumes, and a changed line runs again. Emulated trials run
one after the other, because they share the machine's clock and cores; simulated ones run on all cores.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

import emulation
from mpsim.errors import MpsimError, WorldError
from mpsim.scenario import Scenario, parse
from mpsim.store import Row, Store
from mpsim.sweep import Run, key_of, run_one, tidy
from mpsim.worlds import SIMULATION, find

EMULATION = "emulation"
# Repetitions of a deterministic simulation differ only if something does: each flow starts up to so much later.
LATEST_START_S = 1.0
# A run that the machine disturbed is tried once more; if that fails too it is shown and stays out of medians.
TRIES = 2

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial and what came of it."""

    trial: Trial
    row: Row

    @property
    def believed(self) -> bool:
        """Whether its numbers may enter a median."""
        return self.row.error is None and bool(self.row.valid)

    def number(self, key: str) -> float | None:
        """Give one number of the run, or None where it has none."""
        value = self.row.numbers.get(key)
        return None if value is None else float(value)


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


def run_trials(trials: Sequence[Trial], folder: Path, title: str) -> list[Outcome]:
    """Run what has no row yet in ``folder``, and give an outcome for every trial, in their order.

    Raises WorldError if a run failed, which is not the same as a finished one that may not be believed.
    """
    keys = [_key(trial) for trial in trials]
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with Store(folder / "runs.sqlite") as store, Progress(*columns, console=console) as progress:
        done = {key for key, row in store.rows(keys).items() if _is_done(row)}
        task = progress.add_task(title, total=len(set(keys)), completed=len(done))
        missing = {key: trial for key, trial in zip(keys, trials, strict=True) if key not in done}
        for row in _run(missing):
            store.put(row)
            progress.advance(task)
            if row.error or not row.valid:
                told = row.error or f"not to be believed: {row.numbers.get('invalid_reasons', '')}"
                progress.console.print(f"{row.label}: {told}", markup=False, soft_wrap=True)
        rows = store.rows(keys)
    failed = [row for row in rows.values() if row.error is not None]
    if failed:
        first = f"{failed[0].label}: {failed[0].error}"
        raise WorldError(f"{len(failed)} of {len(rows)} runs failed; the same command tries them again; first {first}")
    return [Outcome(trial, rows[key]) for key, trial in zip(keys, trials, strict=True)]


def _is_done(row: Row) -> bool:
    # A simulated run would only be disbelieved again; the machine of an emulated one may be calmer now.
    return row.error is None and (bool(row.valid) or row.world == SIMULATION)


def _run(missing: Mapping[str, Trial]) -> Iterator[Row]:
    simulated = {key: trial for key, trial in missing.items() if trial.world == SIMULATION}
    if simulated:
        cores = min(len(os.sched_getaffinity(0)), len(simulated))
        with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
            futures = [pool.submit(run_one, _plain(key, trial)) for key, trial in simulated.items()]
            for future in as_completed(futures):
                yield future.result()
    for key, trial in missing.items():
        if trial.world != SIMULATION:
            yield _emulate(key, trial)


def _plain(key: str, trial: Trial) -> Run:
    return Run(key, _told(trial), {}, 0, trial.scenario.as_dict(), str(trial.scenario.folder))


def _emulate(key: str, trial: Trial) -> Row:
    row = Row(key, _told(trial), trial.world, trial.scenario.seed)
    for tried in range(1, TRIES + 1):
        try:
            result = find(trial.world).run(trial.scenario)
        except MpsimError as error:
            row = replace(row, error=" ".join(str(error).split()))
            continue
        told = {"tries": tried, "invalid_reasons": "; ".join(result.invalid_reasons)}
        row = replace(row, error=None, valid=result.valid, numbers={**tidy(result.data), **told})
        if result.valid:
            break
    return row


def _told(trial: Trial) -> str:
    return ", ".join([trial.world, *(str(value) for value in trial.labels.values())])


def _key(trial: Trial) -> str:
    if trial.world == SIMULATION:
        return key_of(trial.scenario)
    return key_of(trial.scenario, f"{trial.world} {_emulation_sources()}")


def _emulation_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(emulation.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def values_of(outcomes: Iterable[Outcome], key: str, **labels: Any) -> list[float]:
    """Give one number of all believed outcomes with these labels (``world`` counts as one)."""
    found = []
    for outcome in outcomes:
        told = {**outcome.trial.labels, "world": outcome.trial.world}
        if outcome.believed and all(told[name] == value for name, value in labels.items()):
            value = outcome.number(key)
            found += [] if value is None else [value]
    return found


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV; the columns are those of all rows, in the order they first appear."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def run_rows(outcomes: Iterable[Outcome], numbers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give one tidy row an outcome; ``numbers`` maps columns to keys of the run's numbers."""
    rows = []
    for outcome in outcomes:
        head = {"world": outcome.trial.world, **outcome.trial.labels, "seed": outcome.trial.scenario.seed}
        values = {column: outcome.number(key) for column, key in numbers.items()}
        why = outcome.row.error or outcome.row.numbers.get("invalid_reasons", "")
        rows.append({**head, "valid": outcome.row.valid, **values, "why_not": why})
    return rows
