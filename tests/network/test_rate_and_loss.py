"""Traces as mahimahi plays them, and loss processes against their means."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.network.link import Link
from mpsim.network.loss import Bernoulli, GilbertElliott
from mpsim.network.rate import ConstantRate, TraceRate
from mpsim.network.traces import read_mahimahi

MS = 1e-3


def departures(rate: TraceRate, *packets: tuple[float, int]) -> list[float]:
    """Departures in ms of packets (start in ms, size)."""
    return [rate.departure(start * MS, size) / MS for start, size in packets]


def test_a_packet_takes_one_opportunity() -> None:
    rate = TraceRate([1 * MS, 2 * MS, 5 * MS])
    assert departures(rate, (0, 1500), (1, 1500), (2, 1500)) == pytest.approx([1, 2, 5])


def test_small_packets_share_an_opportunity() -> None:
    rate = TraceRate([1 * MS, 2 * MS, 5 * MS])
    assert departures(rate, (0, 500), (0, 500), (0, 500), (0, 500)) == pytest.approx([1, 1, 1, 2])


def test_a_large_packet_spans_opportunities() -> None:
    rate = TraceRate([1 * MS, 2 * MS, 5 * MS])
    # 1501 bytes need a byte of the second one, which has 1499 left for the next packet.
    assert departures(rate, (0, 1501), (1, 1499), (2, 1500)) == pytest.approx([2, 2, 5])


def test_an_opportunity_that_finds_nothing_is_lost() -> None:
    rate = TraceRate([1 * MS, 2 * MS, 5 * MS])
    assert departures(rate, (0, 100), (3, 1500)) == pytest.approx([1, 5])


def test_what_is_left_of_an_opportunity_is_lost_with_it() -> None:
    rate = TraceRate([1 * MS, 2 * MS, 5 * MS])
    assert departures(rate, (0, 100), (1.5, 1500)) == pytest.approx([1, 2])


def test_several_opportunities_in_one_millisecond() -> None:
    rate = TraceRate([2 * MS, 2 * MS, 2 * MS, 4 * MS])
    assert departures(rate, *[(0, 1500)] * 4) == pytest.approx([2, 2, 2, 4])


def test_a_trace_begins_again_after_its_last_line() -> None:
    rate = TraceRate([1 * MS, 3 * MS])
    assert departures(rate, *[(0, 1500)] * 6) == pytest.approx([1, 3, 4, 6, 7, 9])
    assert departures(TraceRate([1 * MS, 3 * MS]), (3001, 1500)) == pytest.approx([3001])


def test_an_offset_begins_in_the_middle() -> None:
    rate = TraceRate([1 * MS, 2 * MS, 10 * MS], offset=2 * MS)
    assert departures(rate, *[(0, 1500)] * 4) == pytest.approx([0, 8, 9, 10])
    far = TraceRate([1 * MS, 2 * MS, 10 * MS], offset=15 * MS)
    assert departures(far, (0, 1500), (0, 1500)) == pytest.approx([5, 6])


def test_capacity_counts_opportunities() -> None:
    rate = TraceRate([1 * MS, 2 * MS, 2 * MS, 10 * MS])
    assert rate.capacity_bits(0.0, 10.5 * MS) == 4 * 12_000
    assert rate.capacity_bits(0.0, 10.0) == pytest.approx(4000 * 12_000, abs=12_000)
    assert rate.capacity_bits(1.5 * MS, 2.5 * MS) == 2 * 12_000
    assert rate.capacity_bits(3 * MS, 9 * MS) == 0


def test_a_link_with_a_trace_carries_what_the_trace_says() -> None:
    wire = Link(TraceRate([number * 2 * MS for number in range(1, 51)]), delay=0.01)
    for number in range(100):
        wire.send(number, 1500, 0.0)
    assert wire.arrivals(0.110) == list(range(50))
    assert wire.next_timeout() == pytest.approx(0.112)


@given(
    times=st.lists(st.integers(0, 50), min_size=1, max_size=20).map(sorted).filter(lambda times: times[-1] > 0),
    packets=st.lists(st.tuples(st.integers(0, 30), st.integers(40, 1500)), max_size=30),
)
def test_a_trace_never_carries_more_than_its_opportunities(times: list[int], packets: list[tuple[int, int]]) -> None:
    rate = TraceRate([time * MS for time in times])
    now, left, carried = 0.0, 0.0, 0
    for gap, size in packets:
        now += gap * MS
        start = max(now, left)
        left = rate.departure(start, size)
        assert left >= start - 1e-9
        carried += size
    assert carried * 8 <= rate.capacity_bits(-1e-9, left + 1e-9)


def test_a_constant_rate() -> None:
    assert ConstantRate(8e6).departure(1.0, 1000) == pytest.approx(1.001)
    assert ConstantRate(8e6).capacity_bits(1.0, 3.0) == 16e6
    assert ConstantRate(8e6).capacity_bits(3.0, 1.0) == 0
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            ConstantRate(wrong)


@pytest.mark.parametrize("times", [[], [0.0], [0.0, 0.0]])
def test_a_trace_needs_a_period(times: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one opportunity"):
        TraceRate(times)


def test_reading_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("0\n1\n1\n\n12\n")
    assert read_mahimahi(path) == pytest.approx([0.0, 0.001, 0.001, 0.012])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("0\n0\n", "period"),
        ("1\ntwo\n", "line 2"),
        ("1\n1_0\n", "line 2"),
        ("1.5\n", "line 1"),
        ("-3\n", "from 0 ms on"),
        ("5\n4\n", "never decrease"),
        ("1\n\u0662\n", "line 2"),
    ],
)
def test_a_damaged_trace_names_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_mahimahi(path)


@pytest.mark.parametrize("probability", [0.0, 0.01, 0.3, 1.0])
def test_independent_loss_has_its_mean(probability: float) -> None:
    loss = Bernoulli(probability, Random(1))
    count = 50_000
    lost = sum(loss.loses() for _ in range(count))
    deviation = (count * probability * (1 - probability)) ** 0.5
    assert abs(lost - count * probability) <= 4 * deviation


def runs(lost: list[bool]) -> list[int]:
    """Lengths of the runs of losses."""
    text = "".join("x" if one else " " for one in lost)
    return [len(run) for run in text.split()]


def test_bursty_loss_has_its_mean_and_its_bursts() -> None:
    p, r = 0.02, 0.25
    loss = GilbertElliott(p=p, r=r, random=Random(3))
    lost = [loss.loses() for _ in range(200_000)]
    assert sum(lost) / len(lost) == pytest.approx(p / (p + r), rel=0.05)
    lengths = runs(lost)
    assert sum(lengths) / len(lengths) == pytest.approx(1 / r, rel=0.05)


def test_bursty_loss_with_losses_in_both_states() -> None:
    p, r, good, bad = 0.05, 0.2, 0.01, 0.6
    loss = GilbertElliott(p=p, r=r, good_loss=good, bad_loss=bad, random=Random(4))
    lost = [loss.loses() for _ in range(200_000)]
    share = p / (p + r)
    assert sum(lost) / len(lost) == pytest.approx(share * bad + (1 - share) * good, rel=0.05)
