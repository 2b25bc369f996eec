"""Workers: a killed one costs nobody else a run, and none outlives the process that asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from mpsim.errors import WorldError
from mpsim.runs import Run
from mpsim.scenario import parse
from mpsim.store import Row
from mpsim.workers import LocalWorkers

pytestmark = pytest.mark.usefixtures("own_locks")
# A scheduler that does to its own process what somebody else might, as often as its file says.
DEADLY = """
import os, signal
from pathlib import Path
from mpsim.tunnel.schedulers import Scheduler


class Deadly(Scheduler):
    name = "deadly"

    def select(self, packet, paths, now):
        lives = Path(__file__).with_name("lives")
        if left := int(lives.read_text()):
            lives.write_text(str(left - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return paths[:1]
"""
ENDLESS = """
import threading
from pathlib import Path
from mpsim.tunnel.schedulers import Scheduler


class Endless(Scheduler):
    name = "endless"

    def select(self, packet, paths, now):
        Path(__file__).with_name("began").touch()
        while True:
            threading.Event().wait(0.01)
"""
DRIVER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_workers import Told, run
from mpsim.workers import LocalWorkers

sys.exit(str(list(LocalWorkers(1).rows([run(1, Path({folder!r}), "endless.py:Endless")], Told()))))
"""


class Told:
    """What was heard of the workers."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.texts: list[str] = []

    def started(self, run: Run) -> None:
        self.runs.append(run.label)

    def said(self, text: str) -> None:
        self.texts.append(text)


def run(seed: int, folder: Path, scheduler: str = "greedy") -> Run:
    raw: dict[str, Any] = {
        "schema": 1,
        "name": "tiny",
        "seed": seed,
        "warmup": "0s",
        "duration": "100ms",
        "tunnel": {"scheduler": scheduler},
        "link": [{"name": "a", "rate": "2Mbit", "delay": "5ms"}],
        "flow": [{"kind": "udp", "rate": "1Mbit"}],
    }
    return Run.of(parse(raw, folder), "simulation", f"seed {seed}")


def by_label(rows: list[Row]) -> dict[str, str | None]:
    return {row.label: row.error for row in rows}


def test_every_run_gives_a_row_wherever_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run(seed, tmp_path) for seed in range(5)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "lib:.")
    told = Told()
    rows = list(LocalWorkers(2).rows(runs, told))
    assert by_label(rows) == {f"seed {seed}": None for seed in range(5)}
    assert sorted(told.runs) == [f"seed {seed}" for seed in range(5)]
    assert all(row.data["seed"] == row.seed and row.series() for row in rows)


@pytest.mark.parametrize(("lives", "error"), [(1, None), (9, "its worker process ended, 2 times (SIGKILL)")])
def test_killed_worker_costs_nobody_else_a_run(tmp_path: Path, lives: int, error: str | None) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    (tmp_path / "lives").write_text(str(lives))
    told = Told()
    runs = [run(0, tmp_path, "deadly.py:Deadly"), *(run(seed, tmp_path) for seed in range(1, 4))]
    rows = list(LocalWorkers(2).rows(runs, told))
    assert by_label(rows) == {"seed 0": error, "seed 1": None, "seed 2": None, "seed 3": None}
    assert told.runs.count("seed 0") == 2
    assert told.texts == ["the worker of seed 0 ended (SIGKILL); it is tried again"]


def test_run_that_ends_its_process_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit(7)"))
    (tmp_path / "lives").write_text("9")
    (row,) = LocalWorkers(1).rows([run(0, tmp_path, "deadly.py:Deadly")], Told())
    assert row.error == "its worker process ended, 2 times (status 7)"


def test_workers_that_cannot_start_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorldError, match=r"no worker can be started \(status 1"):
        list(LocalWorkers(2).rows([run(seed, tmp_path) for seed in range(5)], Told()))


def test_what_is_abandoned_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    rows = LocalWorkers(2).rows([run(1, tmp_path), run(2, tmp_path, "endless.py:Endless")], Told())
    assert next(rows).label == "seed 1"
    assert len(psutil.Process().children()) == 2
    rows.close()
    assert psutil.Process().children() == []


def test_no_worker_outlives_the_process_that_asked(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    code = DRIVER.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code]) as driver:
        while not (tmp_path / "began").exists():
            assert driver.poll() is None
            threading.Event().wait(0.01)
        workers = psutil.Process(driver.pid).children()
        os.kill(driver.pid, signal.SIGKILL)
    assert len(workers) == 1
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
