"""What the mobile experiment asks beside the sum: calls next to a bulk flow, and links that are steady."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments import mobile_calls as calls
from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments import mobile_steady as steady
from experiments.base import Outcome, Timing, Trial
from mpsim.runs import tidy
from mpsim.sim import run
from mpsim.store import Row

SHORT = Timing(warmup=1.0, duration=3.0, repetitions=1)


def ran(trial: Trial) -> Outcome:
    data = run(trial.scenario).data
    return Outcome(trial, Row("key", "label", trial.world, 1, valid=True, numbers=tidy(data)))


def told(trial: Trial, numbers: dict[str, float | None], *, valid: bool = True) -> Outcome:
    return Outcome(trial, Row("key", "label", trial.world, 1, valid=valid, numbers=numbers))


def test_a_call_is_judged_beside_a_bulk_flow_and_alone(tmp_path: Path) -> None:
    trials = calls.trials_of(sets.SHIPPED_SETS[:1], SHORT, tmp_path)
    own = [trial for trial in trials if trial.labels["system"] == runs.OURS.name]
    assert [trial.labels["load"] for trial in own] == [calls.WITH, calls.WITHOUT]
    rows = [calls.row_of(ran(trial)) for trial in own]
    assert rows[0]["fraction"] > 0.5
    assert rows[1]["fraction"] is None
    assert all(row["mos_heard"] > calls.GOOD and row["request_p95_s"] > 0.04 for row in rows)
    assert rows[1]["call_p95_s"] <= rows[0]["call_p95_s"]
    assert len(calls.lines_of(rows)[0]) == len(calls.HEADINGS)
    assert "1 of 1" in calls.verdict(rows)


def test_a_bad_call_is_named() -> None:
    row = {"set": "a + b", "system": runs.OURS.name, "load": calls.WITH, "mos_heard": 3.1, "mos_said": 4.4}
    assert calls.verdict([row]).endswith("on 0 of 1 sets, not on a + b 3.10.")


def numbers(value: float) -> dict[str, float | None]:
    return {
        "aggregation.inbound.efficiency": value,
        "aggregation.inbound.goodput_bps": value * 20e6,
        "failover.0.longest_gap_s": value,
        "failover.1.longest_gap_s": value / 2,
        "tunnel.in_order_delay_s.p99": value,
    }


@pytest.mark.parametrize(
    ("case", "own", "compared", "middle", "met"),
    [
        (steady.CONSTANT[0], 0.96, 0.98, 0.96 / 0.98, True),
        (steady.CONSTANT[0], 0.9, 1.0, 0.9, False),
        (steady.UNEQUAL[0], 1.0, 0.9, 1 / 0.9, True),
        (steady.LOSSY[0], 0.93, None, 0.93, False),
        (steady.CUT[0], 0.2, None, 0.2, True),
        (steady.CUT[1], 1.2, None, 1.2, False),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_case_is_met_when_its_median_is(
    case: steady.Case, own: float, compared: float | None, middle: float, met: bool
) -> None:
    values = {steady.OWN: own, steady.COMPARED: compared}
    found = [told(trial, numbers(values[trial.labels["role"]] or 0.0)) for trial in steady.trials_of([case], SHORT)]
    (row,) = steady.collect([case], found)
    assert row["median"] == pytest.approx(middle)
    assert row["met"] is met


def test_what_is_not_believed_is_not_judged() -> None:
    found = [told(trial, numbers(0.99), valid=False) for trial in steady.trials_of(steady.LOSSY[:1], SHORT)]
    (row,) = steady.collect(steady.LOSSY[:1], found)
    assert (row["n"], row["median"], row["met"]) == (0, None, None)
    assert steady.lines_of([row])[0][-1] == "-"


def test_the_compared_run_is_on_the_better_link_alone_or_without_the_tunnel() -> None:
    def compared(case: steady.Case) -> dict[str, Any]:
        (trial,) = (one for one in steady.trials_of([case], SHORT) if one.labels["role"] == steady.COMPARED)
        return trial.scenario.as_dict()

    assert [one["name"] for one in compared(steady.UNEQUAL[1])["link"]] == ["first"]
    assert compared(steady.UNEQUAL[1])["flow"][0]["congestion"] == runs.BBR
    assert "tunnel" not in compared(steady.CONSTANT[0])


def test_a_cut_case_is_measured_whole() -> None:
    (trial,) = steady.trials_of(steady.CUT[:1], SHORT)
    outcome = ran(trial)
    value = steady.value_of(steady.CUT[0], outcome, None)
    assert value is not None
    assert 0 <= value < 1
