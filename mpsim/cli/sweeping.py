"""``mpsim sweep``: a grid of runs with its progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mpsim.cli.output import checked
from mpsim.cli.running import NOT_TO_BE_BELIEVED
from mpsim.errors import Fault, InputError
from mpsim.registry import unknown
from mpsim.scenario import load
from mpsim.sweep import Sweep
from mpsim.workers import LocalWorkers
from mpsim.worlds import SIMULATION, names


@dataclass(frozen=True, slots=True)
class Options:
    """How a grid is run."""

    out: Path | None
    jobs: int | None
    repetitions: int
    world: str = SIMULATION
    only: str | None = None  # a label, or the beginning of a key
    series: bool = False  # write series.csv as well


def run_grid(file: Path, *, overrides: Sequence[str], seed: int | None, options: Options) -> int:
    """Run what is missing of a grid and give the exit status."""
    from mpsim.progress import Bar

    _check(options)
    scenario = load(file, overrides, seed)
    points = scenario.expand()
    simulated = options.world == SIMULATION
    folder = checked(options.out or Path("out") / (scenario.name if simulated else f"{scenario.name}-{options.world}"))
    sweep = Sweep(
        scenario, points, repetitions=options.repetitions, folder=folder, world=options.world, only=options.only
    )
    with sweep:
        with Bar(scenario.name) as progress:
            sweep.run(LocalWorkers(options.jobs or len(os.sched_getaffinity(0))), progress)
        count = sweep.export()
        if options.series:
            sweep.export_series()
    print(f"{len(sweep.points)} runs, {count.failed} failed, {count.invalid} not to be believed: {folder / 'runs.csv'}")
    if count.failed:
        told = f"{count.failed} runs failed; the same command tries them again, with --only LABEL or KEY one alone"
        print(f"mpsim: {told}", file=sys.stderr)
        return 1
    return NOT_TO_BE_BELIEVED if count.invalid else 0


def _check(options: Options) -> None:
    faults = []
    if options.world not in names():
        faults.append(Fault("--world", unknown("world", options.world, names())))
    elif options.world != SIMULATION and (options.jobs or 1) > 1:
        faults.append(
            Fault("--jobs", f"1 in {options.world}, which needs the machine for itself; given {options.jobs}")
        )
    if faults:
        raise InputError(faults)
