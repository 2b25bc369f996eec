"""The experiment on mobile links: its sets, what its numbers mean, and that it needs no recordings."""

from __future__ import annotations

import csv
import re
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import mobile, mobile_calls, mobile_course, mobile_emulated, mobile_parts, mobile_steady
from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments.base import Outcome, Timing, Trial, run_trials, scenario_of
from experiments.fluctuating import VARIABLE
from mpsim.access_links import capacity_of
from mpsim.runs import Run, make
from mpsim.scenario import parse
from mpsim.store import Row
from mpsim.traces.formats import read
from mpsim.workers import Watch

pytestmark = pytest.mark.usefixtures("own_locks")
SHORT = Timing(warmup=1.0, duration=3.0, repetitions=1)
SHIPPED = sets.SHIPPED_SETS[0]


@pytest.fixture
def nothing_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for recordings in which there are none."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


class Here:
    """Makes runs in this process."""

    def rows(self, runs: Sequence[Run], watch: Watch) -> Generator[Row, None, None]:
        yield from map(make, runs)


def outcome(
    system: str, links: list[dict[str, Any]], numbers: dict[str, float | None], world: str = "simulation"
) -> Outcome:
    scenario = scenario_of(runs.raw_scenario(links, {}, runs.CUBIC), SHORT, 1)
    labels = {"set": SHIPPED.name, "system": system, "cell": "both", **runs.MAIN.labels}
    return Outcome(Trial(labels, world, scenario), Row("key", "label", world, 1, valid=True, numbers=numbers))


LINKS = [{"name": name, "rate": "5Mbit", "delay": "20ms"} for name in "ab"]
CARRIED = {
    "aggregation.inbound.goodput_bps": 6.3e6,
    "aggregation.inbound.framing_limit": 0.9,
    "link.a.inbound.capacity_bps": 6e6,
    "link.b.inbound.capacity_bps": 4e6,
    "flow.download.one_way_delay_s.p95": 0.2,
}


def test_there_are_as_many_sets_as_asked_for() -> None:
    counts = {kind: sum(one.kind == kind for one in sets.ALL) for kind in {one.kind for one in sets.ALL}}
    assert counts[sets.PAIR] >= 8
    assert counts[sets.TRIPLE] >= 3
    assert {sets.OPERATORS, sets.WIFI, sets.STARLINK, sets.GENERATED} < set(counts)
    assert len({one.name for one in sets.ALL}) == len(sets.ALL)
    assert {len(one.legs) for one in sets.ALL if one.kind == sets.TRIPLE} == {3}
    untouched = {one.name for one in sets.LTE if not one.tuning}
    assert untouched == {name for name in (one.name for one in sets.LTE) if not re.search("verizon|att|tmobile", name)}
    assert len(untouched) >= 3
    assert not any(one.tuning for one in sets.SHIPPED_SETS)
    named = {*sets.QUICK_NAMES, *mobile.COURSES, *mobile_parts.SETS, *mobile_emulated.RECORDED, *mobile_emulated.DRAWN}
    assert named <= {one.name for one in sets.ALL}


def test_what_is_not_at_hand_is_left_out_and_said(nothing_recorded: Path) -> None:
    found, missing = sets.at_hand()
    assert found == list(sets.SHIPPED_SETS)
    assert len(missing) == len(sets.ALL) - len(found)
    assert missing[0].startswith(
        "verizon@0 + att@0: no mahimahi/Verizon-LTE-short.down, mahimahi/ATT-LTE-driving.down ("
    )
    assert [one.name for one in mobile_emulated.pairs()] == [
        one.name for one in sets.SHIPPED_SETS if one.name in mobile_emulated.DRAWN
    ]


def test_the_way_back_is_uncongested_or_a_trace(tmp_path: Path) -> None:
    for reverse, rates in ((sets.FREE, [sets.UNCONGESTED] * 2), (sets.OWN, [None, None])):
        links = sets.link_tables(SHIPPED, tmp_path, reverse)
        assert [link.get("rate") for link in links] == rates
        assert all(("up" in link["trace"]) == (reverse == sets.OWN) for link in links)
        assert [link["delay"] for link in links] == ["20ms", "28ms"]
        scenario_of(runs.raw_scenario(links, {}, runs.CUBIC), SHORT, 1)


def test_recordings_made_together_are_cut_to_what_they_share(nothing_recorded: Path, tmp_path: Path) -> None:
    folder = nothing_recorded / "wifi-cell-pairs"
    folder.mkdir()
    for name, rate in (("wifi", 250_000), ("cellular", 500_000)):  # bytes per second: 2 and 4 Mbit/s
        (folder / f"7_2_{name}.csv").write_text("".join(f"{second},{rate}\n" for second in range(100)))
    (walk,) = (one for one in sets.WALKS if one.name == "walk 7_2")
    links = sets.link_tables(walk, tmp_path)
    for link, rate in zip(links, (2e6, 4e6), strict=True):
        times = read(Path(link["trace"]["down"])).opportunities
        assert times[-1] == sets.CUT_S
        assert len(times) * 12_000 == pytest.approx(walk.scale * rate * sets.CUT_S, rel=0.01)
    assert sets.link_tables(walk, tmp_path) == links


def test_fraction_and_benefit_are_of_the_sum() -> None:
    row = runs.row_of(outcome("x", LINKS, CARRIED))
    assert row["fraction"] == pytest.approx(6.3 / 9)
    # 6.3 of payload where the better link alone could carry 5.4 and both 9.
    assert row["benefit"] == pytest.approx(0.9 / 3.6)
    assert row["delay_p95_s"] == 0.2
    assert row["duplicates"] is None


def test_means_keep_what_was_tuned_on_apart() -> None:
    def row(kind: str, tuning: bool, fraction: float) -> dict[str, Any]:
        return {"kind": kind, "tuning": tuning, "system": "x", **runs.MAIN.labels, "fraction": fraction}

    rows = [
        row(sets.PAIR, True, 0.9),
        row(sets.TRIPLE, False, 0.8),
        row(sets.PAIR, False, 0.6),
        row(sets.WIFI, False, 0.1),
    ]
    found = {one["group"]: one for one in runs.summarise(rows)}
    assert found[runs.TUNED]["fraction"] == 0.9
    assert found[runs.UNTOUCHED]["fraction"] == pytest.approx(0.7)
    assert (found[runs.UNTOUCHED]["worst_fraction"], found[runs.UNTOUCHED]["sets"]) == (0.6, 2)
    assert found[runs.EVERYTHING]["fraction"] == pytest.approx(0.6)
    assert set(found) == {runs.TUNED, runs.UNTOUCHED, runs.LTE, sets.WIFI, runs.EVERYTHING}


def test_one_part_at_a_time_becomes_the_plain_one() -> None:
    entry = runs.Entry("own", {"repair": ["retransmit"], "reorder": {"mode": "detect"}})
    found = mobile_parts.ablations(entry)
    assert found.pop(mobile_parts.WHOLE) == entry.tunnel
    assert (found["no repair"]["repair"], found["no repair"]["reorder"]) == ([], {"mode": "detect"})
    assert found["no resequencing"]["repair"] == ["retransmit"]
    assert found["round robin"]["scheduler"] == "round-robin"
    assert "no backpressure" not in found  # there was none
    assert found["NewReno windows"]["congestion"] == "newreno"
    assert "the default's windows" not in found
    for tunnel in found.values():
        scenario_of(runs.raw_scenario(LINKS, tunnel, runs.CUBIC), SHORT, 1)


def test_plain_parts_take_the_place_of_a_named_system_s() -> None:
    found = mobile_parts.ablations(runs.GOBONDING)
    assert found.pop(mobile_parts.WHOLE) == {"system": "gobonding"}
    for told, tunnel in found.items():
        made = scenario_of(runs.raw_scenario(LINKS, tunnel, runs.CUBIC), SHORT, 1).tunnel
        assert made is not None
        assert (made.scheduler == "round-robin") == (told == "round robin")


def test_each_of_several_repairs_is_left_out_alone() -> None:
    entry = runs.Entry("own", {"repair": ["retransmit", {"name": "reinject", "silence": 0.04}], "liveness": "none"})
    found = mobile_parts.ablations(entry)
    assert found["no retransmit"]["repair"] == [{"name": "reinject", "silence": 0.04}]
    assert found["no reinject"]["repair"] == ["retransmit"]
    assert found["liveness as by default"]["liveness"] == "probe"


def test_the_delay_target_is_that_of_the_system_s_own_congestion_control() -> None:
    assert mobile_parts.swept(runs.Entry("x"), 0.04)["congestion"] == {"name": "rate-pull", "delay": 0.04}
    known = runs.Entry("y", {"congestion": {"name": "rate-pull", "headroom": 2}})
    assert mobile_parts.swept(known, 0.04)["congestion"] == {"name": "rate-pull", "headroom": 2, "delay": 0.04}


def test_the_worlds_beside_each_other() -> None:
    ours, theirs = (one.name for one in mobile_emulated.SYSTEMS)
    less = {**CARRIED, "aggregation.inbound.goodput_bps": 5.4e6}
    found = [
        outcome(ours, LINKS, CARRIED),
        outcome(ours, LINKS, less, "emulation"),
        outcome(theirs, LINKS, {**CARRIED, "aggregation.inbound.goodput_bps": 4.5e6}, "emulation"),
    ]
    assert not any("call" in line for line in mobile_emulated.verdict(mobile_emulated.compare(found)))
    found[1] = outcome(ours, LINKS, {**less, f"flow.{mobile_calls.HEARD}.mos": 3.7}, "emulation")
    rows = mobile_emulated.compare([*found, None])
    assert rows[0]["apart"] == pytest.approx(-0.1)
    assert rows[1]["apart"] is None
    assert mobile_emulated.gains(rows, "emulation") == {"both": pytest.approx(1.2)}
    told = mobile_emulated.verdict(rows)
    assert told[0].startswith("Worlds apart by 10.0 points at most, 7 allowed: not met")
    assert told[1].endswith("mean of the pairs: 1.20: met.")
    assert told[2] == "A call beside a bulk flow: MOS 3.70, 3.8 wanted: not met."
    assert "sudo mpsim experiment mobile --world emulation" in mobile_emulated.verdict(rows[1:])[0]
    assert len(mobile_emulated.cells_of(rows)[0]) == len(mobile_emulated.HEADINGS)


def test_the_emulated_cells_are_few_and_right(nothing_recorded: Path, tmp_path: Path) -> None:
    trials = mobile_emulated.trials_of(mobile_emulated.FULL, ["emulation"], tmp_path)
    assert len(trials) == 10
    assert [trial.scenario.flow[0].congestion for trial in trials].count(runs.BBR) == 1
    assert [len(trial.scenario.flow) for trial in trials] == [1] * 9 + [1 + len(mobile_calls.BESIDE)]
    for trial in trials:
        assert len(trial.scenario.link) == 2
        # What the portal reads is what is written here.
        assert parse(trial.scenario.as_dict(), trial.scenario.folder).link == trial.scenario.link


def test_shares_of_nothing_are_unknown() -> None:
    share = mobile_course._share(np.array([[1.0, 0.0, 0.0], [3.0, 2.0, 0.0]]))
    assert share[:2].tolist() == [0.25, 0.0]
    assert np.isnan(share[2])


def test_everything_is_drawn_without_recordings(
    nothing_recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = partial(run_trials, workers=Here())
    monkeypatch.setattr(mobile, "run_trials", one)
    for part in (mobile_parts, mobile_calls, mobile_steady):
        monkeypatch.setattr(part, "run_trials", one)
    monkeypatch.setattr(mobile_steady, "QUICK", SHORT)
    monkeypatch.setattr(runs, "QUICK", SHORT)
    monkeypatch.setattr(mobile_parts, "PLAIN", {"reorder": {"mode": "none"}})
    monkeypatch.setattr(mobile_parts, "WINDOWS", {})
    monkeypatch.setattr(mobile_emulated, "trials_of", lambda *_: [])
    monkeypatch.setattr(sets, "QUICK_NAMES", (SHIPPED.name,))
    few = [entry for entry in runs.ENTRIES if entry in (runs.OURS, runs.ALONE, runs.GOBONDING)]
    monkeypatch.setattr(runs, "MAIN", runs.Variant(runs.CUBIC, sets.FREE, few))
    out = tmp_path / "out"
    told = mobile.experiment.run("simulation", out, quick=True)
    assert "0 of 3 runs stay out" in told
    for name in ("mobile", "mobile-course", "mobile-gobonding", "mobile-frontier", "mobile-ablation"):
        assert (out / f"{name}.png").stat().st_size > 10_000
    with (out / "sets.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["system"]: row for row in csv.DictReader(file)}
    scenario = scenario_of(runs.raw_scenario(sets.link_tables(SHIPPED, out), {}, runs.CUBIC), SHORT, 1)
    both = sum(capacity_of(scenario, index, "inbound").capacity_bits(1.0, 4.0) / 3.0 for index in (0, 1))
    alone = rows[runs.BEST]
    assert "MOS at least" in (out / "calls.md").read_text(encoding="utf-8")
    assert (out / "steady.md").read_text(encoding="utf-8").count("\n| ") == len(
        mobile_steady.cases(out, quick=True)
    ) + 2  # a head of two lines
    assert float(alone["goodput_bps"]) / float(alone["fraction"]) == pytest.approx(both * 1448 / 1500)
    assert 0.2 < float(rows[runs.OURS.name]["fraction"]) < 1.1
