"""``mpsim experiment``: one of the experiments that are installed under ``mpsim.experiments``."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from mpsim.cli.listing import EXPERIMENTS
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
