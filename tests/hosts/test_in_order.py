"""Delays in order: of what is sorted with patience for all that arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.hosts.in_order import InOrder


def delays(arrivals: list[tuple[int, float, float]]) -> list[float]:
    order = InOrder()
    for number, sent, now in sorted(arrivals, key=lambda one: one[2]):
        order.receive(number, sent, now)
    order.finish()
    return order.delays


def test_packets_wait_for_the_late_one_and_for_no_lost_one() -> None:
    # 0, 1, 2, 4 sent at 0.0, 0.1 ...; 1 is late, 3 never comes.
    arrived = [(0, 0.0, 0.01), (2, 0.2, 0.21), (1, 0.1, 0.25), (4, 0.4, 0.41)]
    assert delays(arrived) == pytest.approx([0.01, 0.15, 0.05, 0.01])


def test_memory_does_not_grow() -> None:
    order = InOrder()
    for number in range(3000):
        order.receive(number, number * 0.01, number * 0.01 + 0.02)
    assert len(order.delays) > 2700


@given(st.lists(st.floats(0.001, 0.5), max_size=60))
def test_a_delay_is_until_the_last_of_all_before_has_come(each: list[float]) -> None:
    arrived = [(number, number * 0.01, number * 0.01 + delay) for number, delay in enumerate(each)]
    latest, expected = 0.0, []
    for _, sent, at in arrived:
        latest = max(latest, at)
        expected.append(latest - sent)
    assert delays(arrived) == pytest.approx(expected)
