"""The traces that the project ships: drawn by it, complete, and played by a scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.generated_traces import (
    QUANTITIES,
    SHIPPED,
    SHIPPED_LINKS,
    SHIPPED_SECONDS,
    TABLE,
    agrees,
    shipped,
    table,
)
from mpsim.traces.formats import read
from mpsim.traces.playing import opportunities
from mpsim.traces.profiles import PROFILES

FILES = [(name, side, mean) for name, _, down, up, _ in SHIPPED_LINKS for side, mean in (("down", down), ("up", up))]


def test_there_are_no_others() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == {f"{name}.{side}.csv" for name, side, _ in FILES}


@pytest.mark.parametrize(("name", "side", "mean"), FILES)
def test_they_have_the_mean_that_they_were_drawn_for(name: str, side: str, mean: float) -> None:
    (steps,) = read(SHIPPED / f"{name}.{side}.csv").windows
    assert steps.duration == pytest.approx(SHIPPED_SECONDS)
    assert steps.integral() / SHIPPED_SECONDS == pytest.approx(mean, rel=1e-3)


def test_the_generator_draws_them_again() -> None:
    (steps,) = read(SHIPPED / "lte-driving-a.down.csv").windows
    # Another machine's logarithm may round another way.
    assert steps.values == pytest.approx(shipped("lte-driving-a", "down").values, abs=1000)


def test_a_link_can_play_them() -> None:
    times = opportunities(SHIPPED / "lte-driving-a.down.csv")
    assert len(times) * 12_000 == pytest.approx(8e6 * SHIPPED_SECONDS, rel=1e-3)


def test_tolerances() -> None:
    mean, outage = QUANTITIES[0], QUANTITIES[5]
    assert agrees(mean, 10.0, 10.4)
    assert not agrees(mean, 10.0, 10.6)
    assert agrees(outage, 0.0, 0.004)
    assert not agrees(outage, 0.1, 0.13)
    assert agrees(mean, None, 3.0)


def test_table_without_recordings_compares_nothing(tmp_path: Path) -> None:
    rows = list(table(tmp_path, 20.0, 1))
    assert len(rows) == 2 + len(PROFILES)
    assert all(row.endswith("not compared |") for row in rows[2:])


def test_committed_table_says_that_all_agree() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if "generated |" in line]
    assert [row.split("|")[1].strip() for row in rows] == list(PROFILES)
    assert all(row.endswith(("| yes |", "| not compared |")) for row in rows)
