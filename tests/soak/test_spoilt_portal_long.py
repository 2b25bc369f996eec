"""What a portal reads, with changes, fifty times as many as in make test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spoiling_portal import PORTAL_FILES, status_answers, tun_packets


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("read", PORTAL_FILES, ids=lambda read: read.__name__)
def test_spoilt_files_are_read_or_told_to_be_wrong(read: Callable[[int, Path], int], tmp_path: Path) -> None:
    assert read(15_000, tmp_path) > 0


@pytest.mark.timeout(3600)
def test_spoilt_packets_of_the_tun_are_handled() -> None:
    assert tun_packets(1_000_000) > 200_000


@pytest.mark.timeout(3600)
def test_spoilt_answers_are_no_status(tmp_path: Path) -> None:
    assert status_answers(15_000, tmp_path) > 0
