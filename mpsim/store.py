"""Rows of finished runs in one SQLite file: committed one by one, so that a killed sweep loses nothing finished.

A row holds the numbers of a run as tidy JSON and, compressed, all that the run gave: result.json and series.csv. Those
are read when they are asked for, so that thousands of rows can be looked at at once, and a report needs no other file.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from mpsim.errors import Fault, InputError
from mpsim.result import COLUMNS, SeriesRow

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 2  # of the table, kept in the file's user_version
_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY,   -- of everything that decides the outcome
    label TEXT NOT NULL,
    world TEXT NOT NULL,
    seed INTEGER NOT NULL,
    valid INTEGER,          -- NULL: failed
    error TEXT,             -- NULL: finished
    numbers TEXT NOT NULL,  -- one tidy row, JSON
    commits INTEGER NOT NULL DEFAULT 1,  -- how often a run with this key has ended, well or not
    data BLOB,              -- result.json, zlib
    series BLOB             -- series.csv, zlib
)
"""
# Files of the first schema had neither; they carry no user_version.
_FROM_FIRST = (
    "ALTER TABLE runs ADD COLUMN commits INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE runs ADD COLUMN data BLOB",
    "ALTER TABLE runs ADD COLUMN series BLOB",
)
_HEAD = "key, label, world, seed, valid, error, numbers, commits"
# What ended well stays; a run that may not be believed gives way to another that has at least ended.
_PUT = """
INSERT INTO runs (key, label, world, seed, valid, error, numbers, data, series)
VALUES (:key, :label, :world, :seed, :valid, :error, :numbers, :data, :series)
ON CONFLICT (key) DO UPDATE SET
    commits = commits + 1, label = excluded.label, valid = excluded.valid, error = excluded.error,
    numbers = excluded.numbers, data = excluded.data, series = excluded.series
WHERE error IS NOT NULL OR (valid = 0 AND excluded.error IS NULL)
"""
# Another process may be committing to the same file.
BUSY_TIMEOUT_S = 30.0


class Content(Protocol):
    """All that a run gave."""

    def data(self) -> bytes | None:
        """Give result.json compressed; None: the run failed."""

    def series(self) -> bytes | None:
        """Give series.csv compressed; None: the run failed."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What a run gave, on its way to the file."""

    packed_data: bytes | None = None
    packed_series: bytes | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any], series: str) -> Packed:
        """Compress result.json and series.csv."""
        text = json.dumps(data, allow_nan=False)
        return cls(zlib.compress(text.encode()), zlib.compress(series.encode()))

    def data(self) -> bytes | None:
        return self.packed_data

    def series(self) -> bytes | None:
        return self.packed_series


@dataclass(frozen=True, slots=True)
class Stored:
    """What a run gave, as it lies in a file."""

    path: Path
    key: str

    def data(self) -> bytes | None:
        return self._column("data")

    def series(self) -> bytes | None:
        return self._column("series")

    def _column(self, name: str) -> bytes | None:
        with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)) as database:
            query = f"SELECT {name} FROM runs WHERE key = ?"  # noqa: S608  # our own two names
            found = database.execute(query, (self.key,)).fetchone()
        return None if found is None else found[0]


@dataclass(frozen=True, slots=True)
class Row:
    """One run: what was asked, and what came of it. A figure can be drawn of it as of a Result."""

    key: str
    label: str  # what was asked, for people
    world: str
    seed: int
    valid: bool | None = None
    error: str | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    commits: int = field(default=1, compare=False)
    content: Content = field(default=Packed(), compare=False, repr=False)

    @property
    def data(self) -> dict[str, Any]:
        """The contents of result.json; empty if the run failed."""
        packed = self.content.data()
        found: dict[str, Any] = {} if packed is None else json.loads(zlib.decompress(packed))
        return found

    def series_csv(self) -> str:
        """Give series.csv; without a line if the run failed."""
        packed = self.content.series()
        return ",".join(COLUMNS) + "\n" if packed is None else zlib.decompress(packed).decode()

    def series(self) -> list[SeriesRow]:
        """Give the rows of series.csv."""
        lines = csv.reader(io.StringIO(self.series_csv()))
        next(lines)
        return [(float(t), entity, direction, metric, float(value)) for t, entity, direction, metric, value in lines]

    def frame(self, part: str) -> pd.DataFrame:
        """Give "flows", "links", "paths", "aggregation", "failovers" or "series" as a DataFrame."""
        import pandas as pd

        return pd.read_csv(io.StringIO(self.series_csv())) if part == "series" else pd.json_normalize(self.data[part])


class Store:
    """The rows of a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            version = self._bring_up_to_date()
            if version <= SCHEMA:
                self._database.execute(f"SELECT {_HEAD}, data, series FROM runs LIMIT 1")  # noqa: S608
        except (sqlite3.Error, OSError) as error:
            raise InputError([Fault("--out", f'"{path}" cannot be used: {error}')]) from error
        if version > SCHEMA:
            self._database.close()
            told = f"is of schema {version}, this mpsim knows {SCHEMA}: use another folder, or a newer mpsim"
            raise InputError([Fault("--out", f'"{path}" {told}')])

    def _bring_up_to_date(self) -> int:
        with self._transaction():
            version = int(self._database.execute("PRAGMA user_version").fetchone()[0])
            if version >= SCHEMA:
                return version
            there = self._database.execute("SELECT name FROM sqlite_master WHERE name = 'runs'").fetchone()
            for statement in _FROM_FIRST if there else (_TABLE,):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {SCHEMA}")
            return SCHEMA

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit all or nothing, structure included."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def put(self, row: Row) -> None:
        """Commit one row; a failed one is replaced by its next try, a good one never."""
        values = {name: getattr(row, name) for name in ("key", "label", "world", "seed", "valid", "error")}
        packed = {"data": row.content.data(), "series": row.content.series()}
        with self._transaction():
            changed = self._database.execute(_PUT, {**values, **packed, "numbers": json.dumps(row.numbers)}).rowcount
            if not changed:
                self._database.execute("UPDATE runs SET commits = commits + 1 WHERE key = ?", (row.key,))

    def rows(self, keys: Iterable[str] | None = None) -> dict[str, Row]:
        """Give the rows there are of these keys, or all, by their keys."""
        query = f"SELECT {_HEAD} FROM runs"  # noqa: S608
        if keys is None:
            found = self._database.execute(f"{query} ORDER BY label, key").fetchall()
        else:
            some = (self._database.execute(f"{query} WHERE key = ?", (key,)).fetchone() for key in keys)
            found = [values for values in some if values is not None]
        return {row.key: row for row in map(self._row, found)}

    def _row(self, values: tuple[Any, ...]) -> Row:
        key, label, world, seed, valid, error, numbers, commits = values
        believed = None if valid is None else bool(valid)
        content = Stored(self.path, key)
        return Row(key, label, world, seed, believed, error, json.loads(numbers), commits, content)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
