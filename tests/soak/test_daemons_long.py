"""Half an hour of mixed faults between two daemons: neither's memory nor descriptors grow beyond the first minute's."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from experiments.fault_cables import Cables
from experiments.fault_emulation import RECORD, Portals, begin, ended, isolated, joined, outcome
from experiments.fault_plans import EVERY, HOME, HOSTED, Kind

SECONDS = 1800.0
SIZE = 3_000_000  # bytes of each transfer
PATIENCE = 60.0  # s
LOOK = 2.0  # s between two faults
MIXED = Kind(
    "mixed", "loss and corruption all the time, and something else every other second", loss=0.01, corruption=0.005
)
MEMORY_ROOM = 1.1  # times the first minute's most, for the allocator's moods
DESCRIPTOR_ROOM = 2  # a name that is resolved, somebody who asks for the status


class Watched:
    """A portal's process, which is never restarted, looked at from outside."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}

    def look(self, first: bool) -> None:
        """Note how much it holds; first: of the first minute."""
        status = (self._folder / "status").read_text()
        (resident,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        found = {"memory, kB": resident, "descriptors": sum(1 for _ in (self._folder / "fd").iterdir())}
        kept = self.first if first else self.last
        for what, value in found.items():
            kept[what] = max(value, kept.get(what, 0)) if first else value


def disturb(cables: Cables, portals: Portals, random: Random, gone: set[int]) -> None:
    """Let something happen; the hosted portal alone is never restarted."""
    path = random.choice(EVERY)
    if path in gone:
        cables.make(path)
        gone.discard(path)
        return
    what = random.choice(("rebind", "rebind", "readdress", "block", "unblock", "unblock", "delete", "restart"))
    if what == "restart":
        portals.restart(HOME)
    elif what == "delete":
        cables.delete(path)
        gone.add(path)
    else:
        getattr(cables, what)(path)


def run(seconds: float, folder: Path) -> dict[str, object]:
    """Let one transfer after the other go on while things happen; return what was seen."""
    random, transfers, whole, gone = Random("mixed faults"), 0, 0, set[int]()
    with joined(lambda: Cables(MIXED, 1), folder) as (cables, portals):
        watched = Watched(portals.pid(HOSTED))
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            for path in EVERY:  # a transfer begins on paths that are there
                cables.make(path) if path in gone else cables.unblock(path)
            gone.clear()
            with ExitStack() as stack:
                client = begin(stack, transfers, SIZE)
                deadline = time.monotonic() + PATIENCE
                while not ended(client, LOOK) and time.monotonic() < deadline:
                    disturb(cables, portals, random, gone)
                    watched.look(first=time.monotonic() < start + max(60.0, seconds / 30))
                if client.poll() is None:
                    client.kill()
                transfers += 1
                whole += outcome(client, transfers - 1, SIZE, portals, "").whole
    return {"transfers": transfers, "whole": whole, "first": watched.first, "last": watched.last}


@pytest.mark.root
@pytest.mark.timeout(SECONDS + 300)
def test_neither_memory_nor_descriptors_grow() -> None:
    found = isolated("tests.soak.test_daemons_long", str(SECONDS), longest=SECONDS + PATIENCE)
    assert "error" not in found, found
    print(found)
    assert found["transfers"] > 20
    assert found["whole"] == found["transfers"], found
    assert found["last"]["memory, kB"] <= MEMORY_ROOM * found["first"]["memory, kB"], found
    assert found["last"]["descriptors"] <= DESCRIPTOR_ROOM + found["first"]["descriptors"], found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / RECORD).write_text(json.dumps(run(float(sys.argv[2]), folder)))
