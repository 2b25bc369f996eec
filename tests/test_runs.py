"""One run as data: what its key covers, and that whatever goes wrong is a row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mpsim import runs
from mpsim.errors import WorldError
from mpsim.runs import NO_PART, Run, key_of, make
from mpsim.scenario import Scenario, load, parse

MINE = "from mpsim.tunnel.{0} import {1}\nclass Mine({1}):\n    name = 'mine'\n"
# Whatever makes a run, in either world, in one process.
EVERYTHING = "import mpsim.runs, mpsim.sim, emulation.run, emulation.driver, emulation.portal, emulation.links"


class Calm:
    """A world whose runs end as told, one after the other."""

    def __init__(self, *ends: bool | str) -> None:
        self.ends = list(ends)

    def clean(self) -> list[str]:
        return []

    def run(self, scenario: Scenario) -> Any:
        end = self.ends.pop(0)
        if isinstance(end, str):
            raise WorldError(end)
        return FakeResult(valid=end)


class FakeResult:
    def __init__(self, *, valid: bool) -> None:
        self.valid = valid
        self.invalid_reasons = [] if valid else ["too slow"]
        self.data = {"aggregation": [], "flows": [], "links": [], "tunnel": None, "failovers": []}

    def series_csv(self) -> str:
        return "t_s,entity,direction,metric,value\n"


@pytest.mark.parametrize(
    ("ends", "valid", "tries"),
    [((True,), True, 1), ((False, True), True, 2), ((False, False), False, 2), (("no", True), True, 2)],
)
def test_a_disturbed_run_is_tried_twice(
    right: str, monkeypatch: pytest.MonkeyPatch, ends: tuple[bool | str, ...], valid: bool, tries: int
) -> None:
    world = Calm(*ends)
    monkeypatch.setattr(runs, "find", lambda _name: world)
    row = make(run_of(right))
    assert (row.valid, row.numbers["tries"], row.error) == (valid, tries, None)
    assert row.numbers.get("invalid_reasons") == (None if valid else "too slow")
    assert world.ends == []


def test_what_cannot_be_run_is_a_row_with_its_error(right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Calm("no root", "still no root")
    monkeypatch.setattr(runs, "find", lambda _name: world)
    row = make(run_of(right))
    assert (row.valid, row.error, row.data, row.series()) == (None, "still no root", {}, [])


def run_of(right: str) -> Run:
    import tomllib

    return Run.of(parse(tomllib.loads(right)), "emulation", "a label")


def test_key_covers_what_decides_the_outcome(right_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (right_file.parent / "a.trace").write_text("1\n2\n")
    trace = "link[1].trace={down='a.trace'}"
    keys = [
        key_of(load(right_file)),
        key_of(load(right_file, seed=4)),
        key_of(load(right_file, ["link[0].delay=11ms"])),
        key_of(load(right_file), "emulation"),
        key_of(load(right_file, [trace])),
    ]
    assert key_of(load(right_file)) == keys[0]
    (right_file.parent / "a.trace").write_text("1\n3\n")
    keys.append(key_of(load(right_file, [trace])))
    monkeypatch.setattr(runs, "own_sources", lambda: b"changed")
    keys.append(key_of(load(right_file)))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("key", "kind", "base"),
    [
        ("tunnel.scheduler", "schedulers", "Scheduler"),
        ("tunnel.congestion", "congestion", "CongestionController"),
        ("flow[0].congestion", "congestion", "CongestionController"),
    ],
)
def test_key_covers_an_algorithm_in_a_file(right_file: Path, key: str, kind: str, base: str) -> None:
    mine = right_file.parent / "mine.py"
    mine.write_text(MINE.format(kind, base))
    first = key_of(load(right_file, [f"{key}=mine.py:Mine"]))
    assert first == key_of(load(right_file, [f"{key}=mine.py:Mine"]))
    mine.write_text(MINE.format(kind, base) + "\n")
    assert key_of(load(right_file, [f"{key}=mine.py:Mine"])) != first


def test_key_covers_the_file_of_a_flow_and_of_mptcp(right_file: Path) -> None:
    (right_file.parent / "flow.py").write_text("def packets():\n    return []\n")
    (right_file.parent / "mine.py").write_text(MINE.format("schedulers", "Scheduler"))
    named = {"flow": [{"file": "flow.py:packets"}], "mptcp": {"scheduler": "mine.py:Mine", "congestion": "lia"}}
    assert sorted(runs.named_files(named)) == ["flow.py", "mine.py"]


def test_key_covers_the_sources_of_its_world(right_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    for text in ("1", "2"):
        package = tmp_path / text
        package.mkdir()
        (package / "run.py").write_text(text)
        monkeypatch.setattr(runs, "package", lambda _world, package=package: package)
        keys.append((key_of(load(right_file), "emulation"), key_of(load(right_file))))
    (first, simulated), (second, still) = keys
    assert first != second
    assert simulated == still


def test_key_covers_the_sources(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    digests = []
    for name, text in (("a.py", "1"), ("b.py", "1"), ("b.py", "2"), ("cli/c.py", "1"), ("plot.py", "1")):
        (tmp_path / name).write_text(text)
        runs.sources_of.cache_clear()
        digests.append(runs.sources_of(tmp_path, NO_PART))
    assert len(set(digests)) == 3
    assert digests[2] == digests[3] == digests[4], "what only shows takes no part"


def test_what_is_left_out_of_the_key_takes_no_part_in_a_run() -> None:
    modules = [name.removesuffix(".py") for name in NO_PART]
    code = f"{EVERYTHING}, sys; print([name for name in {modules} if 'mpsim.' + name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_run_is_plain_data_that_stands_alone(right_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(right_file.parent)
    run = Run.of(load("right.toml"), "simulation", "a label")
    assert run.folder == str(right_file.parent)
    assert (run.seed, run.seconds) == (3, 7.0)
