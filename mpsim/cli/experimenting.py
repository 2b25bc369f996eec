"""``mpsim experiment`` and ``mpsim reproduce``: what is installed as an experiment, or as the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from mpsim.cli.listing import EVALUATIONS, EXPERIMENTS
from mpsim.cli.output import checked
from mpsim.errors import Fault, InputError, WorldError
from mpsim.registry import unknown
from mpsim.worlds import names

BOTH = "both"


def run_experiment(name: str, *, world: str, out: Path | None, quick: bool) -> int:
    """Run an experiment; it writes its table and figures to ``out`` and may return a text to print."""
    points = {point.name: point for point in entry_points(group=EXPERIMENTS)}
    faults = []
    if name not in points:
        faults.append(Fault("experiment", unknown("experiment", name, points)))
    if world not in (known := [*names(), BOTH]):
        faults.append(Fault("--world", unknown("world", world, known)))
    if faults:
        raise InputError(faults)
    folder = checked(out or Path("out") / name)
    try:
        found = points[name].load()
    except ImportError as error:
        raise WorldError(f"the experiment {name} does not load: {error}") from error
    told = found.run(world, folder, quick)
    if isinstance(told, str):
        print(told)
    return told if isinstance(told, int) else 0


def run_evaluation(ids: Sequence[str], *, world: str, out: Path | None, **options: Any) -> int:
    """Run the dissertation's evaluation and print its verdicts."""
    if world not in (known := [*names(), BOTH]):
        raise InputError([Fault("--world", unknown("world", world, known))])
    points = list(entry_points(group=EVALUATIONS))
    if not points:
        raise WorldError("this installation has no evaluation: install the whole project, not mpsim alone")
    print(points[0].load().run(ids, world=world, out=checked(out or Path("out") / "reproduce"), **options))
    return 0
