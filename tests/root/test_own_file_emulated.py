"""A scheduler in a file of a user's own, between Mininet hosts: what it chose is what the links carried."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulation.run import world
from mpsim.scenario import load

pytestmark = pytest.mark.root

SECOND = '''
from mpsim.tunnel.schedulers import Scheduler

class Second(Scheduler):
    """The path of link b or none."""
    name = "second"
    def select(self, packet, paths, now):
        ready = [path for path in paths if path.name == "b" and path.can_send(packet.size, now)]
        return ready[0] if ready else None
'''


def test_a_scheduler_of_ones_own_chooses(right_file: Path) -> None:
    (right_file.parent / "mine.py").write_text(SECOND)
    changes = ["tunnel.scheduler=mine.py:Second", "warmup=1s", "duration=2s", "event[0].at=1.9s"]
    scenario = load(right_file, changes)
    result = world.run(scenario)
    first, second = (
        sum(row["datagrams"] for row in result.data["paths"] if row["link"] == one.name) for one in scenario.link[:2]
    )
    assert first == 0
    assert second > 0
