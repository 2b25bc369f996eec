"""`mpsim clean` removes what killed runs left, and nothing else."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from killing import foreign_things, kill_at_random

from emulation.runs import FOLDER, MARK, clean, new_run
from mpsim.scenario import Scenario

pytestmark = pytest.mark.root


def test_killed_runs_leave_nothing(two_equal: Scenario, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(two_equal.to_toml())
    delays = random.Random(7)
    with foreign_things():
        for _ in range(3):
            kill_at_random(scenario, delays)


def test_a_dead_runs_processes_go_and_a_live_runs_stay() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    dead = FOLDER / f"{gone.pid}-1-1"
    dead.mkdir(parents=True)
    (dead / "something").write_text("left")
    orphan = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: dead.name})
    with new_run() as run:
        ours = subprocess.Popen(["sleep", "600"], env=run.environment())
        removed = clean()
        assert orphan.wait(10) == -9
        assert f"process {orphan.pid} (sleep)" in removed
        assert str(dead) in removed
        assert not dead.exists()
        assert run.folder.exists()
        assert ours.poll() is None
        assert not any(str(ours.pid) in line for line in removed)
    # The end of the run is the end of all that belongs to it.
    assert ours.wait(10) == -9
    assert not run.folder.exists()
