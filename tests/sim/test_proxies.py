"""TCP that ends at a proxy between the links and a server some way off."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import Table, build, link, links, tcp

from mpsim.result import Result
from mpsim.scenario import parse
from mpsim.sim import Simulation
from mpsim.sim.proxies import ProxiedFlow

FAR = "40ms"


def simulation(wires: list[Table], flow: Table, *, system: str = "socks-over-mptcp", **more: Any) -> Simulation:
    tunnel = {"system": system, "congestion": "cubic", **more.pop("mptcp", {})}
    made = build(wires, flow, tunnel=tunnel, **more).as_dict()
    return Simulation(parse({**made, "topology": {"server_delay": FAR}}))


def finished(one: Simulation) -> Result:
    one.run()
    return one.result(0.0)


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_both_links_are_filled(direction: str) -> None:
    result = finished(simulation(links("8Mbit", "8Mbit"), tcp(direction=direction), duration="5s"))
    assert result.aggregation(direction)["efficiency"] > 0.95
    assert {row["link"] for row in result.data["paths"]} == {"a", "b"}


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_all_of_a_transfer_arrives(direction: str) -> None:
    wires = [link("8Mbit", loss=0.01), link("4Mbit", "30ms", "b", loss=0.01)]
    one = simulation(wires, tcp(direction=direction, bytes="3MB"), warmup="0s", duration="10s")
    result = finished(one)
    (flow,) = one.flows
    assert isinstance(flow, ProxiedFlow)
    assert flow.delivered_bytes == 3_000_000
    # Proxies join (one round trip of 20 ms), ask twice; the server is 80 ms there and back.
    assert result.flow("tcp")["completion_s"] > 3 * 0.020 + 0.080 + 3e6 * 8 / 12e6


def test_two_short_loops_recover_sooner_than_a_long_one() -> None:
    wires = [link("8Mbit", name=name, loss=0.005) for name in "ab"]
    goodput = {
        system: finished(simulation(wires, tcp(), system=system)).flow("tcp")["goodput_bps"]
        for system in ("mptcp", "socks-over-mptcp")
    }
    assert goodput["socks-over-mptcp"] > 1.5 * goodput["mptcp"]


def test_a_proxy_holds_no_more_than_it_has_room_for() -> None:
    one = simulation(links("8Mbit", "8Mbit"), tcp(), mptcp={"receive_window": "64KiB"}, duration="5s")
    result = finished(one)
    (flow,) = one.flows
    assert isinstance(flow, ProxiedFlow)
    assert flow.proxy.taken - flow.proxy.passed_on <= 65536
    # The server waits half a round trip of 80 ms for room, and its data as long: a window a round trip.
    assert 0.7 * 65536 * 8 / 0.080 < result.flow("tcp")["goodput_bps"] < 1.05 * 65536 * 8 / 0.080
