"""A tunnel's paths are siblings as the subflows of a connection are: together they take what one TCP would."""

from __future__ import annotations

from functools import cache

import pytest
from simulating import link, simulate, udp


@cache
def goodput(congestion: str, count: int = 2) -> float:
    """Of a tunnel over links of 1 % loss that no window fills, bit/s."""
    wires = [link("50Mbit", "15ms", name, loss=0.01) for name in "ab"[:count]]
    result = simulate(wires, udp("60Mbit"), tunnel={"congestion": congestion}, warmup="3s", duration="12s")
    return float(result.data["flows"][0]["goodput_bps"])


@pytest.mark.parametrize("congestion", ["lia", "olia", "balia"])
def test_coupled_paths_take_as_much_as_one(congestion: str) -> None:
    assert goodput(congestion) == pytest.approx(goodput("newreno", 1), rel=0.25)


def test_uncoupled_paths_take_as_much_each() -> None:
    assert goodput("newreno") == pytest.approx(2 * goodput("newreno", 1), rel=0.25)
