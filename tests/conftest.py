"""What every test may use: a scenario that is right, and the command line in process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from mpsim.cli import status_of

# No test here asserts a time; on a busy machine a deadline would.
settings.register_profile("mpsim", deadline=None)
settings.load_profile("mpsim")

RIGHT = """
schema = 1
name = "right"
warmup = "1s"
duration = "6s"
seed = 3

[tunnel]
scheduler = "greedy"
congestion = "newreno"
reorder = { mode = "timeout" }

[[link]]
name = "a"
rate = { down = "8Mbit", up = "4Mbit" }
delay = "10ms"

[[link]]
name = "b"
rate = "5Mbit"
delay = "15ms"

[[flow]]
kind = "tcp"

[[flow]]
kind = "udp"
direction = "outbound"
rate = "500kbit"

[[event]]
at = "3s"
link = "b"
up = false
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Mpsim = Callable[..., Ended]


@pytest.fixture
def mpsim(capsys: pytest.CaptureFixture[str]) -> Mpsim:
    """Run one command in this process."""

    def call(*arguments: object) -> Ended:
        status = status_of([str(one) for one in arguments])
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return call


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
