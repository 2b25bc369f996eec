"""Texts with units read to the exact number and are written so that they read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim import units

NUMBERS = st.floats(min_value=0, max_value=1e15, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("8Mbit", 8e6), ("1.5 Mbit/s", 1.5e6), ("100Gbit", 1e11), ("500kbit", 5e5), ("9bit", 9.0), ("0", 0.0), (0, 0.0)],
)
def test_rates(text: str | int, rate: float) -> None:
    assert units.parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 0.02), ("50us", 5e-5), ("5s", 5.0), ("2min", 120.0), ("1h", 3600.0), ("-5s", -5.0), ("0", 0.0)],
)
def test_times(text: str, seconds: float) -> None:
    assert units.parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("10MB", 10_000_000), ("64KiB", 65536), ("1.5kB", 1500), ("1200B", 1200), ("1GiB", 2**30)]
)
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "value", "unit"), [("100p", 100, "packets"), ("64KiB", 65536, "bytes"), ("1.5bdp", 1.5, "bdp")]
)
def test_queues(text: str, value: float, unit: str) -> None:
    queue = units.parse_queue(text)
    assert (queue.value, queue.unit) == (value, unit)
    assert str(queue) == text


@pytest.mark.parametrize(
    "text", ["8", "8Mbanana", "-8Mbit", "nan", "infMbit", "", "8MB", "8 M bit", "1e999Mbit", 8, True]
)
def test_rates_refused(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"Mbit.*given"):
        units.parse_rate(text)


@pytest.mark.parametrize("text", ["20", "20 Ms", "20m", "ms", 20, "1e400s"])
def test_times_refused(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"ms, s.*given"):
        units.parse_time(text)


@pytest.mark.parametrize("text", ["100", "1.5B", "10mb", "-1kB", "10Mbit"])
def test_sizes_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"KiB.*given"):
        units.parse_size(text)


@pytest.mark.parametrize("text", ["100", "1.5p", "100packets", "-1bdp", 100])
def test_queues_refused(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"bdp.*given"):
        units.parse_queue(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (units.format_rate(8e6), "8Mbit"),
        (units.format_rate(1.5e6), "1.5Mbit"),
        (units.format_time(0.2), "200ms"),
        (units.format_time(0.0), "0s"),
        (units.format_time(-5.0), "-5s"),
        (units.format_size(65536), "64KiB"),
        (units.format_size(1500), "1500B"),
    ],
)
def test_written_as_people_write(text: str, written: str) -> None:
    assert text == written


@given(NUMBERS)
def test_rate_round_trip(rate: float) -> None:
    assert units.parse_rate(units.format_rate(rate)) == rate


@given(NUMBERS, st.booleans())
def test_time_round_trip(seconds: float, negative: bool) -> None:
    time = -seconds if negative else seconds
    assert units.parse_time(units.format_time(time)) == time


@given(st.integers(min_value=0, max_value=2**60))
def test_size_round_trip(size: int) -> None:
    assert units.parse_size(units.format_size(size)) == size


@given(NUMBERS, st.integers(min_value=0, max_value=2**40), st.sampled_from(["packets", "bytes", "bdp"]))
def test_queue_round_trip(products: float, whole: int, unit: str) -> None:
    value = products if unit == "bdp" else whole
    queue = units.QueueSize(value, unit)  # type: ignore[arg-type]  # drawn from the three literals
    assert units.parse_queue(units.format_queue(queue)) == queue
