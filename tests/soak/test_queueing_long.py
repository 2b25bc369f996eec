"""Two million packets at a load of 0.9."""

from __future__ import annotations

import pytest
from queueing import interval, theory, waiting_times


@pytest.mark.timeout(1800)
def test_m_d_1_at_nine_tenths() -> None:
    waits = waiting_times(0.9, 2_000_000, seed=1)
    assert len(waits) == pytest.approx(2_000_000, rel=0.01)
    mean, half = interval(waits)
    assert mean == pytest.approx(theory(0.9), rel=0.03)
    assert half < 0.05 * theory(0.9)
