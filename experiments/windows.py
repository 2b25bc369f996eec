"""Means over parts of a run, from its series."""

from __future__ import annotations

from statistics import median

from experiments.base import Outcome
from experiments.criterion import Runs, UnshownError


def mean_between(
    run: Outcome, begin: float, end: float, *, entity: str = "flow/", direction: str, metric: str = "throughput_bps"
) -> float:
    """Give the mean of a series between two times of the measured interval (s), entities summed.

    entity: what their names begin with; 0 where there is no such series.
    """
    frame = run.series()
    warmup = run.trial.scenario.warmup
    chosen = frame[
        (frame["metric"] == metric)
        & frame["entity"].str.startswith(entity)
        & (frame["direction"] == direction)
        & (frame["t_s"] >= warmup + begin - 1e-6)
        & (frame["t_s"] < warmup + end - 1e-6)
    ]
    if not len(chosen):
        return 0.0
    return float(chosen.groupby("t_s")["value"].sum().mean())


def means(runs: Runs, begin: float, end: float, *, direction: str, entity: str = "flow/") -> list[float]:
    """Give that mean for every run; raises UnshownError without any."""
    if not runs:
        raise UnshownError(f"no believed run {direction}")
    return [mean_between(run, begin, end, entity=entity, direction=direction) for run in runs]


def median_between(runs: Runs, begin: float, end: float, *, direction: str, entity: str = "flow/") -> float:
    """Give the median of that mean over the runs; raises UnshownError without any."""
    return median(means(runs, begin, end, direction=direction, entity=entity))
