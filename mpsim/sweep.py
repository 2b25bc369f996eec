"""Many runs: a grid times repetitions, made by workers, resumable because every run is known by a key.

The same command runs what is missing, and a changed trace or a changed line of mpsim runs again. One process commits
the rows, as they come; it, or any worker, may be killed at any moment.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from mpsim import locks
from mpsim.errors import Fault, InputError
from mpsim.result import COLUMNS
from mpsim.runs import Run
from mpsim.scenario import Scenario
from mpsim.store import Row, Store
from mpsim.workers import LocalWorkers, Watch, Workers
from mpsim.worlds import SIMULATION

STORE = "runs.sqlite"


class Progress(Watch, Protocol):
    """Who is told how far a list of runs has come."""

    def begin(self, runs: Sequence[Run], missing: Sequence[Run]) -> None:
        """Runs that are asked for, and those of them that have to be made."""

    def finished(self, row: Row) -> None:
        """A run has ended and its row is committed."""


def complete(runs: Sequence[Run], store: Store, workers: Workers, progress: Progress) -> None:
    """Make the runs that have no good row yet, and commit each as it ends.

    Runs of a world that needs the machine for itself come after those of the simulation, one after the other,
    in processes of this machine.
    """
    with locks.only_one(store.path.with_name(f"{store.path.name}.lock")):
        todo = missing(runs, store)
        progress.begin(runs, todo)
        for made_by, some in (
            (workers, [run for run in todo if run.world == SIMULATION]),
            (LocalWorkers(1), [run for run in todo if run.world != SIMULATION]),
        ):
            with closing(made_by.rows(some, progress)) as rows:
                for row in rows:
                    store.put(row)
                    progress.finished(row)


def missing(runs: Sequence[Run], store: Store) -> list[Run]:
    """Give the runs that have no row yet, or one that another try may better."""
    done = {key for key, row in store.rows(run.key for run in runs).items() if is_done(row)}
    return list({run.key: run for run in runs if run.key not in done}.values())


def is_done(row: Row) -> bool:
    """Whether a row stays as it is: simulated again it would be the same; the machine of an emulation may be calmer."""
    return row.error is None and (bool(row.valid) or row.world == SIMULATION)


@dataclass(frozen=True, slots=True)
class Point:
    """A run and its place in the grid."""

    run: Run
    name: str
    values: Mapping[str, Any]  # of the swept keys
    repetition: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many of a sweep's runs did not end well."""

    failed: int
    invalid: int


class Sweep:
    """The runs of a grid and their rows in ``folder``."""

    def __init__(
        self,
        scenario: Scenario,
        points: Sequence[Scenario],
        *,
        repetitions: int,
        folder: Path,
        world: str = SIMULATION,
        only: str | None = None,
    ) -> None:
        """Lay out the grid; ``only`` is a run's label, or the beginning of its key: no other is made."""
        values = _grid_values(scenario.sweep, points)
        self.points = [
            _point(scenario, value, repetition, world)
            for scenario, value in zip(points, values, strict=True)
            for repetition in range(repetitions)
        ]
        self.chosen = [point.run for point in self.points if _is_meant(point.run, only)]
        if not self.chosen:
            raise InputError(
                [Fault("--only", f'a run\'s label, or the beginning of its key, is needed; given "{only}"')]
            )
        self._folder = folder
        self._store = Store(folder / STORE)

    def missing(self) -> list[Run]:
        """Give the runs to be made that have no row yet, or a failed one."""
        return missing(self.chosen, self._store)

    def run(self, workers: Workers, progress: Progress) -> None:
        """Make what is missing."""
        complete(self.chosen, self._store, workers, progress)

    def export(self) -> Count:
        """Write runs.csv, one tidy row a run in the order of the grid, and count what went wrong."""
        ended = self._ended()
        lines = [_line(point, row) for point, row in ended]
        self._write("runs.csv", list(dict.fromkeys(key for line in lines for key in line)), iter(lines))
        return Count(sum(row.error is not None for _, row in ended), sum(row.valid is False for _, row in ended))

    def export_series(self) -> Path:
        """Write series.csv: the series of all runs, each row with the grid's values, repetition and key before it."""
        ended = self._ended()
        swept = list(dict.fromkeys(key for point, _ in ended for key in point.values))
        lines = (
            {**_place(point), "key": row.key, **dict(zip(COLUMNS, values, strict=True))}
            for point, row in ended
            for values in row.series()
        )
        return self._write("series.csv", ["name", *swept, "repetition", "key", *COLUMNS], lines)

    def _ended(self) -> list[tuple[Point, Row]]:
        rows = self._store.rows(point.run.key for point in self.points)
        return [(point, rows[point.run.key]) for point in self.points if point.run.key in rows]

    def _write(self, name: str, columns: Sequence[str], lines: Iterator[Mapping[str, Any]]) -> Path:
        """Write a table, whole or not at all."""
        unfinished = self._folder / f"{name}.part"
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        return unfinished.replace(self._folder / name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()


def _is_meant(run: Run, only: str | None) -> bool:
    return only is None or run.label == only or (bool(only) and run.key.startswith(only))


def _line(point: Point, row: Row) -> dict[str, Any]:
    ran = {"seed": row.seed, "world": row.world, "valid": row.valid, "error": row.error, "key": row.key}
    return {**_place(point), **ran, **row.numbers}


def _place(point: Point) -> dict[str, Any]:
    values = {key: _cell(value) for key, value in point.values.items()}
    return {"name": point.name, **values, "repetition": point.repetition}


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _point(scenario: Scenario, values: Mapping[str, Any], repetition: int, world: str) -> Point:
    scenario = scenario.model_copy(update={"seed": scenario.seed + repetition})
    told = ", ".join(f"{key}={_cell(one)}" for key, one in values.items())
    label = f"{told or scenario.name}, repetition {repetition}"
    return Point(Run.of(scenario, world, label), scenario.name, values, repetition)


def _grid_values(grid: Mapping[str, Sequence[Any]], points: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Give the swept values of each point; the product runs in the order of ``Scenario.expand``."""
    values: list[dict[str, Any]] = [{}]
    for key, choices in grid.items():
        values = [{**one, key: choice} for one in values for choice in choices]
    if len(values) != len(points):
        raise ValueError("points are not the expanded grid")
    return values
