"""A sweep runs what is missing, once each, and a row a run is left whatever happens."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest
from commanding import Mpsim

from mpsim.scenario import load
from mpsim.store import Store
from mpsim.sweep import Sweep

pytestmark = pytest.mark.usefixtures("own_locks")
GRID = '\n[sweep]\n"tunnel.scheduler" = ["greedy", "min-rtt"]\n'
SHORT = ("--set", "duration=1s", "--set", "event[0].at=500ms", "--set", "flow[0].bytes=10kB")
BROKEN = """
from mpsim.tunnel.schedulers import Scheduler


class Broken(Scheduler):
    name = "broken"

    def select(self, packet, paths, now):
        raise ArithmeticError("on purpose")
"""


@pytest.fixture
def grid_file(right_file: Path) -> Path:
    right_file.write_text(right_file.read_text() + GRID)
    return right_file


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_grid_times_repetitions_and_resumes(grid_file: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("sweep", grid_file, *SHORT, "-j", 2, "--reps", 2, "--out", out)
    ended = mpsim(*command)
    assert ended.status == 0, ended.err
    rows = rows_of(out)
    assert [(row["tunnel.scheduler"], row["seed"], row["repetition"]) for row in rows] == [
        ("greedy", "3", "0"),
        ("greedy", "4", "1"),
        ("min-rtt", "3", "0"),
        ("min-rtt", "4", "1"),
    ]
    assert all(float(row["flow.udp1.goodput_bps"]) > 0 for row in rows)
    first = (out / "runs.csv").read_bytes()
    database = sqlite3.connect(out / "runs.sqlite")
    key, label = database.execute("SELECT key, label FROM runs ORDER BY key").fetchone()
    database.execute("UPDATE runs SET label = 'untouched'")
    database.execute("DELETE FROM runs WHERE key = ?", (key,))
    database.commit()
    assert mpsim(*command).status == 0
    assert (out / "runs.csv").read_bytes() == first
    labels = dict(database.execute("SELECT key, label FROM runs"))
    database.close()
    assert labels.pop(key) == label, "the missing run was run"
    assert set(labels.values()) == {"untouched"}, "and no other"


def test_failed_run_is_a_row_with_its_error_and_is_tried_again(right_file: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    (right_file.parent / "broken.py").write_text(BROKEN)
    right_file.write_text(right_file.read_text() + '\n[sweep]\n"tunnel.scheduler" = ["broken.py:Broken", "greedy"]\n')
    command = ("sweep", right_file, *SHORT, "-j", 1, "--out", tmp_path / "out")
    ended = mpsim(*command)
    assert ended.status == 1
    broken, greedy = rows_of(tmp_path / "out")
    assert (broken["error"], broken["valid"]) == ("ArithmeticError: on purpose", "")
    assert (greedy["error"], greedy["valid"]) == ("", "True")
    (right_file.parent / "broken.py").write_text(
        BROKEN.replace('raise ArithmeticError("on purpose")', "return paths[:1]")
    )
    assert mpsim(*command).status == 0


def test_one_failed_run_is_tried_again_alone(right_file: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    (right_file.parent / "broken.py").write_text(BROKEN)
    command = ("sweep", right_file, *SHORT, "--set", "tunnel.scheduler=broken.py:Broken", "--out", tmp_path / "out")
    assert mpsim(*command, "--reps", 2).status == 1
    first, second = rows_of(tmp_path / "out")
    (right_file.parent / "broken.py").write_text(BROKEN.replace("on purpose", "another"))
    ended = mpsim(*command, "--reps", 2, "--only", "no such run")
    assert (ended.status, ended.err.partition(":")[0]) == (2, "--only")
    assert rows_of(tmp_path / "out") == [first, second], "another file is another key: nothing was run"
    (right_file.parent / "broken.py").write_text(BROKEN)
    assert mpsim(*command, "--reps", 2, "--only", first["key"][:12]).status == 1
    assert mpsim(*command, "--reps", 2, "--only", "right, repetition 0").status == 1
    with Store(tmp_path / "out" / "runs.sqlite") as store:
        commits = {key: row.commits for key, row in store.rows().items()}
    assert commits == {first["key"]: 3, second["key"]: 1}


def test_series_of_all_runs(grid_file: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert mpsim("sweep", grid_file, *SHORT, "-j", 1, "--out", out, "--series").status == 0
    with (out / "series.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["tunnel.scheduler"] for row in rows} == {"greedy", "min-rtt"}
    single = mpsim("run", grid_file, *SHORT, "--set", "tunnel.scheduler=greedy", "--out", tmp_path / "single")
    assert single.status == 0
    with (tmp_path / "single" / "series.csv").open(newline="") as file:
        alone = list(csv.DictReader(file))
    swept = [{key: row[key] for key in alone[0]} for row in rows if row["tunnel.scheduler"] == "greedy"]
    as_numbers = [{**row, "t_s": float(row["t_s"]), "value": float(row["value"])} for row in swept]
    assert as_numbers == [{**row, "t_s": float(row["t_s"]), "value": float(row["value"])} for row in alone]


@pytest.mark.parametrize(
    ("arguments", "key"), [(("--world", "emulatoin"), "--world"), (("--world", "emulation", "-j", 2), "--jobs")]
)
def test_wrong_options(grid_file: Path, mpsim: Mpsim, tmp_path: Path, arguments: tuple[object, ...], key: str) -> None:
    ended = mpsim("sweep", grid_file, *arguments, "--out", tmp_path / "out")
    assert (ended.status, ended.err.partition(":")[0]) == (2, key)
    assert not (tmp_path / "out").exists()


def test_wrong_point_is_told_before_anything_is_written(right_file: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    right_file.write_text(right_file.read_text() + '\n[sweep]\n"tunnel.scheduler" = ["greedy", "gredy"]\n')
    ended = mpsim("sweep", right_file, "--out", tmp_path / "out")
    assert (ended.status, ended.err.partition(":")[0]) == (2, "tunnel.scheduler")
    assert not (tmp_path / "out").exists()


def test_database_that_is_none(grid_file: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "runs.sqlite").write_text("not a database, by far not one" * 100)
    ended = mpsim("sweep", grid_file, "--out", tmp_path / "out")
    assert (ended.status, ended.err.partition(":")[0]) == (2, "--out")


def test_equal_points_are_one_run(right_file: Path, tmp_path: Path) -> None:
    right_file.write_text(right_file.read_text() + "\n[sweep]\nseed = [1, 1]\n")
    scenario = load(right_file)
    with Sweep(scenario, scenario.expand(), repetitions=1, folder=tmp_path / "out") as sweep:
        assert (len(sweep.points), len(sweep.missing())) == (2, 1)
