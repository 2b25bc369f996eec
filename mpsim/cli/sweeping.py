"""``mpsim sweep``: a grid of runs with its progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mpsim.cli.output import checked
from mpsim.cli.running import NOT_TO_BE_BELIEVED
from mpsim.scenario import load
from mpsim.sweep import Sweep


def run_grid(
    file: Path, *, overrides: Sequence[str], seed: int | None, out: Path | None, jobs: int | None, repetitions: int
) -> int:
    """Run what is missing of a grid and give the exit status."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    scenario = load(file, overrides, seed)
    points = scenario.expand()
    folder = checked(out or Path("out") / scenario.name)
    sweep = Sweep(scenario, points, repetitions=repetitions, folder=folder)
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with sweep, Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(scenario.name, total=len(sweep.runs), completed=len(sweep.runs) - len(sweep.missing()))
        for row in sweep.run(jobs or len(os.sched_getaffinity(0))):
            progress.advance(task)
            if row.error:
                progress.console.print(f"failed: {row.label}: {row.error}", markup=False, soft_wrap=True)
        count = sweep.export()
    print(f"{len(sweep.runs)} runs, {count.failed} failed, {count.invalid} not to be believed: {folder / 'runs.csv'}")
    if count.failed:
        print(f"mpsim: {count.failed} runs failed; the same command tries them again", file=sys.stderr)
        return 1
    return NOT_TO_BE_BELIEVED if count.invalid else 0
