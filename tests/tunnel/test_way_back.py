"""Which path carries feedback, where the fastest one is to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mpsim.tunnel.way_back import expected, fastest

NEVER = float("inf")


def path(index: int, delay: float, *, waiting_since: float = NEVER, in_flight: int = 0) -> Any:
    """A path as far as it matters here; its round trip takes 50 ms."""
    return SimpleNamespace(
        index=index, one_way_delay=delay, waiting_since=waiting_since, srtt=0.05, bytes_in_flight=in_flight
    )


def test_the_last_one_way_delay_counts_whatever_the_clocks_say() -> None:
    assert fastest([path(0, 7.030), path(1, 7.020)], 1.0).index == 1


def test_silence_beyond_a_round_trip_counts_as_delay() -> None:
    assert expected(path(0, 0.02, waiting_since=0.97), 1.0) == 0.02
    assert abs(expected(path(0, 0.02, waiting_since=0.90), 1.0) - 0.07) < 1e-9
    assert fastest([path(0, 0.02, waiting_since=0.90), path(1, 0.06)], 1.0).index == 1


def test_a_path_of_which_nothing_is_known_is_the_last() -> None:
    assert fastest([path(0, NEVER), path(1, 3.0)], 1.0).index == 1


def test_of_equal_ones_the_emptier_is_taken() -> None:
    assert fastest([path(0, 0.02, in_flight=3000), path(1, 0.02)], 1.0).index == 1
