"""What tests/soak does with a million datagrams, with a fiftieth of them."""

from __future__ import annotations

import pytest
from fuzzing import MODES, forged, late, malformed, replayed


@pytest.mark.parametrize("mode", MODES)
def test_malformed_and_changed_datagrams_raise_nothing_and_are_not_answered(mode: str) -> None:
    malformed(mode, 10_000)


@pytest.mark.parametrize("mode", MODES)
def test_forged_datagrams_deliver_nothing(mode: str) -> None:
    forged(mode, 10_000)


@pytest.mark.parametrize("mode", MODES)
def test_replayed_datagrams_deliver_nothing(mode: str) -> None:
    replayed(mode, 3_000)


def test_honest_datagrams_that_are_late_are_delivered() -> None:
    late("mac", 20_000)
