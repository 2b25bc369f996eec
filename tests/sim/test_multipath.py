"""Multipath TCP in whole scenarios: how much of the sum it gets, and what a lost link costs it.

The figures to meet are those measured with Linux's own over such links: 0.93 to 0.95 of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from simulating import Table, build, link, links, simulate, tcp, udp

from mpsim.result import Result
from mpsim.sim import run

FRAMING = 1428 / 1500


def multipath(wires: Sequence[Table], *flows: Table, congestion: str = "cubic", **more: Any) -> Result:
    own = {"system": "mptcp", "congestion": congestion, **more.pop("own", {})}
    return simulate(wires, *flows, tunnel=own, **{"warmup": "3s", "duration": "3s", **more})


@pytest.mark.parametrize(
    ("rates", "congestion", "direction"),
    [
        (("8Mbit", "8Mbit"), "cubic", "inbound"),
        (("8Mbit", "8Mbit"), "lia", "outbound"),
        (("8Mbit", "16Mbit"), "cubic", "outbound"),
        (("8Mbit", "16Mbit"), "lia", "inbound"),
        (("16Mbit", "32Mbit"), "cubic", "inbound"),
        (("8Mbit",) * 4, "cubic", "inbound"),
    ],
)
def test_clean_links_add_up(rates: tuple[str, ...], congestion: str, direction: str) -> None:
    result = multipath(links(*rates), tcp(direction=direction), congestion=congestion)
    row = result.aggregation(direction)
    assert row["framing_limit"] == pytest.approx(FRAMING)
    assert row["capacity_bps"] == pytest.approx(sum(float(rate.removesuffix("Mbit")) * 1e6 for rate in rates))
    # What waited for a hole when the interval began is counted when it is delivered.
    assert 0.93 <= row["ratio"] <= FRAMING * 1.01


def test_unequal_delays_cost_nothing_while_the_window_is_large() -> None:
    result = multipath([link("8Mbit"), link("8Mbit", "40ms", "b")], tcp())
    assert result.aggregation("inbound")["ratio"] == pytest.approx(0.945, abs=0.015)


def test_a_small_window_is_used_up_by_the_nearer_link() -> None:
    wires = [link("8Mbit"), link("8Mbit", "100ms", "b")]
    ratios = [
        multipath(wires, tcp(), own={"receive_window": size}).aggregation("inbound")["ratio"]
        for size in ("128KiB", "6MiB")
    ]
    assert ratios[0] < 0.6
    assert ratios[1] > 0.9


def test_random_loss_hurts_each_subflow_alone() -> None:
    lossy = [link("8Mbit", name=name, loss=0.01) for name in "ab"]
    uncoupled = multipath(lossy, tcp(), duration="15s").aggregation("inbound")["ratio"]
    coupled = multipath(lossy, tcp(), congestion="lia", duration="15s").aggregation("inbound")["ratio"]
    alone = simulate(lossy[:1], tcp(), duration="15s").aggregation("inbound")["ratio"]
    # Measured with Linux: 0.65 against 0.66 of one link; our CUBIC bears the same loss somewhat better.
    assert uncoupled == pytest.approx(alone, abs=0.06)
    assert 0.25 < coupled < uncoupled  # together as fast as one TCP: half as much


def mean(result: Result, begin: float, end: float) -> float:
    """Goodput between two times of the measured interval, Mbit/s."""
    values = [
        value
        for t, entity, _, metric, value in result.rows
        if entity == "flow/tcp" and metric == "throughput_bps" and begin + 5 <= t + 1e-6 < end + 5
    ]
    return sum(values) / len(values) / 1e6


@pytest.mark.parametrize(("lost", "how"), [("a", "silent"), ("b", "carrier")])
def test_a_link_lost_and_returned(lost: str, how: str) -> None:
    events = [{"at": "5s", "link": lost, "up": False, "how": how}, {"at": "15s", "link": lost, "up": True}]
    result = multipath(links("8Mbit", "8Mbit"), tcp(), warmup="5s", duration="25s", events=events)
    assert mean(result, 0, 5) == pytest.approx(15.2, abs=0.4)
    assert mean(result, 6.2, 15) == pytest.approx(7.6, abs=0.3)
    assert mean(result, 17, 25) == pytest.approx(15.2, abs=0.4)
    cut, back = result.data["failovers"]
    assert cut["longest_gap_s"] <= (1.0 if how == "silent" else 0.2)
    assert back["longest_gap_s"] <= 0.2
    other = next(path for path in result.data["paths"] if path["link"] != lost)
    assert other["reinjected"] > 0


def test_paths_and_series_are_those_of_the_subflows() -> None:
    result = multipath(links("8Mbit", "16Mbit"), tcp())
    rows = {path["link"]: path for path in result.data["paths"]}
    assert set(rows) == {"a", "b"}
    assert rows["b"]["bytes"] == pytest.approx(2 * rows["a"]["bytes"], rel=0.05)
    assert all(path["direction"] == "inbound" and path["srtt_s"]["p50"] > 0.02 for path in rows.values())
    metrics = {(entity, metric) for _, entity, _, metric, _ in result.rows if entity.startswith("path/")}
    assert metrics == {(f"path/{name}", metric) for name in "ab" for metric in ("cwnd_bytes", "srtt_s", "up")}
    assert result.data["tunnel"] is None


def test_connections_of_one_direction_have_paths_of_their_own() -> None:
    flows = [tcp(), {**tcp(), "name": "second"}, {**tcp(direction="outbound"), "name": "back"}]
    result = multipath(links("8Mbit", "8Mbit"), *flows)
    names = {(path["link"], path["direction"]) for path in result.data["paths"]}
    assert names == {(f"{link}/{flow}", "inbound") for link in "ab" for flow in ("tcp", "second")} | {
        ("a", "outbound"),
        ("b", "outbound"),
    }
    assert result.aggregation("inbound")["ratio"] > 0.85  # the acknowledgements of the other direction take theirs


def test_other_flows_take_the_first_link_and_cross_traffic_its_own() -> None:
    side = {**tcp(), "name": "side", "via": "b"}
    result = multipath(links("8Mbit", "8Mbit"), udp("1Mbit"), side)
    carried = {row["name"]: row["delivered_bps"] for row in result.data["links"] if row["direction"] == "inbound"}
    assert carried["a"] == pytest.approx(1e6 * 1228 / 1200, rel=0.01)
    assert result.flow("side")["goodput_bps"] == pytest.approx(8e6 * 1448 / 1500, rel=0.02)


def test_a_server_some_way_off() -> None:
    scenario = build(links("8Mbit", "8Mbit"), tcp(), tunnel={"system": "mptcp"}, duration="5s")
    topology = scenario.topology.model_copy(update={"server_delay": 0.03})
    result = run(scenario.model_copy(update={"topology": topology}))
    assert result.aggregation("inbound")["ratio"] > 0.93
    assert min(path["srtt_s"]["p50"] for path in result.data["paths"]) > 0.08


def test_a_transfer_ends() -> None:
    result = multipath(links("8Mbit", "8Mbit"), tcp(bytes="5MB", start="0s"), duration="10s")
    assert result.flow("tcp")["completion_s"] == pytest.approx(5_000_000 * 8 / (16e6 * FRAMING), abs=0.5)


@pytest.mark.parametrize("scheduler", ["greedy", "round-robin", "active-backup"])
def test_any_scheduler_of_the_tunnels_does(scheduler: str) -> None:
    result = multipath(links("8Mbit", "8Mbit"), tcp(), own={"scheduler": scheduler})
    one_link = scheduler == "active-backup"
    assert result.aggregation("inbound")["ratio"] == pytest.approx(0.475 if one_link else 0.95, abs=0.02)


def test_equal_seeds_give_equal_runs() -> None:
    lossy = [link("8Mbit", name=name, loss=0.005) for name in "ab"]
    first, second = (multipath(lossy, tcp(), own={"receive_window": "256KiB"}) for _ in range(2))
    assert first.data["flows"] == second.data["flows"]
    assert list(first.rows) == list(second.rows)
