"""100 kills of driver or worker over 1,000 runs end in 1,000 rows equal to those of a sweep that nobody disturbs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sweeping import Victim, assert_equal, kill_at_random


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("own_locks")
def test_a_hundred_kills(tmp_path: Path) -> None:
    victim, undisturbed = Victim(tmp_path / "victim", 1000), Victim(tmp_path / "undisturbed", 1000)
    undisturbed.finish()
    kill_at_random(victim, 100, random.Random(100))
    assert_equal(victim, undisturbed)
