"""What the machine did while we measured: idle CPU, steal, pressure, time spent waiting for a CPU."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mpsim.units import NS_PER_S, US_PER_S

# Fields of the first line of /proc/stat (proc_stat(5)).
_IDLE, _IO_WAIT, _STEAL = 3, 4, 7
_COUNTED = 8  # guest time is contained in user time


@dataclass(frozen=True)
class Snapshot:
    """The kernel's running totals at one time."""

    at: float  # s, monotonic clock
    jiffies: tuple[int, ...]
    pressure: float | None  # s in which some runnable task waited; None: the kernel does not say
    waited: Mapping[str, float]  # s each process of ours waited in a run queue


def snapshot(processes: Mapping[str, int]) -> Snapshot:
    """Read the totals; `processes` are ours, by name."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    waited = {name: _run_queue_wait(pid) for name, pid in processes.items()}
    return Snapshot(time.monotonic(), tuple(int(field) for field in first), _pressure(), waited)


def _pressure() -> float | None:
    try:
        line = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return None
    return int(line.rpartition("total=")[2]) / US_PER_S


def _run_queue_wait(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / NS_PER_S
    except OSError:
        return 0.0


@dataclass(frozen=True)
class Load:
    """What happened between two snapshots, as ratios of the time between them."""

    idle: float
    steal: float
    pressure: float | None
    run_queue_wait: Mapping[str, float]

    @classmethod
    def between(cls, begin: Snapshot, end: Snapshot) -> Load:
        """Compare two snapshots."""
        spent = [after - before for before, after in zip(begin.jiffies, end.jiffies, strict=True)]
        total = max(1, sum(spent[:_COUNTED]))
        elapsed = max(end.at - begin.at, 1e-9)
        pressure = None
        if begin.pressure is not None and end.pressure is not None:
            pressure = (end.pressure - begin.pressure) / elapsed
        waited = {name: (end.waited[name] - begin.waited.get(name, 0.0)) / elapsed for name in end.waited}
        return cls((spent[_IDLE] + spent[_IO_WAIT]) / total, spent[_STEAL] / total, pressure, waited)

    def as_dict(self) -> dict[str, object]:
        """Return it as it goes into result.json."""
        return {
            "idle_ratio": self.idle,
            "steal_ratio": self.steal,
            "pressure_ratio": self.pressure,
            "run_queue_wait_ratio": dict(self.run_queue_wait),
            "cores": os.cpu_count(),
        }


def is_stopped(pid: int) -> bool:
    """Return whether somebody has stopped a process by a signal."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state in {"T", "t"}
