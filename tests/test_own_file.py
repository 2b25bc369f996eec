"""A scheduler in a file of one's own, the one that the first page shows: run, swept with two workers, checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import Mpsim

from mpsim.scenario import load
from mpsim.sim import Simulation

pytestmark = pytest.mark.usefixtures("own_locks")
README = Path(__file__).parents[1] / "README.md"
SPEC = "mine.py:ShortestFlight"
SHORT = ("--set", "duration=1s", "--set", "event[0].at=500ms", "--set", f"tunnel.scheduler={SPEC}")


@pytest.fixture
def mine(right_file: Path) -> Path:
    """The class of the first page, without its decorator, beside a scenario file."""
    block = re.findall(r"^class ShortestFlight.*?(?=^\S)", README.read_text(), re.MULTILINE | re.DOTALL)[0]
    path = right_file.parent / "mine.py"
    path.write_text(f"from mpsim.tunnel.schedulers import Scheduler\n\n\n{block}")
    return path


def test_in_one_run(mine: Path, right_file: Path, mpsim: Mpsim) -> None:
    ended = mpsim("run", right_file, *SHORT)
    assert (ended.status, ended.err) == (0, "")
    scenario = load(right_file, [f"tunnel.scheduler={SPEC}"])
    chosen = Simulation(scenario).portals["local"].endpoint.scheduler
    assert type(chosen).__name__ == "ShortestFlight"


def test_in_a_sweep_of_two_workers(mine: Path, right_file: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    ended = mpsim("sweep", right_file, *SHORT, "--reps", 2, "-j", 2, "--out", tmp_path / "out")
    assert ended.status == 0, ended.err
    rows = (tmp_path / "out" / "runs.csv").read_text().splitlines()
    assert len(rows) == 3


def test_against_the_contract(mine: Path) -> None:
    command = [sys.executable, "-m", "mpsim.contract", f"{mine}:ShortestFlight", "--lives", "300"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert "survives 300 random lives: kept" in ended.stdout
