"""What a program of the data path (links.py, portal.py) and the run that starts it say to each other.

the run                                     the program
folder/job.json, folder/scenario.toml  -->  reads them, opens what it needs
<--  "ready" on standard output
the monotonic clock at run time 0      -->  a line on standard input; it starts to serve
<--  "serving" (links.py only: the portals may send now)
SIGTERM                                -->  it writes folder/NAME.json and ends
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulation.waiting import wait_for_line
from mpsim.errors import WorldError
from mpsim.scenario import Scenario, load

READY, SERVING = "ready", "serving"
READY_TIMEOUT = 30.0  # s
STOP_TIMEOUT = 15.0  # s
REAL_TIME_PRIORITY = 20
# More CPU time than this without sleeping, and the kernel takes the real-time priority's owner to task.
LONGEST_BURST_US = 300_000


@dataclass(frozen=True)
class Job:
    """What all programs of a run have to know besides the scenario."""

    links: str  # the backend: "own" | "netem"
    pcap: str | None  # folder for captures, or None
    epochs: dict[str, int]  # of the tunnel session, by portal

    def write(self, folder: Path, scenario: Scenario) -> None:
        """Leave it in the run's folder."""
        (folder / "scenario.toml").write_text(scenario.to_toml(folder))
        (folder / "job.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> tuple[Job, Scenario]:
        """Read what `write` left."""
        return cls(**json.loads((folder / "job.json").read_text())), load(folder / "scenario.toml")


class Program:
    """The run's view of a program: started, made ready, let go, stopped."""

    def __init__(
        self, name: str, start: Callable[..., subprocess.Popen[bytes]], module: str, folder: Path, *arguments: str
    ) -> None:
        self.name = name
        self._folder = folder
        self._log = folder / f"{name}.log"
        command = [sys.executable, "-m", module, str(folder), *arguments]
        with self._log.open("wb") as log:
            self.process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)

    def wait_ready(self) -> None:
        """Wait until it has opened all it needs; raises WorldError if it never does."""
        assert self.process.stdout is not None
        if not wait_for_line(self.process.stdout, READY, READY_TIMEOUT):
            raise WorldError(f"{self.name} did not start: {self.last_words()}")

    def go(self, origin: float) -> None:
        """Tell it the monotonic clock at run time zero."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{origin!r}\n".encode())
        self.process.stdin.flush()

    def wait_serving(self) -> None:
        """Wait until it serves; raises WorldError if it never does."""
        assert self.process.stdout is not None
        if not wait_for_line(self.process.stdout, SERVING, READY_TIMEOUT):
            raise WorldError(f"{self.name} does not serve: {self.last_words()}")

    def check(self) -> None:
        """Raise WorldError if it has died."""
        if self.process.poll() is not None:
            raise WorldError(f"{self.name} died (status {self.process.returncode}): {self.last_words()}")

    def stop(self) -> dict[str, Any]:
        """End it and return what it has measured."""
        self.check()
        self.process.terminate()
        try:
            status = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise WorldError(f"{self.name} did not stop") from None
        if status:
            raise WorldError(f"{self.name} failed at its end (status {status}): {self.last_words()}")
        self.process.communicate()
        data: dict[str, Any] = json.loads((self._folder / f"{self.name}.json").read_text())
        return data

    def last_words(self) -> str:
        """Return the last line of its standard error."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"


def announce_serving() -> None:
    """Say that what is sent from now on is not lost on us."""
    sys.stdout.write(f"{SERVING}\n")
    sys.stdout.flush()


def announce_ready() -> float:
    """Say "ready", wait for the start; return the monotonic clock at run time zero (s)."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        sys.exit("the run has gone")
    # What was made so far lives until the end: collecting it again and again only costs time.
    gc.collect()
    gc.freeze()
    return float(line)


def leave(folder: Path, name: str, data: dict[str, Any]) -> None:
    """Write what was measured, complete or not at all."""
    draft = folder / f"{name}.json.draft"
    draft.write_text(json.dumps(data))
    draft.rename(folder / f"{name}.json")


def take_real_time_priority() -> str:
    """Ask for SCHED_FIFO for this process alone; return what it got, as it goes into the result.

    Two guards: children do not inherit it, and a burst of more than 300 ms gives it back.
    """
    resource.setrlimit(resource.RLIMIT_RTTIME, (LONGEST_BURST_US, resource.RLIM_INFINITY))
    signal.signal(signal.SIGXCPU, _give_back)
    try:
        priority = os.sched_param(REAL_TIME_PRIORITY)
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, priority)
    except OSError as error:
        return f"normal (SCHED_FIFO refused: {error.strerror})"
    return "fifo"


def has_real_time_priority() -> bool:
    """Return whether this process still runs under SCHED_FIFO."""
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO


def _give_back(*_: object) -> None:
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
