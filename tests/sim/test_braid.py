"""Our tunnel for links that fluctuate: on the traces that ship with the project, on lossy links, through an outage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulating import link, simulate, tcp

TRACES = Path(__file__).parents[2] / "experiments" / "traces"
BRAID = {"system": "braid"}


def recorded(name: str, delay: str, offset: str = "0s") -> dict[str, Any]:
    """A link of a shipped trace, its way back without a queue."""
    return {
        "name": name,
        "trace": {"down": str(TRACES / f"{name}.down.csv"), "offset": offset},
        "rate": {"up": "100Mbit", "down": "1Mbit"},
        "delay": delay,
        "queue": "1000p",
    }


PAIR = [recorded("lte-driving-a", "20ms"), recorded("lte-walking", "28ms")]


@pytest.mark.parametrize(("system", "least", "longest"), [("braid", 0.8, 0.35), ("braid-aqm", 0.6, 0.5)])
def test_fluctuating_links_are_summed_at_a_low_delay(system: str, least: float, longest: float) -> None:
    found = simulate(PAIR, tcp(), tunnel={"system": system}, warmup="3s", duration="12s")
    aggregation = found.aggregation("inbound")
    assert aggregation["efficiency"] > least
    assert found.data["tunnel"]["in_order_delay_s"]["p95"] < longest


def test_a_call_beside_a_bulk_flow_stays_a_good_one() -> None:
    call = {"name": "call", "kind": "voip", "direction": "inbound"}
    found = simulate(PAIR, tcp(), call, tunnel=BRAID, warmup="2s", duration="8s")
    assert found.flow("call")["mos"] >= 3.8


def test_random_loss_costs_little() -> None:
    links = [link("8Mbit", name=name, loss=0.01, queue="1000p") for name in "ab"]
    assert simulate(links, tcp(), tunnel=BRAID, warmup="2s", duration="8s").aggregation("inbound")["efficiency"] > 0.93


def test_a_lost_link_stalls_nothing_for_a_second() -> None:
    links = [link("8Mbit", delay, name, queue="1000p") for name, delay in (("a", "20ms"), ("b", "28ms"))]
    events = [{"at": "2s", "link": "a", "up": False}, {"at": "6s", "link": "a", "up": True}]
    found = simulate(links, tcp(), tunnel=BRAID, warmup="3s", duration="10s", events=events)
    assert all(failover["longest_gap_s"] < 1 for failover in found.data["failovers"])
    assert found.aggregation("inbound")["efficiency"] > 0.85
