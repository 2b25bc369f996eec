"""Two daemons under attack: nothing of the strangers' passes, nothing goes to them, and the transfer arrives."""

from __future__ import annotations

import pytest

from experiments.hostile_emulation import attack
from experiments.hostility import KINDS

pytestmark = pytest.mark.root


def test_strangers_come_to_nothing() -> None:
    found = attack(size=3_000_000)
    assert found.whole, found.problem
    assert set(found.sent) == set(KINDS)
    assert min(found.sent.values()) > 200
    assert (found.passed, found.astray) == (0, 0)
    assert found.cookies > 0
    assert min(found.refused[cause] for cause in ("forged", "replayed", "malformed")) > 100
