"""The rules of the evaluation decide by the numbers: each is shown runs that meet it and runs that do not."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar

import pytest
from evaluating import EFFORT, Curves, Labels, made_up

from experiments import cells, hostile_simulation
from experiments.criteria import CRITERIA
from experiments.criteria.added_delay import OURS as TUNNEL
from experiments.criterion import Criterion, Runs, Status
from experiments.reproduce import FULL, QUICK

BY_NAME = {one.name: one for one in CRITERIA}
HEADERS = 0.92  # what framing leaves, about


def goodput(bps: float, efficiency: float = 0.98) -> dict[str, float]:
    return {
        f"aggregation.{way}.{name}": value
        for way in ("inbound", "outbound")
        for name, value in (("goodput_bps", bps), ("efficiency", efficiency))
    }


def summed(labels: Labels) -> dict[str, float]:
    """A tunnel that carries the sum, as framing leaves it."""
    return goodput(HEADERS * 1e6 * sum(cells.rates_of(labels["links"])))


def first_link(labels: Labels) -> dict[str, float]:
    """A tunnel that carries what its first link carries."""
    return goodput(HEADERS * 1e6 * cells.rates_of(labels["links"])[0])


def lopsided(labels: Labels) -> dict[str, float]:
    """A tunnel that sums inbound only."""
    return summed(labels) if labels["direction"] == "inbound" else first_link(labels)


def by(name: str, values: dict[Any, float]) -> Any:
    return lambda labels: goodput(values[labels[name]])


def echo(lost: float, resets: float) -> Any:
    numbers = {"lost_packets": lost, "resets": resets, "mismatches": 0.0, "rtt_s.max": 0.7, "sent_packets": 150.0}
    return lambda _: {f"flow.echo.{name}": value for name, value in numbers.items()}


def call(ended: dict[str, float | None]) -> Any:
    which = lambda labels: "both links cut" if labels["cut"].startswith("both") else "one link cut"  # noqa: E731
    return lambda labels: {"flow.call.ended_s": ended[which(labels)], "flow.call.longest_gap_s": 0.4}


def recovered(cut: float | None, back: float | None) -> Any:
    numbers = {f"failover.{number}.recovery_s": value for number, value in enumerate((cut, back, back, back))}
    four = {f"failover.{number}.recovery_s": value for number, value in enumerate((cut, cut, back, back))}
    return lambda labels: four if labels["links"] == "4x8" else numbers


def steady(bps: float) -> Any:
    return lambda _: {("flow/download", "throughput_bps"): lambda _: bps}


def after_cut(first: float, later: float) -> Any:
    """Fractions of 128 kB/s that arrive in the first second after the cut, and from the second on."""
    return lambda _: {
        ("flow/stream", "throughput_bps"): lambda t: 1.024e6 * (1 if t < 5 else first if t < 6 else later)
    }


def follows(labels: Labels) -> Curves:
    rate = {"one link to 8": 8, "one link to 24": 24}[labels["change"]]
    sums = lambda t: 16 + (rate if 10 <= t < 20 else 16)  # noqa: E731
    return {("flow/download", "throughput_bps"): lambda t: HEADERS * 1e6 * sums(t)}


def metered(standby: float) -> Any:
    def curves(labels: Labels) -> Curves:
        if labels["case"].startswith("standby"):
            loads = (lambda t: 0.0 if 5 <= t < 10 else 8e6), (lambda t: 8e6 if 5 <= t < 10 else standby)
        elif "12 Mbit/s" in labels["case"]:
            loads = (lambda _: 8e6), (lambda _: 4.96e6)
        else:
            loads = (lambda _: 5.4e6), (lambda _: 0.0)
        return {
            ("link/free", "throughput_bps"): loads[0],
            ("link/metered", "throughput_bps"): loads[1],
            ("flow/stream", "throughput_bps"): lambda _: 12e6,
        }

    return curves


def paid(per_byte: float) -> tuple[Any, Any]:
    free = 8 * 1200 / 1296

    def carried(labels: Labels) -> float:
        return max(0.0, labels["offered"] - free)

    numbers = lambda labels: goodput(labels["offered"] * 1e6)  # noqa: E731
    curves = lambda labels: {("link/metered", "throughput_bps"): lambda _: per_byte * carried(labels) * 1e6}  # noqa: E731
    return numbers, curves


def ping(idle_ours: float, load_ours: float) -> Any:
    def numbers(labels: Labels) -> dict[str, float]:
        plain = 0.020 if labels["load"] == "idle" else 0.150
        ours = idle_ours if labels["load"] == "idle" else load_ours
        return {"flow.ping.rtt_s.p50": ours if labels["case"] == TUNNEL else plain}

    return numbers


def lossy(ours: float, left: float) -> Any:
    def numbers(labels: Labels) -> dict[str, float]:
        found = goodput(ours if labels["system"] == cells.OURS else 5e6)
        return {**found, "flow.stream.loss_ratio": left}

    return numbers


def nothing(_: Labels) -> dict[str, float]:
    return {}


MET: dict[str, tuple[Any, Any]] = {
    "flow-kept-tcp": (echo(0, 0), None),
    "flow-kept-udp": (nothing, after_cut(0.6, 1.0)),
    "flow-kept-call": (call({"one link cut": None, "both links cut": 9.0}), None),
    "both-directions": (summed, None),
    "equal-links": (summed, None),
    "unequal-links": (summed, None),
    "many-links": (summed, None),
    "changing-bandwidth": (nothing, follows),
    "lost-and-returned": (recovered(0.6, 1.1), steady(7e6)),
    "single-interface": (by("interfaces", {"one interface": 14e6, "an interface each role": 14.1e6}), None),
    "metered-links": (nothing, metered(0.0)),
    "ip-versions": (lambda _: goodput(14e6), None),
    "tcp-transport": (by("transport", {"UDP transport": 14e6, "TCP transport": 13e6}), None),
    "ip-transport": (by("transport", {"UDP transport": 14e6, "raw IP transport": 14.1e6}), None),
    "faster-links": (by("system", {cells.OURS: 180e6, cells.DIRECT: 95e6}), None),
    "added-delay": (ping(0.0215, 0.14), None),
    "random-loss": (lossy(6e6, 0.0102), None),
    "metered-cost": paid(1.08),
}
FAILED: dict[str, list[tuple[Any, Any]]] = {
    "flow-kept-tcp": [(echo(1, 0), None), (echo(0, 1), None)],
    "flow-kept-udp": [(nothing, after_cut(0.4, 1.0)), (nothing, after_cut(0.9, 0.97))],
    "flow-kept-call": [
        (call({"one link cut": 8.0, "both links cut": 9.0}), None),
        (call({"one link cut": None, "both links cut": None}), None),
    ],
    "both-directions": [(lopsided, None), (first_link, None)],
    "equal-links": [(first_link, None), (lopsided, None)],
    "unequal-links": [(first_link, None)],
    "many-links": [(first_link, None)],
    "changing-bandwidth": [(nothing, steady(HEADERS * 32e6))],
    "lost-and-returned": [
        (recovered(1.1, 1.1), steady(7e6)),
        (recovered(0.6, 2.1), steady(7e6)),
        (recovered(0.6, None), steady(7e6)),
        (recovered(0.6, 1.1), steady(0.0)),
    ],
    "single-interface": [(by("interfaces", {"one interface": 13e6, "an interface each role": 14.1e6}), None)],
    "metered-links": [(nothing, metered(1e5))],
    "ip-versions": [(lambda labels: goodput(14e6, 0.98 if labels["versions"] == "IPv4 in IPv4" else 0.9), None)],
    "tcp-transport": [(by("transport", {"UDP transport": 13e6, "TCP transport": 14e6}), None)],
    "ip-transport": [(by("transport", {"UDP transport": 14e6, "raw IP transport": 14e6}), None)],
    "faster-links": [(by("system", {cells.OURS: 100e6, cells.DIRECT: 95e6}), None)],
    "added-delay": [(ping(0.023, 0.14), None), (ping(0.0215, 0.16), None)],
    "random-loss": [(lossy(4e6, 0.01), None), (lossy(6e6, 0.02), None)],
    "metered-cost": [paid(1.3)],
}
RULED = [one for one in CRITERIA if one.name not in ("security", "client-address")]


def test_every_rule_is_tried() -> None:
    names = {one.name for one in RULED}
    assert set(MET) == set(FAILED) == names


@pytest.mark.parametrize("criterion", RULED, ids=lambda one: one.name)
class TestRules:
    def test_met(self, criterion: Criterion) -> None:
        numbers, curves = MET[criterion.name]
        verdict = criterion.verdict(made_up(criterion, numbers, curves))
        assert verdict.status is Status.MET, verdict.text

    def test_failed(self, criterion: Criterion) -> None:
        for numbers, curves in FAILED[criterion.name]:
            verdict = criterion.verdict(made_up(criterion, numbers, curves))
            assert verdict.status is Status.FAILED, verdict.text

    def test_disbelieved_runs_decide_nothing(self, criterion: Criterion) -> None:
        numbers, curves = MET[criterion.name]
        verdict = criterion.verdict(made_up(criterion, numbers, curves, valid=False))
        assert verdict.status is not Status.MET

    def test_numbers_of_the_verdict_are_finite(self, criterion: Criterion) -> None:
        numbers, curves = MET[criterion.name]
        assert "nan" not in criterion.verdict(made_up(criterion, numbers, curves)).text

    def test_draws_and_tabulates(self, criterion: Criterion) -> None:
        numbers, curves = MET[criterion.name]
        if curves is None:
            curves = lambda _: {("flow/x", metric): lambda _: 1.0 for metric in ("answer_time_s", "mos")}  # noqa: E731
        worlds = {world: made_up(criterion, numbers, curves, world=world) for world in ("simulation", "emulation")}
        pictures = list(criterion.pictures(worlds))
        assert pictures
        for picture in pictures:
            assert picture.draw().axes
        assert all(table.rows for table in criterion.tables(worlds))


class TestClientAddress:
    @pytest.mark.parametrize(
        ("same", "source", "status"),
        [(True, "10.77.1.2", Status.MET), (False, "10.77.1.2", Status.FAILED), (True, "10.78.0.1", Status.FAILED)],
    )
    def test_rule(self, tmp_path: Path, same: bool, source: str, status: Status) -> None:
        pairs = [{"from": source, "to": "10.77.2.2", "segments": 3}]
        found = {way: {"same": same, "pairs": pairs, "changed": []} for way in ("inbound", "outbound")}
        (tmp_path / "client-address.json").write_text(json.dumps(found))
        assert BY_NAME["client-address"].verdict(Runs((), "emulation", tmp_path)).status is status

    def test_simulation_cannot_show_it(self) -> None:
        assert BY_NAME["client-address"].verdict(Runs((), "simulation")).status is Status.UNSHOWN

    def test_without_captures_nothing_is_shown(self, tmp_path: Path) -> None:
        assert BY_NAME["client-address"].verdict(Runs((), "emulation", tmp_path)).status is Status.UNSHOWN


class TestSecurity:
    GOOD: ClassVar[dict[str, Any]] = {
        "sent": {"forged": 5, "replayed": 4},
        "passed": 0,
        "astray": 0,
        "cookies": 2,
        "refused": {"forged": 9},
        "whole": True,
        "attacked_s": 10.5,
        "undisturbed_s": 10.0,
        "nemesis": {"played": 50, "kept": 50},
    }

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({}, Status.MET),
            ({"passed": 1}, Status.FAILED),
            ({"astray": 1}, Status.FAILED),
            ({"attacked_s": 11.2}, Status.FAILED),
            ({"whole": False}, Status.FAILED),
            ({"sent": {}}, Status.FAILED),
            ({"nemesis": {"played": 50, "kept": 49}}, Status.FAILED),
            ({"nemesis": {}}, Status.FAILED),
        ],
    )
    def test_rule(self, tmp_path: Path, changes: dict[str, Any], status: Status) -> None:
        (tmp_path / "security-simulation.json").write_text(json.dumps(self.GOOD | changes))
        runs = Runs((), "simulation", tmp_path)
        assert BY_NAME["security"].verdict(runs).status is status
        (table,) = BY_NAME["security"].tables({"simulation": runs})
        assert {"world": "simulation", "what": "refused as forged", "datagrams": 9} in table.rows

    def test_scripts_are_simulated_alone(self, tmp_path: Path) -> None:
        (tmp_path / "security-emulation.json").write_text(json.dumps(self.GOOD | {"nemesis": {}}))
        assert BY_NAME["security"].verdict(Runs((), "emulation", tmp_path)).status is Status.MET

    def test_without_an_attack_nothing_is_shown(self, tmp_path: Path) -> None:
        assert BY_NAME["security"].verdict(Runs((), "simulation", tmp_path)).status is Status.UNSHOWN

    def test_what_was_prepared_is_not_made_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hostile_simulation, "SIZE", 300_000)
        monkeypatch.setattr(hostile_simulation, "SCRIPTS", range(2))
        criterion = BY_NAME["security"]
        criterion.prepare("simulation", tmp_path)
        written = (tmp_path / "security-simulation.json").read_text()
        verdict = criterion.verdict(Runs((), "simulation", tmp_path))
        assert verdict.status is Status.MET, verdict.text
        assert sum(json.loads(written)["refused"].values()) == sum(json.loads(written)["sent"].values()) > 100
        criterion.prepare("simulation", tmp_path)
        assert (tmp_path / "security-simulation.json").read_text() == written


class TestTrials:
    def test_ids_and_names_are_unique(self) -> None:
        assert len({one.id for one in CRITERIA}) == len({one.name for one in CRITERIA}) == len(CRITERIA) == 20

    @pytest.mark.parametrize("world", ["simulation", "emulation"])
    @pytest.mark.parametrize("criterion", CRITERIA, ids=lambda one: one.name)
    def test_every_cell_has_its_repetitions(self, criterion: Criterion, world: str) -> None:
        cells_ = {}
        for trial in criterion.trials(world, QUICK[world]):
            labels = {name: value for name, value in trial.labels.items() if name != "repetition"}
            cells_.setdefault(json.dumps(labels), set()).add(trial.labels["repetition"])
        assert all(found == set(range(1, QUICK[world].repetitions + 1)) for found in cells_.values())

    def test_each_figure_has_its_twin(self) -> None:
        for criterion in CRITERIA:
            for trial in criterion.trials("simulation", EFFORT):
                assert trial.labels["direction"] in ("inbound", "outbound")

    def test_links_come_and_go_ten_times_in_both_worlds(self) -> None:
        for world, effort in FULL.items():
            repetitions = {one.labels["repetition"] for one in BY_NAME["lost-and-returned"].trials(world, effort)}
            assert repetitions == set(range(1, 11))


def test_every_is_infinite_where_a_number_is_null() -> None:
    runs = made_up(BY_NAME["lost-and-returned"], recovered(None, 1.0))
    assert set(runs.every("failover.0.recovery_s", links="8+8")) == {math.inf}
