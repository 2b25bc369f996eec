"""A transfer through two real daemons under faults: what arrives is what was sent."""

from __future__ import annotations

import pytest

from experiments.fault_emulation import emulate
from experiments.fault_plans import BY_NAME

pytestmark = pytest.mark.root


@pytest.mark.parametrize("name", ["restart of hosted", "rebinding", "corruption"])
def test_a_transfer_arrives_whole(name: str) -> None:
    record = emulate(BY_NAME[name], 1, size=4_000_000)
    assert record.whole, record.problem
    assert record.duration_s is not None
    assert (record.rejected.get("forged", 0) > 10) == (name == "corruption")
