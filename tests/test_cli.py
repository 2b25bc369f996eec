"""The command line keeps the contract: what is printed where, what is written, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from commanding import Mpsim

import mpsim as api
from mpsim import worlds
from mpsim.errors import WorldError
from mpsim.worlds import Check

SHORT = ("--set", "duration=3s", "--set", "event[0].at=1s")


class FakeWorld:
    """An emulation that needs nothing: it simulates, and tells what it was asked."""

    def __init__(self, *, reasons: tuple[str, ...] = (), error: Exception | None = None) -> None:
        self.reasons, self.error = reasons, error

    def run(self, scenario: Any, *, pcap: Path | None = None) -> Any:
        if self.error:
            raise self.error
        result = worlds.Simulation().run(scenario, pcap=pcap)
        result.data["valid"], result.data["invalid_reasons"] = not self.reasons, list(self.reasons)
        return result

    def doctor(self) -> list[Check]:
        return [Check("TUN", ok=False, detail="no /dev/net/tun", remedy="modprobe [tun]")]

    def clean(self) -> list[str]:
        return ["interface mp-a0"]


def install(monkeypatch: pytest.MonkeyPatch, world: FakeWorld) -> None:
    monkeypatch.setattr("mpsim.cli.running.find", lambda _: world)
    monkeypatch.setattr("mpsim.cli.machine.names", lambda: ["simulation", "emulation"])
    monkeypatch.setattr("mpsim.cli.machine.find", lambda name: worlds.Simulation() if name == "simulation" else world)


def test_json_is_the_result_alone_and_out_holds_three_files(mpsim: Mpsim, right_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    ended = mpsim("run", right_file, *SHORT, "--json", "--out", out)
    assert (ended.status, ended.err) == (0, "")
    result = json.loads(ended.out)
    assert ended.out == (out / "result.json").read_text()
    assert (result["schema"], result["world"], result["seed"]) == (1, "simulation", 3)
    assert sorted(one.name for one in out.iterdir()) == ["result.json", "scenario.toml", "series.csv"]


def test_written_scenario_runs_again_to_the_same_result(mpsim: Mpsim, right_file: Path, tmp_path: Path) -> None:
    mpsim("run", right_file, *SHORT, "--out", tmp_path / "one")
    assert mpsim("run", tmp_path / "one" / "scenario.toml", "--out", tmp_path / "two").status == 0
    assert (tmp_path / "one" / "series.csv").read_bytes() == (tmp_path / "two" / "series.csv").read_bytes()


def test_without_out_a_table_and_no_file(mpsim: Mpsim, right_file: Path) -> None:
    before = sorted(right_file.parent.rglob("*"))
    ended = mpsim("run", right_file, *SHORT)
    assert ended.status == 0
    assert "tcp1" in ended.out
    assert sorted(right_file.parent.rglob("*")) == before


def test_seed_option(mpsim: Mpsim, right_file: Path) -> None:
    ended = mpsim("run", right_file, *SHORT, "--seed", 8, "--json")
    assert json.loads(ended.out)["seed"] == 8


def test_invalid_run_is_status_3_with_its_reasons(
    mpsim: Mpsim, right_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, FakeWorld(reasons=("the loop lagged",)))
    ended = mpsim("emulate", right_file, *SHORT, "--json")
    assert (ended.status, ended.err) == (3, "not to be believed: the loop lagged\n")
    assert json.loads(ended.out)["valid"] is False


def test_world_that_cannot_is_status_1_in_one_line(
    mpsim: Mpsim, right_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, FakeWorld(error=WorldError("no root")))
    ended = mpsim("emulate", right_file)
    assert (ended.status, ended.out, ended.err) == (1, "", "mpsim: no root\n")


def test_surprise_is_one_line_unless_asked_for(mpsim: Mpsim, right_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeWorld(error=KeyError("two\nlines")))
    monkeypatch.delenv("MPSIM_TRACEBACK", raising=False)
    ended = mpsim("emulate", right_file)
    assert (ended.status, len(ended.err.splitlines())) == (1, 1)
    monkeypatch.setenv("MPSIM_TRACEBACK", "1")
    with pytest.raises(KeyError):
        mpsim("emulate", right_file)


def test_interrupt_is_status_130(mpsim: Mpsim, right_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeWorld(error=KeyboardInterrupt()))  # type: ignore[arg-type]  # no Exception, on purpose
    ended = mpsim("emulate", right_file)
    assert (ended.status, ended.err) == (130, "mpsim: interrupted\n")


@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_out_that_is_a_file(verb: str, mpsim: Mpsim, right_file: Path) -> None:
    for out in (right_file, right_file / "below"):
        ended = mpsim(verb, right_file, "--out", out)
        assert ended.status == 2
        assert ended.err.startswith("--out: a folder")


def test_pcap_needs_out(mpsim: Mpsim, right_file: Path) -> None:
    ended = mpsim("run", right_file, "--pcap")
    assert (ended.status, ended.err.partition(":")[0]) == (2, "--pcap")


@pytest.mark.parametrize(
    "arguments", [["run"], ["bogus"], ["run", "x", "--seed", "y"], ["sweep", "x", "-j", "0"], ["run", "x", "--no"]]
)
def test_wrong_options_are_status_2_in_one_line(arguments: list[str], mpsim: Mpsim) -> None:
    ended = mpsim(*arguments)
    assert (ended.status, len(ended.err.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("schedulers", "greedy"),
        ("congestion", "newreno"),
        ("systems", "direct"),
        ("experiments", "equal-links"),
        ("criteria", "many-links"),
    ],
)
def test_list(what: str, line: str, mpsim: Mpsim) -> None:
    ended = mpsim("list", what)
    assert (ended.status, ended.err) == (0, "")
    assert any(one.startswith(line) for one in ended.out.splitlines())


def test_list_shows_parameters(mpsim: Mpsim) -> None:
    assert "packets = 1: how many" in mpsim("list", "schedulers").out


def test_list_of_nothing_known(mpsim: Mpsim) -> None:
    ended = mpsim("list", "schedulrs")
    assert (ended.status, 'did you mean "schedulers"?' in ended.err) == (2, True)


def test_doctor_tells_gaps_and_is_no_error(mpsim: Mpsim, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeWorld())
    ended = mpsim("doctor")
    assert ended.status == 0
    assert "modprobe [tun]" in ended.out


def test_clean_tells_what_it_removed(mpsim: Mpsim, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeWorld())
    assert mpsim("clean").out == "interface mp-a0\n"


def test_world_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("emulation", "no_such_module_of_ours:world", worlds.GROUP)
    monkeypatch.setattr(worlds, "entry_points", lambda **_: [broken])
    with pytest.raises(WorldError, match="not installed completely"):
        worlds.find("emulation")
    monkeypatch.setattr(worlds, "entry_points", lambda **_: [])
    with pytest.raises(WorldError, match="known: simulation"):
        worlds.find("emulation")


def test_experiment_by_name(mpsim: Mpsim, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Fake:
        def run(self, world: str, out: Path, quick: bool) -> str:
            return f"{world} {out.name} {quick}"

    class Point:
        name = "mine"

        def load(self) -> Fake:
            return Fake()

    monkeypatch.setattr("mpsim.cli.experimenting.entry_points", lambda **_: [Point()])
    ended = mpsim("experiment", "mine", "--world", "simulation", "--out", tmp_path / "o", "--quick")
    assert (ended.status, ended.out) == (0, "simulation o True\n")
    wrong = mpsim("experiment", "mien", "--world", "moon")
    assert (wrong.status, len(wrong.err.splitlines())) == (2, 2)


def test_python_api(right_file: Path) -> None:
    scenario = api.load(right_file, ["duration=3s", "event[0].at=1s"])
    result = api.run(scenario, seed=5)
    assert isinstance(result, api.Result)
    assert (result.valid, result.data["seed"], scenario.seed) == (True, 5, 3)


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "matplotlib", "scapy", "simpy", "mininet"}
    program = (
        f"import sys, mpsim.cli; mpsim.cli.status_of(['--help']); print({heavy!r} & set(sys.modules), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ended.stderr == "set()\n"
