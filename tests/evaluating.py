"""Outcomes made up for the evaluation's rules: numbers and series by a run's labels, no run behind them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from experiments.base import Outcome, Trial
from experiments.criterion import Criterion, Effort, Runs
from mpsim.metrics import BIN
from mpsim.result import COLUMNS
from mpsim.store import Packed, Row

EFFORT = Effort(repetitions=1, warmup=1.0, duration=4.0, quick=True)
Labels = Mapping[str, Any]
# (entity, metric) -> value at a time of the measured interval
Curves = Mapping[tuple[str, str], Callable[[float], float]]


def made_up(
    criterion: Criterion,
    numbers: Callable[[Labels], Mapping[str, float | None]],
    curves: Callable[[Labels], Curves] | None = None,
    *,
    world: str = "simulation",
    valid: bool = True,
) -> Runs:
    """Give the runs of a criterion's own trials with these numbers and series."""
    found = []
    for trial in criterion.trials(world, EFFORT):
        content = Packed.of({}, _series(trial, curves(trial.labels))) if curves is not None else None
        row = Row("key", trial.told, world, 1, valid=valid, numbers=dict(numbers(trial.labels)), content=content)
        found.append(Outcome(trial, row))
    return Runs(found, world)


def _series(trial: Trial, curves: Curves) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    scenario = trial.scenario
    bins = round((scenario.warmup + scenario.duration) / BIN)
    for number in range(bins):
        time = round(number * BIN, 6)
        for (entity, metric), value in curves.items():
            at = time - scenario.warmup
            writer.writerow((time, entity, trial.labels["direction"], metric, value(at)))
    return text.getvalue()
