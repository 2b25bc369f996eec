"""The numbers of a result, against hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.metrics import (
    DelayHistogram,
    aggregate,
    aggregation_benefit,
    failover_row,
    percentiles,
    recovery,
)


@pytest.mark.parametrize(
    ("goodput", "capacities", "benefit"),
    [
        (16.0, (8.0, 8.0), 1.0),  # the whole sum
        (8.0, (8.0, 8.0), 0.0),  # as the best alone
        (12.0, (8.0, 8.0), 0.5),
        (4.0, (8.0, 8.0), -0.5),  # half of what the best does alone
        (0.0, (8.0, 8.0), -1.0),
        (20.0, (16.0, 8.0), 0.5),
        (12.0, (16.0, 8.0), -0.25),
        (10.0, (8.0, 2.0, 2.0), 0.5),
        (8.0, (8.0,), None),  # nothing to gain
    ],
)
def test_aggregation_benefit(goodput: float, capacities: tuple[float, ...], benefit: float | None) -> None:
    assert aggregation_benefit(goodput, capacities) == (None if benefit is None else pytest.approx(benefit))


@given(
    st.lists(st.floats(0.1, 100), min_size=2, max_size=6),
    st.floats(0, 1),
)
def test_benefit_is_between_minus_one_and_one(capacities: list[float], share: float) -> None:
    benefit = aggregation_benefit(share * sum(capacities), capacities)
    assert benefit is not None
    assert -1 - 1e-9 <= benefit <= 1 + 1e-9


def test_aggregate() -> None:
    row = aggregate("inbound", [(9e6, 0.9), (1.6e6, 0.8)], [8e6, 8e6])
    assert row is not None
    # 10 and 2 Mbit/s on the wire for 10.6 of payload.
    assert row["framing_limit"] == pytest.approx(10.6 / 12)
    assert row["ratio"] == pytest.approx(10.6 / 16)
    assert row["efficiency"] == pytest.approx(12 / 16)
    assert row["benefit"] == pytest.approx((10.6 - 8 * 10.6 / 12) / (8 * 10.6 / 12))
    assert (row["capacity_bps"], row["best_link_bps"], row["goodput_bps"]) == (16e6, 8e6, 10.6e6)


def test_nothing_to_aggregate() -> None:
    assert aggregate("inbound", [], [8e6]) is None
    idle = aggregate("inbound", [(0.0, 0.9)], [8e6, 8e6])
    assert idle is not None
    assert (idle["ratio"], idle["efficiency"], idle["benefit"]) == (0.0, 0.0, -1.0)
    dark = aggregate("inbound", [(0.0, 0.9)], [0.0, 0.0])
    assert dark is not None
    assert dark["benefit"] is None


def bins(*parts: tuple[int, float]) -> list[float]:
    """A series: (how many bins, bit/s) one after the other."""
    return [value for count, value in parts for _ in range(count)]


def test_recovery_is_the_end_of_the_last_bad_window() -> None:
    # The event is at bin 50. 7 bins of nothing, then full again: the 300 ms that end with bin 58 still
    # hold two of the good ones' worth less; with bin 59 all three are good.
    goodput = bins((50, 8e6), (7, 0.0), (143, 8e6))
    assert recovery(5.0, 0.0, goodput, [8e6] * 200) == (pytest.approx(0.9), pytest.approx(0.7))


def test_one_weak_window_long_after_counts() -> None:
    goodput = bins((50, 8e6), (5, 0.0), (45, 8e6), (3, 4e6), (97, 8e6))
    found, gap = recovery(5.0, 0.0, goodput, [8e6] * 200)
    assert found == pytest.approx(5.5)  # bin 104 is the last whose 300 ms hold a weak one
    assert gap == pytest.approx(0.5)


def test_what_comes_after_ten_seconds_does_not_count() -> None:
    goodput = bins((50, 8e6), (110, 8e6), (20, 0.0))
    assert recovery(5.0, 0.0, goodput, [8e6] * 180) == (0.0, 0.0)


def test_no_recovery_within_ten_seconds() -> None:
    goodput = bins((50, 8e6), (150, 1e6))
    assert recovery(5.0, 0.0, goodput, [8e6] * 200) == (None, 0.0)


def test_nine_tenths_are_enough() -> None:
    assert recovery(5.0, 0.0, bins((50, 8e6), (150, 7.3e6)), [8e6] * 200) == (0.0, 0.0)
    assert recovery(5.0, 0.0, bins((50, 8e6), (150, 7.1e6)), [8e6] * 200)[0] is None


def test_less_is_wanted_while_less_can_be_carried() -> None:
    goodput = bins((50, 16e6), (150, 8e6))
    assert recovery(5.0, 0.0, goodput, bins((50, 16e6), (150, 8e6))) == (0.0, 0.0)


def test_the_interval_may_begin_later() -> None:
    goodput = bins((20, 8e6), (5, 0.0), (95, 8e6))
    assert recovery(7.0, 5.0, goodput, [8e6] * 120)[0] == pytest.approx(0.7)


def test_of_two_directions_the_worse_counts() -> None:
    event = {"link": "a", "at": 5.0, "at_s": 5.0, "up": False, "lost_packets": 3}
    good, slow = bins((200, 8e6)), bins((50, 8e6), (7, 0.0), (143, 8e6))
    never = bins((50, 8e6), (150, 0.0))
    wanted = [8e6] * 200
    row = failover_row(event, 0.0, [(good, good, wanted), (slow, slow, wanted)])
    assert (row["recovery_s"], row["longest_gap_s"], row["lost_packets"]) == (0.9, 0.7, 3)
    assert failover_row(event, 0.0, [(good, good, wanted), (never, never, wanted)])["recovery_s"] is None
    assert failover_row(event, 0.0, [])["recovery_s"] is None


def test_what_waits_for_a_retransmission_is_carried_and_not_delivered() -> None:
    event = {"link": "a", "at": 5.0, "at_s": 5.0, "up": False, "lost_packets": 0}
    arrived, delivered = bins((200, 8e6)), bins((70, 8e6), (3, 0.0), (1, 32e6), (126, 8e6))
    row = failover_row(event, 0.0, [(arrived, delivered, [8e6] * 200)])
    assert (row["recovery_s"], row["longest_gap_s"]) == (0.0, 0.3)


@given(st.lists(st.floats(1e-5, 100.0), min_size=1, max_size=300), st.sampled_from([50, 95, 99]))
def test_histogram_percentiles_are_those_of_the_samples(samples: list[float], percent: int) -> None:
    histogram = DelayHistogram()
    half = len(samples) // 2
    histogram.add(samples[:half])
    histogram.add(samples[half:])
    exact = float(np.percentile(np.asarray(samples), percent, method="inverted_cdf"))
    assert histogram.percentile(percent) == pytest.approx(exact, rel=1.1e-3)
    assert histogram.count == len(samples)


def test_histogram_without_samples_and_with_none_to_wait_for() -> None:
    histogram = DelayHistogram()
    assert histogram.summary(50) is None
    assert histogram.percentile(50) is None
    histogram.add([])
    histogram.add([0.0] * 10)
    assert histogram.summary(50, 95) == {"p50": 0.0, "p95": 0.0}


def test_histogram_does_not_grow_with_the_run() -> None:
    histogram = DelayHistogram()
    sizes = []
    for _ in range(3):
        histogram.add(list(np.linspace(0.001, 1.0, 10_000)))
        sizes.append(len(histogram._counts))
    assert sizes[0] == sizes[1] == sizes[2] < 20_000


def test_percentiles_of_a_few() -> None:
    assert percentiles([], 50) is None
    assert percentiles([0.3, 0.1, 0.2], 50) == {"p50": 0.2}
