"""Many runs: a grid times repetitions, in worker processes, resumable because every run is known by a key.

The key covers the canonical scenario with its seed, the contents of the files it names, our own sources and the world.
So the same command runs what is missing, and a changed trace or a changed line of mpsim runs again.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mpsim.errors import MpsimError
from mpsim.scenario import Scenario, parse
from mpsim.scenario.files import named_files
from mpsim.store import Row, Store
from mpsim.worlds import SIMULATION, find


@dataclass(frozen=True, slots=True)
class Run:
    """One run to be done, as plain data that a worker process can be given."""

    key: str
    label: str
    point: Mapping[str, Any]  # the values of the swept keys
    repetition: int
    scenario: Mapping[str, Any]  # Scenario.as_dict()
    folder: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many of a sweep's runs did not end well."""

    failed: int
    invalid: int


class Sweep:
    """The runs of a grid and their rows in ``folder``."""

    def __init__(self, scenario: Scenario, points: Sequence[Scenario], *, repetitions: int, folder: Path) -> None:
        values = _grid_values(scenario.sweep, points)
        self.runs = [
            _run(point, value, repetition)
            for point, value in zip(points, values, strict=True)
            for repetition in range(repetitions)
        ]
        self._swept = list(scenario.sweep)
        self._folder = folder
        self._store = Store(folder / "runs.sqlite")

    def missing(self) -> list[Run]:
        """Give the runs that have no row yet, or a failed one."""
        done = {key for key, row in self._store.rows(run.key for run in self.runs).items() if row.error is None}
        return list({run.key: run for run in self.runs if run.key not in done}.values())

    def run(self, jobs: int) -> Iterator[Row]:
        """Run what is missing in ``jobs`` processes, committing and giving each row as it is finished."""
        missing = self.missing()
        if not missing:
            return
        pool = ProcessPoolExecutor(min(jobs, len(missing)), mp_context=multiprocessing.get_context("spawn"))
        try:
            futures = {pool.submit(run_one, run): run for run in missing}
            for future in as_completed(futures):
                row = _row_of(future, futures.pop(future))
                self._store.put(row)
                yield row
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def export(self) -> Count:
        """Write runs.csv, one tidy row a run in the order of the grid, and count what went wrong."""
        rows = self._store.rows(run.key for run in self.runs)
        lines = [_line(run, rows[run.key]) for run in self.runs if run.key in rows]
        columns = list(dict.fromkeys(key for line in lines for key in line))
        unfinished = self._folder / "runs.csv.part"
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        unfinished.replace(self._folder / "runs.csv")
        done = [rows[run.key] for run in self.runs if run.key in rows]
        return Count(sum(row.error is not None for row in done), sum(row.valid is False for row in done))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()


def run_one(run: Run) -> Row:
    """Run once in this process; whatever goes wrong becomes the row's error."""
    scenario = parse(run.scenario, run.folder)
    row = functools.partial(Row, run.key, run.label, SIMULATION, scenario.seed)
    try:
        result = find(SIMULATION).run(scenario)
        return row(valid=result.valid, numbers=tidy(result.data))
    except MpsimError as error:
        return row(error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001  # one wrong scheduler must not stop the grid
        return row(error=" ".join(f"{type(error).__name__}: {error}".split()))


def tidy(data: Mapping[str, Any]) -> dict[str, float | None]:
    """Give the numbers of a result as one row: ``aggregation.inbound.ratio``, ``flow.download.goodput_bps``."""
    row: dict[str, float | None] = {}
    for one in data["aggregation"]:
        row |= _numbers(f"aggregation.{one['direction']}", one)
    for one in data["flows"]:
        row |= _numbers(f"flow.{one['name']}", one)
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


def _row_of(future: Future[Row], run: Run) -> Row:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001  # a worker that died takes its neighbours along; all are tried again
        seed = int(run.scenario["seed"])
        return Row(run.key, run.label, SIMULATION, seed, error=f"worker process ended: {type(error).__name__}")


def _line(run: Run, row: Row) -> dict[str, Any]:
    head = {"name": run.scenario["name"], **{key: _cell(value) for key, value in run.point.items()}}
    ran = {"repetition": run.repetition, "seed": row.seed, "world": row.world, "valid": row.valid, "error": row.error}
    return {**head, **ran, **row.numbers}


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _run(point: Scenario, value: Mapping[str, Any], repetition: int) -> Run:
    scenario = point.model_copy(update={"seed": point.seed + repetition})
    told = ", ".join(f"{key}={_cell(one)}" for key, one in value.items())
    label = f"{told or point.name}, repetition {repetition}"
    return Run(key_of(scenario), label, value, repetition, scenario.as_dict(), str(point.folder.resolve()))


def _grid_values(grid: Mapping[str, Sequence[Any]], points: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Give the swept values of each point; the product runs in the order of ``Scenario.expand``."""
    values: list[dict[str, Any]] = [{}]
    for key, choices in grid.items():
        values = [{**one, key: choice} for one in values for choice in choices]
    if len(values) != len(points):
        raise ValueError("points are not the expanded grid")
    return values


def key_of(scenario: Scenario, world: str = SIMULATION) -> str:
    """Give the key of a run: a hash over everything that decides its outcome."""
    text = json.dumps(scenario.as_dict(), sort_keys=True)
    parts = [world.encode(), text.encode(), own_sources()]
    parts += [scenario.path_of(name).read_bytes() for name in named_files(scenario.as_dict())]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


@functools.cache
def own_sources() -> bytes:
    """Hash every source file of mpsim."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(os.fsencode(path.relative_to(package)))
        digest.update(path.read_bytes())
    return digest.digest()
