"""The experiments' scenarios, statistics and verdicts; the runs are short."""

from __future__ import annotations

import csv
import math
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments import base, equal_links, fidelity
from experiments.base import Outcome, Spread, Timing, Trial, run_trials, scenario_of
from experiments.tables import as_markdown, as_text
from mpsim.errors import WorldError
from mpsim.runs import Run
from mpsim.store import Row
from mpsim.workers import Watch

pytestmark = pytest.mark.usefixtures("own_locks")
SHORT = Timing(warmup=1.0, duration=1.0, repetitions=2)
RAW: Mapping[str, Any] = {
    "name": "short",
    "link": [{"name": "a", "rate": "2Mbit", "delay": "5ms"}],
    "flow": [{"name": "download", "kind": "tcp"}],
}


def trial(seed: int, *, world: str = "simulation", **labels: Any) -> Trial:
    return Trial(labels, world, scenario_of(RAW, SHORT, seed))


def outcome(value: float, *, valid: bool = True, world: str = "simulation", **labels: Any) -> Outcome:
    row = Row("key", "label", world, 1, valid=valid, numbers={"n": value})
    return Outcome(trial(1, world=world, **labels), row)


class TestStatistics:
    def test_median_and_quartiles(self) -> None:
        assert Spread.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Spread(3.0, 2.0, 4.0, 5)

    def test_nothing_has_no_median(self) -> None:
        assert math.isnan(Spread.of([]).median)

    def test_disbelieved_runs_stay_out(self) -> None:
        outcomes = [outcome(1.0, case="x"), outcome(9.0, case="x", valid=False), outcome(5.0, case="y")]
        assert base.values_of(outcomes, "n", world="simulation", case="x") == [1.0]

    def test_worlds_are_told_apart(self) -> None:
        outcomes = [outcome(1.0, case="x"), outcome(2.0, case="x", world="emulation")]
        assert base.values_of(outcomes, "n", world="emulation", case="x") == [2.0]


class TestScenarios:
    def test_start_varies_with_the_seed_within_the_warmup(self) -> None:
        starts = [scenario_of(RAW, SHORT, seed).flow[0].start for seed in range(20)]
        assert len(set(starts)) == 20
        assert all(start is not None and -1.0 <= start <= -0.5 for start in starts)

    def test_same_seed_same_scenario(self) -> None:
        assert scenario_of(RAW, SHORT, 3) == scenario_of(RAW, SHORT, 3)

    def test_equal_links_has_every_bar_in_every_world(self) -> None:
        trials = equal_links.trials_of(SHORT, ["simulation", "emulation"])
        bars = 2 * 2 * len(equal_links.CASES)  # speeds, directions
        assert len(trials) == 2 * 2 * bars  # worlds, repetitions
        assert {len(one.scenario.link) for one in trials if one.scenario.tunnel} == {2}

    def test_double_speed_is_double(self) -> None:
        rates = {
            one.labels["case"]: one.scenario.link[0].rate
            for one in equal_links.trials_of(SHORT, ["simulation"])
            if one.labels["speed"] == "1 MBps"
        }
        double, single = rates[equal_links.DOUBLE.label], rates[equal_links.ONE.label]
        assert double is not None
        assert single is not None
        assert double.down == 2 * single.down == 16e6

    def test_udp_of_fidelity_stays_below_what_payload_can_be(self) -> None:
        for one in fidelity.trials_of(SHORT):
            if one.labels["traffic"] == "udp":
                (flow,) = (flow for flow in one.scenario.flow if flow.kind == "udp")
                capacity = sum(link.rate.down for link in one.scenario.link if link.rate is not None)
                assert flow.rate is not None
                assert 0.8 < flow.rate / capacity < 0.9


class TestRunning:
    def test_runs_once_and_resumes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        trials = [trial(seed, case="x") for seed in (1, 2)]
        first = run_trials(trials, tmp_path, "test")
        assert all(one.believed for one in first)
        assert [one.trial for one in first] == trials
        assert 1.5e6 < (first[0].number("flow.download.goodput_bps") or 0.0) <= 2e6

        again = run_trials(trials, tmp_path, "test", workers=Refusing())
        assert again == first

    def test_gives_series_and_data_of_a_run(self, tmp_path: Path) -> None:
        (one,) = run_trials([trial(1)], tmp_path, "test")
        assert set(one.series()["entity"]) >= {"flow/download", "link/a"}
        assert [flow["goodput_bps"] for flow in one.data["flows"]] == one.frame("flows")["goodput_bps"].tolist()

    def test_runs_nothing_if_only_finished_ones_are_wanted(self, tmp_path: Path) -> None:
        run_trials([trial(1)], tmp_path, "test")
        found = run_trials([trial(2), trial(1)], tmp_path, "test", run=False)
        assert [one is None for one in found] == [True, False]

    def test_equal_trials_run_once(self, tmp_path: Path) -> None:
        twins = [trial(1, case="x"), trial(1, case="y")]
        first, second = run_trials(twins, tmp_path, "test")
        assert first.row == second.row
        assert first.trial.labels != second.trial.labels

    def test_a_failed_run_is_an_error_unless_the_rest_has_to_go_on(self, tmp_path: Path) -> None:
        good, broken = trial(1), trial(2)
        run_trials([good], tmp_path, "test")
        with pytest.raises(WorldError, match=r"1 of 2 runs failed.*broken"):
            run_trials([good, broken], tmp_path, "test", workers=Failing())
        found = run_trials([good, broken], tmp_path, "test", workers=Failing(), strict=False)
        assert [one.believed for one in found] == [True, False]
        assert found[1].row.error == "broken"
        assert found[1].number("flow.download.goodput_bps") is None


class Refusing:
    def rows(self, runs: Sequence[Run], watch: Watch) -> Generator[Row, None, None]:
        assert not runs
        yield from ()


class Failing:
    def rows(self, runs: Sequence[Run], watch: Watch) -> Generator[Row, None, None]:
        for run in runs:
            watch.started(run)
            yield Row(run.key, run.label, run.world, run.seed, error="broken")


class TestEqualLinks:
    def rows(self, tunnel: float, tunnel_direction: str = "inbound") -> list[dict[str, Any]]:
        rows = []
        for speed in equal_links.SPEEDS:
            for direction in equal_links.DIRECTIONS:
                for case in equal_links.CASES:
                    goodput = {equal_links.ONE.label: 1.0, equal_links.DOUBLE.label: 2.0}.get(case.label, 1.9)
                    if case == equal_links.TUNNELS[0] and direction == tunnel_direction:
                        goodput = tunnel
                    place = {"world": "simulation", "speed": speed, "direction": direction, "case": case.label}
                    rows.append({**place, "goodput_bps": goodput})
        return rows

    @pytest.mark.parametrize(("goodput", "verdict"), [(1.81, ": met"), (1.79, "NOT met"), (0.9, "NOT met")])
    @pytest.mark.parametrize("direction", equal_links.DIRECTIONS)
    def test_verdict(self, goodput: float, verdict: str, direction: str) -> None:
        _, default, other = equal_links.judge(self.rows(goodput, direction), "simulation")
        assert default.endswith(verdict)
        assert other.endswith(": met")

    def test_no_figures_no_verdict(self) -> None:
        _, default, _ = equal_links.judge(self.rows(math.nan), "simulation")
        assert default.endswith("no verdict")

    def test_framing_limits_cost_the_tunnel_its_header(self) -> None:
        limits = equal_links.framing_limits(SHORT)
        assert limits[equal_links.ONE.label] == pytest.approx(1448 / 1500)
        assert limits[equal_links.TUNNELS[0].label] == pytest.approx(1380 / 1500)

    def test_writes_table_and_figure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(equal_links, "QUICK", Timing(warmup=0.5, duration=0.5, repetitions=1))
        monkeypatch.setattr(equal_links, "SPEEDS", {"1 MBps": 8e6})
        told = equal_links.experiment.run("simulation", tmp_path, quick=True)
        assert "criterion" in told
        assert str(tmp_path / "equal-links.png") in told
        with (tmp_path / "summary.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 2 * len(equal_links.CASES)
        assert all(float(row["goodput_bps"]) > 1e6 and row["n"] == "1" for row in rows)
        assert (tmp_path / "equal-links.pdf").read_bytes().startswith(b"%PDF")


class TestFidelity:
    def outcomes(self, emulated: float) -> list[Outcome]:
        found = []
        for one in fidelity.trials_of(Timing(1.0, 1.0, 1)):
            factor = 1.0 if one.world == "simulation" else emulated
            numbers = {fidelity.GOODPUT: 1e7 * factor, fidelity.PING: 0.02 * factor}
            found.append(Outcome(one, Row("key", "label", one.world, 1, valid=True, numbers=numbers)))
        return found

    @pytest.mark.parametrize(
        ("factor", "goodput", "loaded"), [(1.0, True, True), (1.07, False, True), (0.8, False, False)]
    )
    def test_limits(self, factor: float, goodput: bool, loaded: bool) -> None:
        rows = fidelity.compare(self.outcomes(factor))
        assert {row["within"] for row in rows if row["quantity"] == "goodput"} == {goodput}
        assert {row["within"] for row in rows if row["quantity"] == "ping under load"} == {loaded}

    def test_an_idle_ping_is_compared_in_milliseconds(self) -> None:
        rows = [row for row in fidelity.compare(self.outcomes(1.2)) if row["quantity"] == "idle ping"]
        assert len(rows) == len(fidelity.SETUPS)
        assert [row["difference"] for row in rows] == [pytest.approx(4.0)] * len(rows)
        assert not any(row["within"] for row in rows)

    def test_without_emulated_runs_nothing_is_within(self, tmp_path: Path) -> None:
        outcomes = [one for one in self.outcomes(1.0) if one.trial.world == "simulation"]
        told = fidelity.report(outcomes, tmp_path, SHORT)
        assert {row["within"] for row in fidelity.compare(outcomes)} == {None}
        assert "unknown" in told
        assert "BEYOND" not in (tmp_path / "fidelity.md").read_text()

    def test_needs_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        with pytest.raises(WorldError, match="root"):
            fidelity.experiment.run("both", tmp_path, quick=True)


def test_tables_have_every_cell() -> None:
    headings, rows = ("name", "value"), [("a [b]", "1.5"), ("c", "-")]
    text = as_text(headings, rows)
    assert all(cell in text for row in rows for cell in row)
    assert as_markdown(headings, rows).splitlines() == [
        "| name | value |",
        "| --- | --: |",
        "| a [b] | 1.5 |",
        "| c | - |",
    ]
