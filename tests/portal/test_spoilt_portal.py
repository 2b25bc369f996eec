"""Whatever a portal reads, it understands it or says that it is wrong; tests/soak does it fifty times as often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from portaling import free_ports, path, running
from spoiling_portal import PORTAL_FILES, status_answers, status_requests, tun_packets

from mpsim.portal.runtime import Place
from mpsim.portal.status import snapshot

COUNT = 300


@pytest.mark.parametrize("read", PORTAL_FILES, ids=lambda read: read.__name__)
def test_spoilt_files_are_read_or_told_to_be_wrong(read: Callable[[int, Path], int], tmp_path: Path) -> None:
    assert 0 < read(COUNT, tmp_path) < COUNT


def test_spoilt_packets_of_the_tun_are_handled() -> None:
    assert 2_000 < tun_packets(10_000) < 9_000


def test_spoilt_answers_are_no_status(tmp_path: Path) -> None:
    assert 0 < status_answers(COUNT, tmp_path) < COUNT


def test_wrong_requests_keep_nobody_from_the_status(tmp_path: Path) -> None:
    raw = {
        "host": {"name": "mps-test", "mode": "none"},
        "portal": [{"name": "other", "routes": ["::/0"], "path": [path("a", at=free_ports(1)[0])]}],
    }
    with running(raw, tmp_path) as found:
        place = Place(tmp_path, "mps-test")
        listener = place.listen()
        answer = lambda: place.answer(lambda: snapshot(found.portal))  # noqa: E731
        found.in_loop(lambda: found.portal.loop.add_reader(listener.fileno(), answer))
        status_requests(COUNT, place, tmp_path / "mps-test")
        found.in_loop(lambda: found.portal.loop.remove_reader(listener.fileno()))
        place.close()
