"""Spreading keeps the total, offsets and loops move it, scaling multiplies it; statistics against closed forms."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpsim.traces import spreading
from mpsim.traces.converting import Change, opportunities, rates, regular
from mpsim.traces.drawing import drawn
from mpsim.traces.recording import Recording, Steps
from mpsim.traces.statistics import SHORT, binned, character

PACKET = 12_000  # bits

rates_of_steps = st.lists(st.floats(0, 5e6), min_size=1, max_size=12)


def seconds(values: list[float]) -> Steps:
    return Steps(tuple(float(index) for index in range(len(values) + 1)), tuple(values))


def test_even_opportunities_by_hand() -> None:
    # 24 kbit/s: a packet each half second; nothing; 12 kbit/s: its packet is complete at the end.
    assert spreading.opportunities(seconds([24e3, 0.0, 12e3])) == pytest.approx([0.5, 1.0, 3.0])


@given(rates_of_steps)
@settings(max_examples=60)
def test_each_second_carries_its_capacity_within_a_packet(values: list[float]) -> None:
    steps = seconds(values)
    if steps.integral() < PACKET:
        with pytest.raises(ValueError, match="not one packet"):
            spreading.opportunities(steps)
        return
    times = spreading.opportunities(steps)
    assert times == sorted(times)
    assert times[-1] == len(values)
    for end in range(1, len(values)):
        carried = sum(time <= end + 1e-9 for time in times) * PACKET
        # One that is not complete yet, and the last one, which was put at the end.
        assert carried == pytest.approx(sum(values[:end]), abs=2.001 * PACKET)
    assert len(times) * PACKET == pytest.approx(steps.integral(), abs=1.001 * PACKET)


def test_fluctuating_keeps_each_steps_total_and_varies_inside() -> None:
    steps = seconds([10e6] * 40)
    spread = spreading.fluctuating(steps, Random(3))
    assert len(spread.values) == 400
    for second in range(40):
        assert spread.between(second, second + 1).integral() == pytest.approx(10e6)
    found = character(Recording("x", windows=(spread,)))
    assert found.cv_long == pytest.approx(0.0, abs=1e-9)
    assert found.cv_short == pytest.approx(0.3 * (1 - 1 / 10) ** 0.5, rel=0.1)


def test_loop_and_offset_of_opportunities() -> None:
    times = [0.1, 0.4, 1.0]
    assert spreading.looped(times, 0.0, None) == times
    assert spreading.looped(times, 0.2, None) == pytest.approx([0.2, 0.8, 1.0])
    assert spreading.looped(times, 0.0, 1.5) == pytest.approx([0.1, 0.4, 1.0, 1.1, 1.5])
    with pytest.raises(ValueError, match="no opportunity"):
        spreading.looped(times, 0.45, 0.1)


def test_loop_and_offset_of_steps() -> None:
    steps = seconds([1.0, 2.0, 3.0])
    assert steps.looped(1.0, None).values == (2.0, 3.0, 1.0)
    assert steps.looped(2.5, 4.0) == Steps((0.0, 0.5, 1.5, 2.5, 3.5, 4.0), (3.0, 1.0, 2.0, 3.0, 1.0))


@given(st.floats(0.1, 5.0))
@settings(max_examples=40)
def test_scaling_multiplies_and_keeps_the_period(factor: float) -> None:
    times = [index * 0.01 for index in range(1, 301)]
    found = spreading.scaled(times, factor)
    assert len(found) == round(300 * factor)
    assert found[-1] == times[-1]
    assert found == sorted(found)
    # The first half of the time keeps half of the opportunities.
    assert sum(time <= 1.5 for time in found) == pytest.approx(150 * factor, abs=1.0)


def test_conversion_there_and_back_keeps_the_capacity() -> None:
    steps = seconds([6e6, 1.2e6, 3e6])
    times = opportunities(Recording("x", windows=(steps,)), Change())
    back = rates(Recording("mahimahi", times), Change())
    assert back.integral() == pytest.approx(steps.integral())
    assert [back.between(s, s + 1).integral() for s in range(3)] == pytest.approx([6e6, 1.2e6, 3e6], abs=2 * PACKET)


def test_irregular_steps_become_regular() -> None:
    steps = Steps((0.0, 0.25, 1.0), (4e6, 8e6))
    found = regular(steps)
    assert len(found.values) == 10
    assert found.integral() == pytest.approx(steps.integral())
    assert regular(found) is found


def test_character_of_an_alternating_link() -> None:
    # 2 Mbit/s and 0 in turn, seconds each: mean 1, deviation 1, autocorrelation -1 (less the edge), half outage.
    found = character(Recording("x", windows=(seconds([2e6, 0.0] * 50),)))
    assert found.mean == pytest.approx(1e6)
    assert found.cv_long == pytest.approx(1.0)
    assert found.cv_short is None  # one value a second says nothing about 100 ms
    assert found.autocorrelation[0] == pytest.approx(-0.99)
    assert found.outage_share == 0.5
    assert found.longest_outage == 1.0


def test_character_of_opportunities() -> None:
    # Ten packets in each even tenth of a second, none in the odd ones: 0.6 Mbit/s, deviation 0.6 around it.
    times = [tenth / 10 + index / 100 for tenth in range(0, 100, 2) for index in range(1, 11)]
    times[-1] = 10.0
    found = character(Recording("mahimahi", times))
    assert found.mean == pytest.approx(0.6e6)
    assert found.cv_short == pytest.approx(1.0, abs=0.01)
    assert found.cv_long == pytest.approx(0.0, abs=0.03)
    assert found.outage_share == 0.0
    assert found.longest_outage == pytest.approx(0.1)


def test_a_window_is_not_binned_over_its_end() -> None:
    assert len(binned(Recording("x", windows=(seconds([1.0]),)), Steps((5.0, 5.55), (1.0,)), SHORT)) == 5


def test_drawing_shows_the_shape() -> None:
    lines = drawn([0.0, 1e6, 2e6], 3.0, height=2)
    assert lines[0] == "       2 |  █"
    assert lines[1] == "         | ██"
