"""The figure of systems and the table of transfers: every cell is there, and what they say of runs is right."""

from __future__ import annotations

import csv
import math
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import mean, stdev

import pytest

from experiments import adsl_transfer, fluctuating, matrix, systems
from experiments.base import Outcome, Timing, Trial, run_trials, scenario_of
from mpsim.store import Row
from mpsim.workers import LocalWorkers

pytestmark = pytest.mark.usefixtures("own_locks")
SHORT = Timing(warmup=1.0, duration=2.0, repetitions=1)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run trials in one worker."""
    one = partial(run_trials, workers=LocalWorkers(1))
    monkeypatch.setattr(systems, "run_trials", one)
    monkeypatch.setattr(adsl_transfer, "run_trials", one)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_fluctuating_link_has_the_mean_and_the_variation_that_it_claims() -> None:
    rates: list[float] = []
    for seed in range(20):
        times = list(fluctuating.opportunities(Random(seed)))
        assert all(earlier <= later for earlier, later in pairwise(times))
        bins = [0] * round(fluctuating.SECONDS / fluctuating.STEP)
        for time in times:
            bins[(time - 1) // round(fluctuating.STEP * 1000)] += fluctuating.OPPORTUNITY
        rates += [bits / fluctuating.STEP for bits in bins]
    assert mean(rates) == pytest.approx(fluctuating.MEAN, rel=0.05)
    assert stdev(rates) / mean(rates) == pytest.approx(fluctuating.VARIATION, rel=0.1)


def test_recordings_are_taken_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fluctuating.VARIABLE, raising=False)
    drawn, recorded = fluctuating.pair(tmp_path / "out")
    again, _ = fluctuating.pair(tmp_path / "again")
    assert not recorded
    assert [path.read_text() for path in drawn] == [path.read_text() for path in again]
    assert drawn[0].read_text() != drawn[1].read_text()
    for name in fluctuating.RECORDED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("10\n")
    monkeypatch.setenv(fluctuating.VARIABLE, str(tmp_path))
    assert fluctuating.pair(tmp_path / "out") == ([tmp_path / name for name in fluctuating.RECORDED], True)


def test_every_system_meets_every_situation(tmp_path: Path) -> None:
    trials = systems.trials_of(dict.fromkeys(("simulation", "emulation"), SHORT), ["simulation", "emulation"], tmp_path)
    places = {(one.world, one.labels["system"], one.labels["situation"], one.labels["traffic"]) for one in trials}
    assert len(places) == len(trials)
    simulated = [one for one in trials if one.world == "simulation"]
    assert len(simulated) == len(systems.ENTRIES) * 6 * 2
    assert len(trials) - len(simulated) == (len(systems.ENTRIES) - len(systems.SIMULATED_ONLY)) * 6 * 2


def outcome(folder: Path, system: str, numbers: dict[str, float | None]) -> Outcome:
    situation = next(one for one in systems.situations(folder) if one.name == systems.LOST)
    entry = next(one for one in systems.ENTRIES if one.name == system)
    scenario = scenario_of(systems.raw_scenario(situation, entry, "tcp", SHORT), SHORT, 1)
    labels = {"system": system, "situation": systems.LOST, "traffic": "tcp", "repetition": 1}
    return Outcome(
        Trial(labels, "simulation", scenario), Row("key", "label", "simulation", 1, valid=True, numbers=numbers)
    )


def test_what_never_recovers_is_shown_so(tmp_path: Path) -> None:
    found = [
        outcome(
            tmp_path,
            system,
            {
                systems.GOODPUT: 4e6,
                systems.CAPACITY: capacity,
                "failover.0.recovery_s": recovery,
                "failover.0.longest_gap_s": 0.0,
            },
        )
        for system, capacity, recovery in (
            ("tuntuntun", 16e6, None),
            (systems.OURS, 16e6, 0.5),
            ("best-link", 8e6, 0.0),
        )
    ]
    rows = {row["system"]: row for row in systems.summarise(found)}
    assert rows["tuntuntun"]["recovery_s"] == rows["best-link"]["recovery_s"] == math.inf
    assert rows[systems.OURS]["recovery_s"] == 0.5
    assert {row["share"] for row in rows.values()} == {0.25}  # of the sum, also for one link alone
    assert math.isnan(rows["tuntuntun"]["loss_ratio"])


@pytest.mark.usefixtures("alone")
def test_the_figure_of_systems_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [entry for entry in systems.ENTRIES if entry.name in {systems.OURS, "tuntuntun"}]
    found = [one for one in systems.situations(tmp_path / "traces") if one.name in {"12+4 Mbit/s", systems.LOST}]
    monkeypatch.setattr(systems, "ENTRIES", some)
    monkeypatch.setattr(systems, "QUICK", {"simulation": SHORT})
    monkeypatch.setattr(systems, "situations", lambda _: found)
    told = systems.experiment.run("simulation", tmp_path, quick=True)
    assert "0 of 8 runs stay out" in told
    rows = {(row["system"], row["situation"]): row for row in rows_of(tmp_path / "summary.csv")}
    assert float(rows[systems.OURS, "12+4 Mbit/s"]["share"]) > 0.8
    assert float(rows["tuntuntun", systems.LOST]["loss_ratio"]) > 0.2
    assert (tmp_path / "systems-simulation.png").stat().st_size > 10_000


def test_a_grid_is_darkest_where_it_is_best() -> None:
    grid = matrix.Grid("delay", ["a"], {}, best=10, worst=300)
    assert [grid.shade(value) for value in (5, 10, 155, 300, 900)] == [1, 1, 0.5, 0, 0]


@pytest.mark.usefixtures("alone")
def test_the_table_of_transfers_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {*adsl_transfer.ALONE, "mpsim's default tunnel", "SOCKS proxies over MPTCP"}
    extent = adsl_transfer.Extent({"inbound": 2, "outbound": 0.2}, 1)
    monkeypatch.setattr(adsl_transfer, "CASES", [case for case in adsl_transfer.CASES if case.label in wanted])
    monkeypatch.setattr(adsl_transfer, "QUICK", {"simulation": extent})
    told = adsl_transfer.experiment.run("simulation", tmp_path, quick=True)
    assert "0 of 8 runs stay out" in told
    gains = {(row["direction"], row["case"]): float(row["gain"]) for row in rows_of(tmp_path / "summary.csv")}
    assert gains["download", "line 2 alone"] == gains["upload", "line 1 alone"] == 1.0
    assert 1.5 < gains["download", "mpsim's default tunnel"] < 2
    assert (tmp_path / "adsl-transfer.png").stat().st_size > 10_000


def test_the_blog_s_gain_and_how_long_it_takes() -> None:
    rows = adsl_transfer.summarise([], adsl_transfer.QUICK, ["simulation"])
    told = {(row["direction"], row["case"]): row["blog_gain"] for row in rows}
    assert told["download", "MPTCP, CUBIC as Linux's"] == pytest.approx(16.16 / 8.76)
    assert all(one.timing("inbound").duration < 250 for one in adsl_transfer.FULL.values())
