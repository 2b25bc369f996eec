"""What a link plays of a file: read once, and anew as soon as the file says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpsim.traces import playing


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def noted(path: Path) -> object:
        read.append(path)
        return original(path)

    original = playing.read
    monkeypatch.setattr(playing, "read", noted)
    trace = tmp_path / "some.trace"
    trace.write_text("1\n3\n")
    assert playing.opportunities(trace) == playing.opportunities(trace) == (0.001, 0.003)
    assert len(read) == 1
    trace.write_text("2\n3\n")  # as long, and within the same tick of the clock
    assert playing.opportunities(trace) == (0.002, 0.003)
    assert playing.opportunities(trace, 0.5) == (0.003,)
    assert len(read) == 3


def test_no_more_is_kept_than_a_few_short_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "_lately", {})
    monkeypatch.setattr(playing, "_LONGEST", 2)
    for number in range(playing._REMEMBERED + 3):
        trace = tmp_path / f"{number}.trace"
        trace.write_text("1\n3\n" if number else "1\n2\n3\n")
        playing.opportunities(trace)
    assert len(playing._lately) == playing._REMEMBERED
    assert all(len(times) == 2 for times in playing._lately.values())
