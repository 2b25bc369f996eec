"""A sweep survives kill -9 of its driver and of its workers: every run has one row, as if nothing had happened."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sweeping import Victim, assert_equal, kill_at_random


@pytest.mark.usefixtures("own_locks")
def test_five_kills(tmp_path: Path) -> None:
    victim, undisturbed = Victim(tmp_path / "victim", 60), Victim(tmp_path / "undisturbed", 60)
    undisturbed.finish()
    kill_at_random(victim, 5, random.Random(5))
    assert_equal(victim, undisturbed)
