"""The floor under a bulk sender's round trip: worked examples."""

from __future__ import annotations

import pytest

from mpsim.tunnel.floor import BULK, MOST, STAYS_BULK, STEP, Floor


def answered(floor: Floor, number: int, at: float, rtt: float, outstanding: int = BULK) -> float:
    """Let data leave at `at` (s) and its acknowledgement come after `rtt`; return how long it is held (s)."""
    floor.on_data(number, at)
    return floor.due(number, outstanding, at + rtt) - (at + rtt)


def test_what_comes_faster_than_the_level_is_held_until_then() -> None:
    floor = Floor()
    assert answered(floor, 1, 0.0, 0.08) == pytest.approx(0)
    assert answered(floor, 2, 1.0, 0.05) == pytest.approx(0.03 - STEP)
    assert answered(floor, 3, 2.0, 0.09) == pytest.approx(0)


def test_the_level_settles_at_the_median() -> None:
    floor = Floor()
    for number in range(6000):
        answered(floor, number + 1, number * 1.0, (0.05, 0.07, 0.3)[number % 3])
    assert floor.level == pytest.approx(0.07, abs=4 * STEP)


def test_a_flow_with_little_outstanding_is_not_held() -> None:
    floor = Floor()
    answered(floor, 1, 0.0, 0.08, outstanding=0)
    assert answered(floor, 2, 1.0, 0.05, outstanding=BULK - 1) == 0


def test_a_bulk_flow_that_pauses_to_measure_is_held() -> None:
    floor = Floor()
    answered(floor, 1, 0.0, 0.08)
    assert answered(floor, 2, 0.08 + STAYS_BULK - 0.06, 0.05, outstanding=0) > 0
    assert answered(floor, 3, 0.08 + STAYS_BULK + 1.0, 0.05, outstanding=0) == 0


def test_nothing_overtakes_and_nothing_is_held_for_long() -> None:
    floor = Floor()
    answered(floor, 1, 0.0, 0.4)
    floor.on_data(2, 1.0)
    floor.on_data(3, 1.0)
    first = floor.due(2, BULK, 1.05)
    assert first == pytest.approx(1.05 + MOST)
    assert floor.due(2, 0, 1.06) == first  # a duplicate acknowledges nothing new, and waits behind it
    assert floor.due(3, BULK, 1.07) >= first
