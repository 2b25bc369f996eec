"""The table of congestion control: every cell is there, and its verdicts say what the numbers say."""

from __future__ import annotations

import csv
import math
from functools import partial
from pathlib import Path
from random import Random

import pytest

from experiments import bootstrap, congestion, kernel_comparison
from experiments.base import EMULATION, Timing, run_trials
from mpsim.workers import LocalWorkers
from mpsim.worlds import SIMULATION

pytestmark = pytest.mark.usefixtures("own_locks")
SHORT = dict.fromkeys((SIMULATION, EMULATION), Timing(warmup=1.0, duration=1.0, repetitions=5))


class TestBootstrap:
    def test_values_that_do_not_vary_leave_no_doubt(self) -> None:
        assert bootstrap.relative_difference([11.0] * 3, [10.0] * 3) == pytest.approx(0.1)
        assert bootstrap.interval([11.0] * 3, [10.0] * 3) == pytest.approx((0.1, 0.1))

    def test_the_interval_is_about_that_of_the_normal_distribution(self) -> None:
        # The median of n values of deviation s has about the deviation s * sqrt(pi / 2n).
        random = Random(1)
        values, reference = ([random.gauss(100.0, 5.0) for _ in range(200)] for _ in range(2))
        low, high = bootstrap.interval(values, reference)
        wanted = 2 * 1.96 * 0.05 * math.sqrt(2) * math.sqrt(math.pi / 2 / 200)
        assert high - low == pytest.approx(wanted, rel=0.3)
        assert low < bootstrap.relative_difference(values, reference) < high

    def test_nothing_has_no_difference(self) -> None:
        assert math.isnan(bootstrap.relative_difference([], [1.0]))
        assert all(math.isnan(edge) for edge in bootstrap.interval([1.0], []))


def row(congestion_control: str, difference: float, low: float, high: float, loss: float = 0.01) -> dict[str, object]:
    return {"congestion": congestion_control, "difference": difference, "low": low, "high": high, "loss": loss}


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [
        (row("cubic", 0.09, 0.05, 0.12), "within"),
        (row("cubic", 0.12, 0.05, 0.2), "BEYOND"),
        (row("bbr", 0.12, 0.05, 0.2), "within"),
        (row("bbr", -0.16, -0.2, -0.1), "BEYOND"),
        (row("newreno", -0.2, -0.4, 0.01), "not shown"),
        (row("newreno", -0.2, -0.4, -0.1, loss=0.03), ""),
        (row("vegas", math.nan, math.nan, math.nan), ""),
    ],
)
def test_verdicts(cell: dict[str, object], verdict: str) -> None:
    assert kernel_comparison.verdict(cell) == verdict


def test_every_cell_is_in_every_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(congestion, "kernel_controls", lambda: ["newreno", "cubic"])
    trials = congestion.trials_of(SHORT, [SIMULATION, EMULATION])
    lossy, steady = 4 * 2 * 5, 1 * 2 * congestion.STEADY_REPETITIONS
    emulated = [one for one in trials if one.world == EMULATION]
    assert len(emulated) == 2 * (lossy + steady)
    unjudged = len(congestion.simulated_controls()) - len(congestion.KERNEL)
    assert len(trials) - len(emulated) == len(congestion.KERNEL) * (lossy + steady) + unjudged * 5 * 2
    for one in trials:
        assert [link.name for link in one.scenario.link] == [flow.via for flow in one.scenario.flow]
        assert len(one.scenario.link) == len(kernel_comparison.ROUND_TRIPS)
    assert {"vegas", "bbr", "bbr3", "copa", "ledbat"} <= {str(one.labels["congestion"]) for one in trials}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only two cells of two controls, run in one worker."""
    monkeypatch.setattr(congestion, "run_trials", partial(run_trials, workers=LocalWorkers(1)))
    monkeypatch.setattr(congestion, "simulated_controls", lambda: ["cubic", "bbr"])
    monkeypatch.setattr(congestion, "ROUND_TRIPS", {20: "rtt20"})
    monkeypatch.setattr(congestion, "LOSSES", (0.0, 0.01))
    monkeypatch.setattr(congestion, "QUEUES", {"100p": "100 packets"})
    monkeypatch.setattr(congestion, "QUICK", dict.fromkeys(SHORT, Timing(warmup=1.0, duration=2.0, repetitions=1)))


@pytest.mark.usefixtures("small")
def test_the_table_holds_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = tmp_path / "kernel.csv"
    lines = [
        "kernel,congestion,round_trip_ms,loss,queue,repetition,goodput_bps,queue_delay_s",
        "6.1,cubic,20,0.0,100p,1,15400000.0,0.06",
        "6.1,bbr,20,0.01,100p,1,1000000.0,0.005",
    ]
    kernel.write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr(congestion, "COMMITTED", kernel)
    out = tmp_path / "out"
    told = congestion.experiment.run(SIMULATION, out, quick=True)
    with (out / "congestion.csv").open(newline="", encoding="utf-8") as file:
        found = {(one["congestion"], one["loss"]): one for one in csv.DictReader(file)}
    assert len(found) == 4
    assert found["cubic", "0.0"]["verdict"] == "within"
    assert found["bbr", "0.01"]["verdict"] == "BEYOND"
    assert found["cubic", "0.01"]["verdict"] == ""
    assert float(found["bbr", "0.01"]["goodput_bps"]) > 2 * float(found["cubic", "0.01"]["goodput_bps"])
    assert "Of 2 cells" in told
    assert "Linux 6.1" in (out / "congestion.md").read_text(encoding="utf-8")
    assert (out / "congestion.png").exists()
