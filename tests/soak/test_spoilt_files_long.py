"""Files and packets with changes, fifty times as many as in make test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spoiling import FILES, inner_packets


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("read", FILES, ids=lambda read: read.__name__)
def test_spoilt_files_are_read_or_told_to_be_wrong(read: Callable[[int, Path], int], tmp_path: Path) -> None:
    assert read(15_000, tmp_path) > 0


@pytest.mark.timeout(3600)
def test_spoilt_inner_packets_are_parsed_or_refused() -> None:
    assert inner_packets(1_000_000) > 250_000
