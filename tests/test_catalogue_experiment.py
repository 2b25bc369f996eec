"""The table of the catalogue: nothing that is registered is left out, and what failed is not in a median."""

from __future__ import annotations

import csv
import math
from functools import partial
from pathlib import Path

import pytest

from experiments import catalogue
from experiments.base import EMULATION, Outcome, Timing, Trial, run_trials, scenario_of
from mpsim.store import Row
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.schedulers import schedulers
from mpsim.workers import LocalWorkers
from mpsim.worlds import SIMULATION

pytestmark = pytest.mark.usefixtures("own_locks")
SHORT = Timing(warmup=1.0, duration=2.0, repetitions=2)


def test_every_part_runs_in_both_worlds() -> None:
    trials = catalogue.trials_of(dict.fromkeys(catalogue.WORLDS, SHORT), [SIMULATION, EMULATION])
    for world in (SIMULATION, EMULATION):
        told = {(one.labels["kind"], one.labels["name"]) for one in trials if one.world == world}
        assert {("scheduler", name) for name in schedulers.names()} <= told
        assert {("congestion", name) for name in controllers.names()} <= told
        assert {("repair", "parity"), ("reorder", "equalise"), ("queue", "fq-codel")} <= told
        assert len(told) * SHORT.repetitions == sum(one.world == world for one in trials)


def outcome(part: catalogue.Part, world: str, goodput: float, *, valid: bool) -> Outcome:
    scenario = scenario_of(catalogue.raw_scenario(part), SHORT, 1)
    numbers = {catalogue.GOODPUT: goodput, "invalid_reasons": "" if valid else "the loop came late"}
    labels = {"kind": part.kind, "name": part.name, "repetition": 1}
    return Outcome(Trial(labels, world, scenario), Row("key", "label", world, 1, valid=valid, numbers=numbers))


def test_a_run_that_is_not_believed_is_told_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    ecf = next(one for one in catalogue.parts() if one.name == "ecf")
    monkeypatch.setattr(catalogue, "parts", lambda: [ecf])
    found = [
        outcome(ecf, SIMULATION, 12e6, valid=True),
        outcome(ecf, EMULATION, 10e6, valid=True),
        outcome(ecf, EMULATION, 1e6, valid=False),
    ]
    (row,) = catalogue.summarise(found)
    assert (row["emulation_goodput_bps"], row["emulation_valid"], row["emulation_n"]) == (10e6, 1, 2)
    assert row["emulation_why_not"] == "the loop came late"
    assert row["difference"] == pytest.approx(0.2)
    (row,) = catalogue.summarise(found[:1])
    assert math.isnan(row["difference"])


def test_the_table_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [one for one in catalogue.parts() if one.name in {"ecf", "redundant", "retransmit"}]
    monkeypatch.setattr(catalogue, "parts", lambda: some)
    monkeypatch.setattr(catalogue, "run_trials", partial(run_trials, workers=LocalWorkers(1)))
    monkeypatch.setattr(
        catalogue, "QUICK", dict.fromkeys(catalogue.WORLDS, Timing(warmup=1.0, duration=2.0, repetitions=1))
    )
    assert "0 of 3 runs stay out" in catalogue.experiment.run(SIMULATION, tmp_path, quick=True)
    with (tmp_path / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        found = {one["name"]: float(one["simulation_efficiency"]) for one in csv.DictReader(file)}
    assert found["ecf"] > 0.8
    assert found["redundant"] < 0.55  # everything goes twice
    assert found["retransmit"] > 0.6
    assert "| scheduler | ecf | " in (tmp_path / "catalogue.md").read_text(encoding="utf-8")
