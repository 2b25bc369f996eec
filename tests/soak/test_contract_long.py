"""Everything registered lives through ten thousand lives that hypothesis thinks up, and as many that chance does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpsim.contract import live
from mpsim.contract.congestion import History
from mpsim.contract.scheduling import play
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.schedulers import schedulers

LIVES = 10_000
NUMBERS = st.lists(st.integers(0, 10**6), max_size=100)
MANY = settings(max_examples=LIVES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", controllers.names())
def test_congestion_control(name: str) -> None:
    @MANY
    @given(numbers=NUMBERS)
    def survives(numbers: list[int]) -> None:
        History(controllers.create(name)).play(numbers)

    survives()
    live(controllers.find(name), LIVES)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", schedulers.names())
def test_scheduler(name: str) -> None:
    @MANY
    @given(numbers=NUMBERS, count=st.integers(1, 6))
    def survives(numbers: list[int], count: int) -> None:
        for chosen in play(schedulers.create(name), count, numbers):
            assert all(0 <= index < count for index in chosen)

    survives()
    live(schedulers.find(name), LIVES)
