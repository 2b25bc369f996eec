"""Poisson arrivals wait as queueing theory says; the long run is in tests/soak."""

from __future__ import annotations

import pytest
from queueing import interval, theory, waiting_times


@pytest.mark.parametrize(
    ("load", "packets", "widest"), [(0.5, 60_000, 0.06), (0.8, 100_000, 0.08), (0.9, 400_000, 0.15)]
)
def test_mean_waiting_time_is_that_of_m_d_1(load: float, packets: int, widest: float) -> None:
    mean, half = interval(waiting_times(load, packets, seed=3))
    expected = theory(load)
    # A wide interval would hold anything: it has to be narrow, and theory in it.
    assert half < widest * expected
    assert abs(mean - expected) < half


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_within_three_percent_of_theory(load: float) -> None:
    mean, _ = interval(waiting_times(load, 300_000, seed=1))
    assert mean == pytest.approx(theory(load), rel=0.03)
