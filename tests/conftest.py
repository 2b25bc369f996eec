"""What every test may use: a scenario that is right, and the command line in process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commanding import RIGHT, Ended, Mpsim
from hypothesis import settings

from mpsim.cli import status_of
from mpsim.locks import FOLDER_VARIABLE

# No test here asserts a time; on a busy machine a deadline would.
settings.register_profile("mpsim", deadline=None)
settings.load_profile("mpsim")


@pytest.fixture
def mpsim(capsys: pytest.CaptureFixture[str]) -> Mpsim:
    """Run one command in this process."""

    def call(*arguments: object) -> Ended:
        status = status_of([str(one) for one in arguments])
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return call


@pytest.fixture
def own_locks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep simulated workers from waiting for what else runs on this machine."""
    folder = tmp_path_factory.mktemp("locks")
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture
def right() -> str:
    """The text of a scenario that is right."""
    return RIGHT


@pytest.fixture
def right_file(tmp_path: Path) -> Path:
    """A scenario file that is right."""
    path = tmp_path / "right.toml"
    path.write_text(RIGHT)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root where there is none, and say so."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))
