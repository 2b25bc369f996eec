"""What figures show: their axes, lines and bars. How they look is for eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from mpsim import plot
from mpsim.result import COLUMNS
from tests.conftest import Mpsim

BAR = plot.Bar(panel="inbound", group="8", label="one", world="simulation", median=7.0, low=6.0, high=9.0, limit=7.7)


class Drawn:
    """A result of two bins."""

    def __init__(self, world: str = "simulation", value: float = 4e6) -> None:
        self.data: dict[str, Any] = {
            "world": world,
            "interval_s": [1.0, 2.0],
            "flows": [{"name": "download", "kind": "tcp", "direction": "inbound"}],
            "scenario": {"name": "test", "event": [{"at": "500ms", "link": "a", "up": False}]},
        }
        self.rows = [
            (t, entity, direction, metric, value)
            for t in (0.0, 1.0)
            for direction in ("inbound", "outbound")
            for entity, metric in (("flow/download", "throughput_bps"), ("path/a", "srtt_s"), ("path/b", "srtt_s"))
        ]

    def frame(self, _part: str) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=list(COLUMNS))


def texts(figure: Figure) -> str:
    found = [one.get_text() for room in figure.axes for one in room.texts]
    return " ".join(found)


def test_bars_are_as_high_as_their_medians() -> None:
    other = plot.Bar(panel="outbound", group="8", label="two", world="simulation", median=3.0, low=3.0, high=3.0)
    figure = plot.grouped_bars([BAR, other], axis="goodput, Mbit/s", group_axis="speed")
    assert [room.get_title() for room in figure.axes] == ["inbound", "outbound"]
    assert [[bar.get_height() for bar in room.patches] for room in figure.axes] == [[7.0], [3.0]]
    assert figure.axes[0].get_ylabel() == "goodput, Mbit/s"


def test_worlds_share_a_colour_and_differ_in_hatch() -> None:
    twin = plot.Bar(panel="inbound", group="8", label="one", world="emulation", median=6.0, low=6.0, high=6.0)
    first, second = plot.grouped_bars([BAR, twin], axis="y", group_axis="x").axes[0].patches
    assert first.get_facecolor() == second.get_facecolor()
    assert first.get_hatch() != second.get_hatch()
    assert first.get_x() != second.get_x()


def test_a_bar_without_a_figure_says_so() -> None:
    nothing = plot.Bar(panel="p", group="8", label="one", world="simulation", median=np.nan, low=np.nan, high=np.nan)
    figure = plot.grouped_bars([nothing], axis="y", group_axis="x")
    assert texts(figure) == "none"
    assert not figure.axes[0].patches


def test_timeline_counts_from_the_measured_interval_and_marks_events() -> None:
    figure = plot.timeline(Drawn())
    goodput, srtt = figure.axes
    (line,) = (line for line in goodput.lines if line.get_label() == "download")
    assert list(line.get_xdata()) == [-1.0, 0.0]
    assert list(line.get_ydata()) == [4.0, 4.0]  # Mbit/s
    assert [one.get_label() for one in srtt.lines[:2]] == ["a", "b"]
    assert texts(figure) == "a down"


def test_overlay_draws_a_stroke_a_world() -> None:
    figure = plot.overlay([Drawn(), Drawn("emulation", 3e6)])
    first, second = figure.axes[0].lines[:2]
    assert first.get_color() == second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert [one.get_text() for one in figure.legends[0].get_texts()] == ["simulation", "emulation"]


def test_sweep_draws_medians() -> None:
    rows = pd.DataFrame({"delay": [1, 1, 1, 2], "kind": ["a", "a", "a", "a"], "value": [1.0, 2.0, 9.0, 4.0]})
    figure = plot.spread_lines(rows, x="delay", y="value", by="kind")
    assert list(figure.axes[0].lines[0].get_ydata()) == [2.0, 4.0]


@pytest.mark.parametrize(
    ("column", "label", "height"),
    [
        ("flow.x.goodput_bps", "flow.x.goodput, Mbit/s", 2.0),
        ("flow.x.one_way_delay_s.p50", "flow.x.one_way_delay.p50, ms", 2e9),
        ("failover.0.recovery_s", "failover.0.recovery, ms", 2e9),
        ("aggregation.inbound.ratio", "aggregation.inbound.ratio", 2e6),
    ],
)
def test_axes_of_a_sweep_have_units(column: str, label: str, height: float) -> None:
    room = plot.spread_lines(pd.DataFrame({"x": [1], column: [2e6]}), x="x", y=column).axes[0]
    assert room.get_ylabel() == label
    assert list(room.lines[0].get_ydata()) == [pytest.approx(height)]


def test_files_are_the_same_each_time(tmp_path: Path) -> None:
    for name in "ab":
        plot.save(plot.grouped_bars([BAR], axis="y", group_axis="x"), tmp_path / name)
    for kind in ("png", "pdf"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.fixture
def run_folder(tmp_path: Path, right_file: Path, mpsim: Mpsim) -> Path:
    folder = tmp_path / "run"
    assert mpsim("run", right_file, "--set", "duration=4s", "--out", folder).status == 0
    return folder


def test_commands_draw_runs(run_folder: Path, mpsim: Mpsim, tmp_path: Path) -> None:
    assert mpsim("plot", run_folder).status == 0
    assert (run_folder / "timeline.png").stat().st_size > 10_000
    assert mpsim("compare", run_folder, run_folder, "--out", tmp_path / "both").status == 0
    assert (tmp_path / "both" / "compare.pdf").is_file()


def test_command_draws_a_sweep(tmp_path: Path, mpsim: Mpsim) -> None:
    table = tmp_path / "runs.csv"
    lines = ["name,link[0].delay,repetition,seed,world,valid,error,aggregation.inbound.goodput_bps"]
    lines += [f"x,{delay}ms,{seed},{seed},simulation,True,,{1e6 * seed}" for delay in (10, 20) for seed in (1, 2, 3)]
    table.write_text("\n".join(lines) + "\n")
    assert mpsim("plot", tmp_path).status == 0
    assert (tmp_path / "sweep.png").is_file()
    wrong = mpsim("plot", table, "--y", "aggregation.inbound.godput_bps")
    assert wrong.status == 2
    assert 'did you mean "aggregation.inbound.goodput_bps"' in wrong.err


@pytest.mark.parametrize("command", [["plot", "nowhere"], ["compare", "nowhere", "either"], ["compare", "nowhere"]])
def test_wrong_folders_are_wrong_input(command: list[str], mpsim: Mpsim) -> None:
    ended = mpsim(*command)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
