"""``mpsim traces``: what is printed, what is written, and one line for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding import Mpsim

from mpsim import plot
from mpsim.traces.formats import read

SERIES = "time_s,capacity_mbps\n" + "".join(f"{second},{2 if second % 2 else 4}\n" for second in range(20))


@pytest.fixture
def series(tmp_path: Path) -> Path:
    path = tmp_path / "one.csv"
    path.write_text(SERIES)
    return path


def test_info(mpsim: Mpsim, series: Path) -> None:
    told = mpsim("traces", "info", series)
    assert told.status == 0
    words = " ".join(told.out.split())
    assert "duration 20.0 s mean 3 Mbit/s variation - in 100 ms, 0.33 in 1 s" in words
    assert "█" in told.out


def test_info_draws_a_picture(mpsim: Mpsim, series: Path, tmp_path: Path) -> None:
    told = mpsim("traces", "info", series, series, "--png", tmp_path / "both.png")
    assert told.status == 0
    assert told.out.splitlines()[-1] == str(tmp_path / "both.png")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_holds_the_rates() -> None:
    (room,) = plot.capacities([("a", [2e6, 4e6], 1.0)]).axes
    (stairs,) = room.patches
    assert stairs.get_data().values.tolist() == [2.0, 4.0]
    assert stairs.get_data().edges.tolist() == [0.0, 1.0, 2.0]


def test_info_of_delays(mpsim: Mpsim, tmp_path: Path) -> None:
    (tmp_path / "d").write_text("10\n20\n30\n")
    assert "p50 20.0 ms" in mpsim("traces", "info", tmp_path / "d", "--format", "delays").out


def test_lint(mpsim: Mpsim, series: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("1\nx\n0\n")
    told = mpsim("traces", "lint", series, bad)
    assert told.status == 2
    assert told.out == f"{series}: ok\n"
    assert told.err.splitlines() == [
        f"{bad}: line 2: a whole number of milliseconds; given 'x'",
        f"{bad}: line 3: times that never decrease; given 0 after 1",
    ]


def test_convert_to_mahimahi(mpsim: Mpsim, series: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.trace"
    told = mpsim("traces", "convert", series, "--out", out, "--offset", "1s", "--duration", "3s", "--scale", "0.5")
    assert (told.status, told.out) == (0, f"{out}\n")
    times = read(out).opportunities
    # 1, 2 and 1 Mbit in three seconds, 12 kbit each.
    assert len(times) == pytest.approx(4e6 / 12e3, abs=1)
    assert times[-1] == 3.0
    assert sum(time <= 1 for time in times) == pytest.approx(1e6 / 12e3, abs=1)


def test_join(mpsim: Mpsim, series: Path, tmp_path: Path) -> None:
    other = tmp_path / "two.csv"
    other.write_text("time_s,x_kbps\n5,100\n6,200\n7,300\n")
    told = mpsim("traces", "convert", series, other, "--join", "--to", "series", "--out", tmp_path / "both")
    assert told.status == 0
    assert [read(tmp_path / "both" / name).windows[0].values for name in ("one.csv", "two.csv")] == [
        (2e6, 4e6, 2e6),
        (1e5, 2e5, 3e5),
    ]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["info", "none"], "none: cannot be read: No such file or directory"),
        (["info", "one.csv", "--format", "cookd"], '--format: no format "cookd", did you mean "cooked"?'),
        (["info", "one.csv", "--png", "x.pdf"], '--png: a file name that ends in .png; given "x.pdf"'),
        (["info", "one.csv", "--png", "none/x.png"], '--png: cannot write "none/x.png": No such file or directory'),
        (["info", "one.csv", "--column", "x"], "one.csv: line 1: no column 'x'; given time_s, capacity_mbps"),
        (["info", "one.csv", "--column", "time_s", "--unit", "m"], "one.csv: line 1: a unit of a rate is needed"),
        (["convert", "one.csv", "one.csv", "--out", "x"], "FILE: one file is converted at a time"),
        (["convert", "one.csv", "--out", "x", "--to", "pair"], '--to: no format "pair"'),
        (["convert", "one.csv", "--out", "none/x"], '--out: cannot write "none/x": No such file or directory'),
        (["convert", "one.csv", "--out", "x", "--offset", "5"], "--offset: a time with its unit is needed"),
        (["convert", "one.csv", "--out", "x", "--duration", "0s"], "--duration: above 0s"),
        (["convert", "one.csv", "--out", "x", "--spread", "odd"], '--spread: no spread "odd"'),
        (["convert", "one.csv", "--out", "x", "--window", "2"], "one.csv: window 1 to 1; given 2"),
        (["convert", "one.csv", "one.csv", "--join", "--out", "x", "--window", "2"], "--window: 1 to 1"),
        (["generate", "lte-drive", "--out", "x"], 'PROFILE: no profile "lte-drive", did you mean "lte-driving"?'),
        (["generate", "dsl", "--out", "x", "--duration", "0s"], "--duration: 1s to"),
        (["generate", "dsl", "--out", "x", "--mean", "0bit"], "--mean: above 0 bit/s"),
    ],
)
def test_one_line_for_each_fault(
    mpsim: Mpsim, series: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
) -> None:
    monkeypatch.chdir(series.parent)
    told = mpsim("traces", *arguments)
    assert told.status == 2
    assert told.err.startswith(line)
    assert told.err.count("\n") == 1
    assert sorted(path.name for path in series.parent.iterdir()) == ["one.csv"]


def test_generate(mpsim: Mpsim, tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    for out, seed in ((first, 1), (again, 1), (other, 2)):
        arguments = ("--seed", seed, "--duration", "20s", "--mean", "3Mbit", "--out", out)
        assert mpsim("traces", "generate", "wifi-walk", *arguments).status == 0
    assert first.read_text() == again.read_text() != other.read_text()
    assert read(first).windows[0].integral() / 20 == pytest.approx(3e6)
