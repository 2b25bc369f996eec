"""What is shown while runs are made: on a terminal, and where there is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mpsim import progress
from mpsim.progress import Bar
from mpsim.runs import Run
from mpsim.store import Row

RUNS = [Run(f"key {number}", f"run {number}", "simulation", {"seed": number}, "/", 10.0) for number in range(4)]


def row(number: int, *, valid: bool | None = True, error: str | None = None) -> Row:
    return Row(f"key {number}", f"run {number}", "simulation", number, valid, error, {"invalid_reasons": "too slow"})


def test_plain_lines_tell_what_runs_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BETWEEN_LINES", 0.0)
    text = io.StringIO()
    with Bar("title", Console(file=text, width=200)) as bar:
        bar.begin([*RUNS, RUNS[0]], RUNS[1:])
        bar.started(RUNS[1])
        bar.finished(row(1))
        bar.started(RUNS[2])
        bar.said("waiting for [somebody]")
    lines = text.getvalue().splitlines()
    assert lines[:2] == ["title: 1/4 runs", "  now: run 1"]
    assert lines[2].startswith("title: 2/4 runs, 0:00:0")
    assert lines[2].endswith(" left")
    assert lines[3:] == ["  now: run 2", "waiting for [somebody]"]


def test_lines_are_not_told_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BETWEEN_LINES", 1e9)
    text = io.StringIO()
    with Bar("title", Console(file=text)) as bar:
        bar.begin(RUNS, RUNS)
        bar.started(RUNS[0])
        bar.finished(row(0))
    assert text.getvalue() == ""


def test_what_went_wrong_is_told_with_its_key() -> None:
    text = io.StringIO()
    with Bar("title", Console(file=text, width=200)) as bar:
        bar.begin(RUNS, RUNS)
        bar.finished(row(0, valid=None, error="broken [here]"))
        bar.finished(row(1, valid=False))
    assert text.getvalue().splitlines() == [
        "failed: run 0 (key 0): broken [here]",
        "run 1 (key 1): not to be believed: too slow",
    ]


def test_terminal_shows_a_bar_and_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SHOWN", 1)
    text = io.StringIO()
    with Bar("title", Console(file=text, force_terminal=True, width=100)) as bar:
        bar.begin(RUNS, RUNS[1:])
        bar.started(RUNS[1])
        bar.started(RUNS[2])
        assert bar._bars is not None
        bar._bars.refresh()
        bar.finished(row(3, error="broken"))
    shown = text.getvalue()
    assert "title" in shown
    assert "2/4 runs, 1 failed" in shown
    assert "now: run 1" in shown
    assert "now: and 1 more" in shown


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00:00"), (61, "0:01:01"), (7325, "2:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert progress._clock(seconds) == text
