"""Whole tunnels: what share weights give, and that flowlets reorder nothing."""

from __future__ import annotations

from statistics import mean
from typing import Any

import pytest
from simulating import link, links, simulate, udp

from mpsim.result import Result


def shares(result: Result) -> list[float]:
    carried = [row["delivered_bps"] for row in result.data["links"] if row["direction"] == "inbound"]
    return [one / sum(carried) for one in carried]


@pytest.mark.parametrize("weights", [[7, 3], [2, 1], [1, 1, 2]])
def test_weights_are_shares_of_the_bytes(weights: list[int]) -> None:
    tunnel = {"scheduler": {"name": "weighted", "weights": weights}, "congestion": "none"}
    result = simulate(links(*["20Mbit"] * len(weights)), udp("10Mbit"), tunnel=tunnel, warmup="1s", duration="4s")
    assert shares(result) == pytest.approx([weight / sum(weights) for weight in weights], rel=0.01)
    assert result.flow("udp")["lost_packets"] == 0


def overloaded(scheduler: Any) -> Result:
    """Carry 14 Mbit/s over 12 and 4 without windows; what overloads a link is lost."""
    tunnel = {"scheduler": scheduler, "congestion": "none"}
    return simulate(links("12Mbit", "4Mbit"), udp("14Mbit"), tunnel=tunnel, warmup="6s", duration="6s")


def test_measured_weights_find_the_speeds_of_links_that_stay() -> None:
    equal = overloaded("weighted")
    assert equal.flow("udp")["loss_ratio"] > 0.2  # 7.56 Mbit/s for a link of 4
    measured = overloaded({"name": "weighted", "measured": True})
    assert measured.flow("udp")["loss_ratio"] < 0.05
    assert shares(measured)[1] == pytest.approx(0.25, rel=0.2)


def test_the_series_have_weights_that_change_and_no_others() -> None:
    measured = overloaded({"name": "weighted", "measured": True})
    shown = [row for row in measured.rows if row[3] == "weight" and row[2] == "inbound"]
    assert {row[1] for row in shown} == {"path/a", "path/b"}
    assert {row[4] for row in shown if row[0] == 0.0} == {128e3}
    first, last = (mean(row[4] for row in shown if row[1] == f"path/{name}" and row[0] >= 6) for name in "ab")
    assert 2 < first / last < 5  # of 12 and 4 Mbit/s; a queue counts against the slower one
    assert not any(row[3] == "weight" for row in overloaded("weighted").rows)


def reordered(scheduler: Any) -> float:
    """Return the mean share of reordered packets of ten flows with pauses, over two paths that both carry some."""
    tunnel = {"scheduler": scheduler, "reorder": {"mode": "none"}}
    flows = [udp("60kbit", name=f"udp{number}", arrivals="poisson") for number in range(10)]
    near_and_far = [link("500kbit", "10ms"), link("500kbit", "40ms", "b")]
    result = simulate(near_and_far, *flows, tunnel=tunnel, warmup="2s", duration="20s")
    assert min(shares(result)) > 0.1
    return mean(row["out_of_order_ratio"] for row in result.data["flows"])


def test_flowlets_change_paths_and_are_hardly_reordered() -> None:
    packets = reordered("round-robin")
    assert packets > 0.02
    # The links' queues grow faster than round-trip times can tell.
    assert reordered("flowlet") < 0.1 * packets
    assert reordered({"name": "flowlet", "gap": 0.3}) == 0
