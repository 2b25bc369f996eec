"""Windowed extrema, rounds and the full pipe: parts that model-based congestion control is made of."""

from __future__ import annotations

import pytest
from acknowledging import sample
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.congestion.filters import WindowedMax, WindowedMin
from mpsim.tunnel.congestion.rounds import FullPipe, Rounds

STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(-20, 20)), min_size=1, max_size=60)


@given(steps=STEPS, window=st.integers(0, 12))
def test_windowed_extrema_are_those_of_the_window(steps: list[tuple[int, int]], window: int) -> None:
    largest, smallest = WindowedMax(window), WindowedMin(window)
    seen: list[tuple[int, int]] = []
    position = 0
    for step, value in steps:
        position += step
        seen.append((position, value))
        inside = [one for at, one in seen if at >= position - window]
        assert largest.update(position, value) == largest.value == max(inside)
        assert smallest.update(position, value) == min(inside)


def test_a_round_ends_when_what_was_sent_in_it_is_delivered() -> None:
    rounds = Rounds()
    begun = []
    for delivered in range(1, 31):  # ten packets in flight all the time
        rounds.on_acked(sample(1.0, delivered=delivered, prior_delivered=max(0, delivered - 10)))
        begun.append(rounds.started)
    assert [index for index, started in enumerate(begun) if started] == [0, 10, 20]
    assert rounds.count == 3


@pytest.mark.parametrize(
    ("rates", "full"),
    [
        ([10, 20, 40, 80, 160], False),
        ([10, 12, 12, 12], True),  # three rounds with less than a quarter more
        ([10, 12, 12, 12.5], False),
        ([10, 12, 12, 13, 13, 13, 13], True),
        ([10, 12, 15, 15, 15], False),
    ],
)
def test_the_pipe_is_full_when_three_rounds_gave_less_than_a_quarter_more(rates: list[float], full: bool) -> None:
    pipe = FullPipe()
    for rate in rates:
        pipe.look(rate, round_started=True)
    assert pipe.reached == full
