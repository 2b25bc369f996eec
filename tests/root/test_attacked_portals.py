"""Two real portals and a third host on their segments: nothing of what it says comes out, and the flow goes on."""

from __future__ import annotations

import pytest

from experiments.attacks.experiment import ATTACKS, refused, repetition

pytestmark = pytest.mark.root

TRIED = ("forged", "replayed at once")


def test_nothing_foreign_and_nothing_twice() -> None:
    rows = repetition(1, 1.0, [one for one in ATTACKS if one.name in TRIED], compared=False)
    assert [row["attack"] for row in rows] == list(TRIED)
    for row in rows:
        assert (row["foreign"], row["doubled"], row["answers"]) == (0, 0, 0), row
        assert row["delivered"] > 0, row
        assert row["beside_bps"] is not None, row
        assert sum(refused(row, cause) for cause in ("forged", "replayed")) > row["sent"] / 10 > 0, row
