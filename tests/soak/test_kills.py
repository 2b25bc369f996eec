"""20 emulated runs killed with SIGKILL at random moments: `clean` leaves nothing of them, and all else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from killing import foreign_things, kill_at_random

KILLS = 20
SCENARIO = """
schema = 1
name = "killed"
warmup = "1s"
duration = "4s"
[tunnel]
[[link]]
name = "a"
rate = "8Mbit"
delay = "10ms"
[[flow]]
kind = "tcp"
"""


@pytest.mark.root
@pytest.mark.timeout(900)
def test_twenty_kills(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO)
    delays = random.Random(20)
    with foreign_things():
        for _ in range(KILLS):
            kill_at_random(scenario, delays)
