"""Two mobile links for an experiment: recordings where the user has them, else links that fluctuate like them.

Recordings belong to their authors (the README says where they are to be had). Where the variable MPSIM_TRACES names
a folder that holds them, they are used; else a trace is drawn here, from the seed, and written beside the results.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import exp, log, sqrt
from pathlib import Path
from random import Random

VARIABLE = "MPSIM_TRACES"
# Two operators' downlinks of one data set (Winstein et al., NSDI 2013), which were not recorded side by side.
RECORDED = ("mahimahi/ATT-LTE-driving.down", "mahimahi/TMobile-LTE-driving.down")
MEAN = 8e6  # bit/s
# Standard deviation over mean in bins of 0.1 s; recorded LTE links have 0.5 to 0.9 (of the sets that the README names).
VARIATION = 0.6
MEMORY = 1.0  # s in which the rate forgets by a factor of e; a choice of ours
STEP = 0.1  # s
SECONDS = 120.0
OPPORTUNITY = 1500 * 8  # bits a line


def pair(folder: Path, seed: int = 1) -> tuple[list[Path], bool]:
    """Give the downlink traces of two mobile links, and whether they are recordings; others are written to `folder`."""
    found = os.environ.get(VARIABLE)
    recorded = [Path(found) / name for name in RECORDED] if found else []
    if recorded and all(path.is_file() for path in recorded):
        return recorded, True
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(len(RECORDED)):
        path = folder / f"fluctuating-{number}.down"
        lines = opportunities(Random(f"{seed}/fluctuating/{number}"))
        path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        written.append(path)
    return written, False


def opportunities(random: Random) -> Iterator[int]:
    """Give the times (ms) at which a link could send 1500 bytes.

    The rate's logarithm is a stationary autoregressive process of order one (Ornstein and Uhlenbeck's, in steps), so
    that rates are positive, and log-normal with the mean and the variation above.
    """
    deviation = sqrt(log(1 + VARIATION**2))
    keeps = exp(-STEP / MEMORY)
    state = random.gauss(0.0, 1.0)
    credit = 0.0  # bits
    for step in range(round(SECONDS / STEP)):
        rate = MEAN * exp(deviation * state - deviation**2 / 2)
        for millisecond in range(round(STEP * 1000)):
            credit += rate / 1000
            while credit >= OPPORTUNITY:
                credit -= OPPORTUNITY
                yield round(step * STEP * 1000) + millisecond + 1
        state = keeps * state + sqrt(1 - keeps**2) * random.gauss(0.0, 1.0)
