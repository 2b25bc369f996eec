"""A million datagrams of each kind against a secured end, half of them in each mode."""

from __future__ import annotations

import pytest
from fuzzing import MODES, forged, late, malformed, replayed


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_malformed_and_changed_datagrams_raise_nothing_and_are_not_answered(mode: str) -> None:
    malformed(mode, 500_000)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_forged_datagrams_deliver_nothing(mode: str) -> None:
    forged(mode, 500_000)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_replayed_datagrams_deliver_nothing(mode: str) -> None:
    replayed(mode, 150_000)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_honest_datagrams_that_are_late_are_delivered(mode: str) -> None:
    late(mode, 500_000)
