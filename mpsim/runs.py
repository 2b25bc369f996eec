"""One run as plain data: its key, how it is made, and the row that comes of it.

The key covers what decides the outcome: the canonical scenario with its seed, the contents of the files it names, the
world, and our own sources. A worker on another machine needs the same sources and, under the same absolute names, the
files that the scenario names (traces, captures, ``file.py:Class``); it needs nothing else of the process that asks.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpsim import locks
from mpsim.errors import MpsimError
from mpsim.result import Result
from mpsim.scenario import Scenario, parse
from mpsim.scenario.files import named_files
from mpsim.store import Packed, Row
from mpsim.worlds import SIMULATION, find, package

# A run that the machine disturbed is tried once more; if that fails too it is shown and stays out of medians.
TRIES = 2
# What only shows, or hands out work: no run is another for a change of these (tests look that none takes part in one).
NO_PART = ("__main__.py", "cli", "contract", "plot.py", "progress.py", "sweep.py", "workers.py")


@dataclass(frozen=True, slots=True)
class Run:
    """One run to be done, as plain data that any worker can be given."""

    key: str
    label: str  # for people
    world: str
    scenario: Mapping[str, Any]  # Scenario.as_dict()
    folder: str  # absolute: relative file names of the scenario start here
    seconds: float  # warm-up and measured interval, on the scenario's clock

    @classmethod
    def of(cls, scenario: Scenario, world: str, label: str) -> Run:
        """Make a run of a scenario."""
        data = scenario.as_dict()
        seconds = scenario.warmup + scenario.duration
        return cls(_key(scenario, data, world), label, world, data, str(scenario.folder.resolve()), seconds)

    @property
    def seed(self) -> int:
        """Seed of all random streams."""
        return int(self.scenario["seed"])


def make(run: Run) -> Row:
    """Run once in this process; whatever goes wrong becomes the row's error."""
    row = functools.partial(Row, run.key, run.label, run.world, run.seed)
    try:
        scenario = parse(run.scenario, run.folder)
        result, numbers = _simulated(scenario) if run.world == SIMULATION else _measured(run.world, scenario)
        told = {} if result.valid else {"invalid_reasons": "; ".join(result.invalid_reasons)}
        found = {**tidy(result.data), **numbers, **told}
        return row(valid=result.valid, numbers=found, content=Packed.of(result.data, result.series_csv()))
    except MpsimError as error:
        return row(error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001  # one wrong scheduler must not stop the grid
        return row(error=" ".join(f"{type(error).__name__}: {error}".split()))


def _simulated(scenario: Scenario) -> tuple[Result, dict[str, float]]:
    with locks.machine(alone=False):
        return find(SIMULATION).run(scenario), {}


def _measured(world: str, scenario: Scenario) -> tuple[Result, dict[str, float]]:
    """Run in a world that takes the machine for itself; what disturbed one run may be gone at the next."""
    found = find(world)
    found.clean()  # what a killed worker left
    for tried in range(1, TRIES):
        try:
            result = found.run(scenario)
        except MpsimError:
            continue
        if result.valid:
            return result, {"tries": tried}
    return found.run(scenario), {"tries": TRIES}


def tidy(data: Mapping[str, Any]) -> dict[str, Any]:
    """Give the numbers of a result as one row: ``aggregation.inbound.ratio``, ``flow.download.goodput_bps``."""
    row: dict[str, Any] = {}
    for one in data["aggregation"]:
        row |= _numbers(f"aggregation.{one['direction']}", one)
    for one in data["flows"]:
        row |= _numbers(f"flow.{one['name']}", one)
    for one in data["links"]:
        row |= _numbers(f"link.{one['name']}.{one['direction']}", one)
    row |= _numbers("tunnel", data["tunnel"] or {})
    for number, one in enumerate(data["failovers"]):
        row |= _numbers(f"failover.{number}", one)
    return row


def _numbers(prefix: str, values: Mapping[str, Any]) -> dict[str, float | None]:
    row: dict[str, float | None] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            row |= _numbers(f"{prefix}.{key}", value)
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            row[f"{prefix}.{key}"] = value
    return row


def key_of(scenario: Scenario, world: str = SIMULATION) -> str:
    """Give the key of a run: a hash over everything that decides its outcome."""
    return _key(scenario, scenario.as_dict(), world)


def _key(scenario: Scenario, data: Mapping[str, Any], world: str) -> str:
    parts = [world.encode(), json.dumps(data, sort_keys=True).encode(), own_sources()]
    if world != SIMULATION:
        parts.append(sources_of(package(world)))
    parts += [scenario.path_of(name).read_bytes() for name in named_files(data)]
    return _digest(parts).hex()


def own_sources() -> bytes:
    """Hash the source files of mpsim that take part in a run."""
    return sources_of(Path(__file__).parent, NO_PART)


@functools.cache
def sources_of(folder: Path, left_out: tuple[str, ...] = ()) -> bytes:
    """Hash the source files of a package, but for some at its top."""
    parts = []
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        if inside.parts[0] not in left_out:
            parts += [os.fsencode(inside), path.read_bytes()]
    return _digest(parts)


def _digest(parts: list[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
