"""Whatever a file or a packet holds, it is read or told to be wrong; tests/soak does it fifty times as often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spoiling import FILES, inner_packets

COUNT = 300


@pytest.mark.parametrize("read", FILES, ids=lambda read: read.__name__)
def test_spoilt_files_are_read_or_told_to_be_wrong(read: Callable[[int, Path], int], tmp_path: Path) -> None:
    assert 0 < read(COUNT, tmp_path) < 4 * COUNT


def test_spoilt_inner_packets_are_parsed_or_refused() -> None:
    assert 5_000 < inner_packets(20_000) < 18_000
