"""Rows of finished runs in one SQLite file: committed one by one, so that a killed sweep loses nothing finished."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mpsim.errors import Fault, InputError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY,   -- of everything that decides the outcome
    label TEXT NOT NULL,
    world TEXT NOT NULL,
    seed INTEGER NOT NULL,
    valid INTEGER,          -- NULL: failed
    error TEXT,             -- NULL: finished
    numbers TEXT NOT NULL   -- one tidy row, JSON
) WITHOUT ROWID
"""
# Another process may be committing to the same file.
BUSY_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Row:
    """One run: what was asked, and what came of it."""

    key: str
    label: str  # the grid point and the repetition, for people
    world: str
    seed: int
    valid: bool | None = None
    error: str | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """The rows of a sweep's folder."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute(_SCHEMA)
            self._database.execute("SELECT key, label, world, seed, valid, error, numbers FROM runs LIMIT 1")
        except (sqlite3.Error, OSError) as error:
            raise InputError([Fault("--out", f'"{path}" cannot be used: {error}')]) from error

    def put(self, row: Row) -> None:
        """Commit one row; a failed one is replaced by its next try."""
        values = (row.key, row.label, row.world, row.seed, row.valid, row.error, json.dumps(row.numbers))
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def rows(self, keys: Iterable[str]) -> dict[str, Row]:
        """Give the rows there are of these keys."""
        found = {}
        for key in keys:
            values = self._database.execute("SELECT * FROM runs WHERE key = ?", (key,)).fetchone()
            if values is not None:
                _, label, world, seed, valid, error, numbers = values
                believed = None if valid is None else bool(valid)
                found[key] = Row(key, label, world, seed, believed, error, json.loads(numbers))
        return found

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
