"""Largest resident memory of one run in a process of its own: python -m benchmarks.memory SECONDS."""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks import ours
from mpsim.sim import run


def peak_mib(seconds: int) -> float:
    """Return the peak of a fresh process that simulates the two-path tunnel for so long, in MiB."""
    command = [sys.executable, "-m", "benchmarks.memory", str(seconds)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    run(ours.two_paths(float(sys.argv[1])))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
