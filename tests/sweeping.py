"""A sweep of short runs whose driver and workers are killed at random, held against one that nobody disturbs."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from mpsim.store import Row, Store

# Each run writes down that it has begun: the first packet of its own grid point.
NOTING = """
from pathlib import Path
from mpsim.tunnel.schedulers import Scheduler


class Noting(Scheduler):
    name = "noting"

    def __init__(self, *, number=0):
        self.number = number
        self.noted = False

    def select(self, packet, paths, now):
        if not self.noted:
            self.noted = True
            with Path(__file__).with_name("begun").open("a") as file:
                file.write(f"{self.number}\\n")
        return [path for path in paths if path.can_send(packet.size, now)][:1]
"""
SCENARIO = """
schema = 1
name = "killed"
warmup = "0s"
duration = "100ms"
[tunnel]
[[link]]
name = "a"
rate = "2Mbit"
delay = "5ms"
loss = 0.1
[[link]]
name = "b"
rate = "1Mbit"
delay = "5ms"
[[flow]]
kind = "udp"
rate = "1Mbit"
arrivals = "poisson"
[sweep]
"""
_POLL = 0.01  # s
_LONGEST_DEATH = 60.0  # s
JOBS = 2


class Victim:
    """A folder with a sweep of ``runs`` runs, and the command that makes them."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        folder.mkdir()
        (folder / "noting.py").write_text(NOTING)
        specs = ", ".join(f'{{ name = "noting.py:Noting", number = {number} }}' for number in range(runs))
        (folder / "scenario.toml").write_text(f'{SCENARIO}"tunnel.scheduler" = [{specs}]\n')
        self.command = [sys.executable, "-m", "mpsim", "sweep", str(folder / "scenario.toml"), "-j", str(JOBS)]
        self.command += ["--out", str(folder / "out")]
        self.log = folder / "log"

    def start(self) -> subprocess.Popen[bytes]:
        """Start the command."""
        with self.log.open("ab") as log:
            return subprocess.Popen(self.command, stdout=log, stderr=log)

    def finish(self) -> None:
        """Let the command end; a run whose two workers were both killed is tried by the next command."""
        for _ in range(3):
            if self.start().wait() == 0:
                return
        raise AssertionError(self.log.read_text())

    def committed(self) -> set[int]:
        """Give the numbers of the grid points that have a good row."""
        if not (self.folder / "out" / "runs.sqlite").exists():
            return set()
        with closing(sqlite3.connect(self.folder / "out" / "runs.sqlite", timeout=30.0)) as database:
            if not database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone()[0]:
                return set()
            labels = [label for (label,) in database.execute("SELECT label FROM runs WHERE error IS NULL")]
        return {int(label.partition('"number": ')[2].partition("}")[0]) for label in labels}

    def rows(self) -> dict[str, Row]:
        """Give all rows by their keys."""
        with Store(self.folder / "out" / "runs.sqlite") as store:
            return store.rows()

    def begun(self) -> list[int]:
        """Give the numbers of the runs that have begun, in their order, as often as they have."""
        path = self.folder / "begun"
        return [int(line) for line in path.read_text().split()] if path.exists() else []


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was committed at a moment before so many runs had begun."""

    committed: set[int]
    begun: int


def kill_at_random(victim: Victim, kills: int, chance: random.Random) -> None:
    """Kill the driver or one of its workers ``kills`` times, and let the sweep end."""
    snapshots = []
    driver = victim.start()
    for number in range(kills):
        done = len(victim.committed())
        share = (victim.runs - done) / (kills - number + 1)
        _wait_for_rows(victim, driver, done + chance.randint(0, int(1.5 * share)))
        threading.Event().wait(chance.choice((0.02, 0.2, 1.0)) * chance.random())
        family = psutil.Process(driver.pid).children()
        if family and chance.random() < 0.5:
            _kill(chance.choice(family))
        else:
            _kill_with_all(driver, family)
            driver = victim.start()
        snapshots.append(Snapshot(victim.committed(), len(victim.begun())))
    driver.wait()
    victim.finish()
    begun = victim.begun()
    for snapshot in snapshots:
        assert not snapshot.committed & set(begun[snapshot.begun :]), "what was committed has begun again"
    assert len(begun) <= victim.runs + JOBS * (kills + 1), "a kill costs no more than what was under way"


def assert_equal(victim: Victim, undisturbed: Victim) -> None:
    """Hold every row of a sweep against those of another."""
    found, wanted = victim.rows(), undisturbed.rows()
    assert len(found) == victim.runs
    assert found == wanted
    for key, row in found.items():
        assert row.series_csv() == wanted[key].series_csv()
        assert _without_times(row.data) == _without_times(wanted[key].data)


def _wait_for_rows(victim: Victim, driver: subprocess.Popen[bytes], count: int) -> None:
    while len(victim.committed()) < count:
        assert driver.poll() is None, "the sweep has ended before all kills"
        threading.Event().wait(_POLL)


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def _kill_with_all(driver: subprocess.Popen[bytes], family: list[psutil.Process]) -> None:
    """Kill a driver; its workers have to find out for themselves."""
    driver.kill()
    driver.wait()
    _, alive = psutil.wait_procs(family, timeout=_LONGEST_DEATH)
    assert not alive, "workers outlive their driver"


def _without_times(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "wall_s"}
