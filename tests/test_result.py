"""What a result holds and how it is written: whole, or not at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from simulating import build, links, udp

from mpsim.errors import WorldError
from mpsim.result import COLUMNS, Result, assemble
from mpsim.scenario import load

PARTS = {
    "flows": [{"name": "udp", "goodput_bps": 1.0}],
    "links": [],
    "tunnel": None,
    "paths": [],
    "aggregation": [{"direction": "inbound", "ratio": 0.5}],
    "failovers": [],
}
ROWS = [(0.0, "flow/udp", "inbound", "throughput_bps", 1.5), (0.1, "link/a", "outbound", "queue_bytes", 2.0)]


def made(**more: object) -> Result:
    scenario = build(links("8Mbit", "8Mbit"), udp("1Mbit"), tunnel={}, warmup="2s", duration="10s", seed=9)
    return assemble(scenario, world="simulation", wall_s=1.23456, parts=PARTS, rows=ROWS, **more)  # type: ignore[arg-type]


def test_what_every_result_says() -> None:
    data = made().data
    assert (data["schema"], data["world"], data["seed"]) == (1, "simulation", 9)
    assert data["interval_s"] == [2.0, 12.0]
    assert data["wall_s"] == 1.235
    assert data["valid"] is True
    assert data["invalid_reasons"] == []
    assert set(PARTS) <= set(data)
    assert {"python", "kernel", "mpsim"} <= set(data["versions"])
    # Every default is filled in, in the words of the file.
    assert data["scenario"]["tunnel"]["scheduler"] == "greedy"
    assert data["scenario"]["link"][0]["queue"] == "100p"


def test_reasons_make_it_invalid() -> None:
    result = made(reasons=["the machine was busy"])
    assert not result.valid
    assert result.invalid_reasons == ["the machine was busy"]


def test_rows_by_name() -> None:
    result = made()
    assert result.flow("udp")["goodput_bps"] == 1.0
    assert result.aggregation("inbound")["ratio"] == 0.5
    with pytest.raises(KeyError, match="nix"):
        result.flow("nix")


def test_written_files_read_back(tmp_path: Path) -> None:
    result = made()
    result.write(tmp_path / "deep" / "folder")
    folder = tmp_path / "deep" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["result.json", "scenario.toml", "series.csv"]
    assert json.loads((folder / "result.json").read_text()) == result.data
    assert load(folder / "scenario.toml") == result.scenario
    with (folder / "series.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1:] == [
        ["0.0", "flow/udp", "inbound", "throughput_bps", "1.5"],
        ["0.1", "link/a", "outbound", "queue_bytes", "2"],
    ]


def test_writing_again_replaces(tmp_path: Path) -> None:
    made().write(tmp_path)
    made(reasons=["later"]).write(tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["invalid_reasons"] == ["later"]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_number_that_json_does_not_know_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    result = made(extra={"worse": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        result.write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorldError, match="cannot write"):
        made().write(tmp_path / "file" / "out")
    (tmp_path / "out" / "result.json").mkdir(parents=True)
    with pytest.raises(WorldError, match="cannot write"):
        made().write(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []


def test_frames() -> None:
    result = made()
    assert list(result.frame("series").columns) == list(COLUMNS)
    assert result.frame("flows").loc[0, "goodput_bps"] == 1.0
