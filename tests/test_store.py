"""Rows are committed at once, a good one stays, and files of another schema are told apart."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mpsim.errors import InputError
from mpsim.store import Packed, Row, Store

DATA = {"schema": 1, "flows": [{"name": "a", "goodput_bps": 1e6}], "links": []}
SERIES = "t_s,entity,direction,metric,value\n0.1,flow/a,inbound,throughput_bps,1000000\n"
FIRST = """CREATE TABLE runs (key TEXT PRIMARY KEY, label TEXT NOT NULL, world TEXT NOT NULL, seed INTEGER NOT NULL,
valid INTEGER, error TEXT, numbers TEXT NOT NULL) WITHOUT ROWID"""


def row(*, valid: bool | None = True, error: str | None = None, value: float = 0.1) -> Row:
    content = Packed() if error else Packed.of(DATA, SERIES)
    return Row("k", "label", "simulation", 1, valid, error, {"a": value, "b": None}, content=content)


def test_row_is_committed_at_once_with_all_that_the_run_gave(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.sqlite") as writing, Store(tmp_path / "runs.sqlite") as reading:
        writing.put(row())
        found = reading.rows(["k", "other"])
        assert found == reading.rows() == {"k": row()}
    assert found["k"].data == DATA
    assert found["k"].series() == [(0.1, "flow/a", "inbound", "throughput_bps", 1e6)]
    assert found["k"].frame("series")["value"].tolist() == [1e6]
    assert found["k"].frame("flows")["name"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (row(valid=None, error="broken"), row(), False),
        (row(valid=None, error="broken"), row(valid=None, error="again"), False),
        (row(valid=False), row(), False),
        (row(valid=False), row(valid=None, error="broken"), True),
        (row(), row(valid=None, error="broken"), True),
        (row(), row(value=0.2), True),
    ],
)
def test_what_replaces_a_row(tmp_path: Path, before: Row, after: Row, kept: bool) -> None:
    with Store(tmp_path / "runs.sqlite") as store:
        store.put(before)
        store.put(after)
        found = store.rows(["k"])["k"]
    assert found == (before if kept else after)
    assert found.commits == 2


def test_failed_row_has_neither_data_nor_series(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.sqlite") as store:
        store.put(row(valid=None, error="broken"))
        found = store.rows()["k"]
        assert (found.data, found.series(), len(found.frame("series"))) == ({}, [], 0)


def test_file_of_the_first_schema_keeps_its_rows(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "runs.sqlite")
    database.execute(FIRST)
    database.execute("INSERT INTO runs VALUES ('k', 'label', 'simulation', 1, 1, NULL, '{}')")
    database.commit()
    database.close()
    for _ in range(2):
        with Store(tmp_path / "runs.sqlite") as store:
            assert store.rows()["k"] == Row("k", "label", "simulation", 1, valid=True)
            assert store.rows()["k"].series() == []


def test_file_of_a_later_schema_is_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "runs.sqlite")
    database.execute("PRAGMA user_version = 3")
    database.close()
    with pytest.raises(InputError, match=r"--out.*schema 3.*newer mpsim"):
        Store(tmp_path / "runs.sqlite")
