"""The simulated world over UDP, raw IP and TCP, and with either IP version inside and outside."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import Table, build, link, links, tcp, udp

from mpsim.build import framing_limit
from mpsim.scenario import Scenario, parse
from mpsim.sim import Simulation, run
from mpsim.sim.flows import TcpFlow

COMBINATIONS = [
    ("udp", "ipv4", "ipv6"),
    ("udp", "ipv6", "ipv4"),
    ("udp", "ipv6", "ipv6"),
    ("ip", "ipv4", "ipv4"),
    ("ip", "ipv6", "ipv6"),
    ("tcp", "ipv4", "ipv4"),
    ("tcp", "ipv6", "ipv6"),
    ("mptcp", "ipv4", "ipv4"),
]


def over(transport: str, *flows: Table, inner: str = "ipv4", outer: str = "ipv4", **more: Any) -> Scenario:
    """Two links of 8 Mbit/s and 10 ms under a tunnel, unless `wires` says otherwise."""
    wires = more.pop("wires", links("8Mbit", "8Mbit"))
    tunnel = {"transport": transport, **more.pop("tunnel", {})}
    made = build(wires, *flows, tunnel=tunnel, **more)
    return parse({**made.as_dict(), "topology": {"inner": inner, "outer": outer}})


@pytest.mark.parametrize(("transport", "inner", "outer"), COMBINATIONS)
def test_two_links_add_up(transport: str, inner: str, outer: str) -> None:
    direction = "inbound" if inner == outer else "outbound"
    result = run(over(transport, tcp(direction=direction), inner=inner, outer=outer, duration="6s"))
    assert result.aggregation(direction)["efficiency"] >= 0.9


def test_raw_ip_saves_what_udp_s_header_costs() -> None:
    goodput = {}
    limits = {}
    for transport in ("udp", "ip"):
        scenario = over(transport, udp("30Mbit"), duration="5s", warmup="3s")
        goodput[transport] = run(scenario).flow("udp")["goodput_bps"]
        limits[transport] = framing_limit(scenario, "udp", 1200, tunnelled=True)
    assert limits["ip"] > limits["udp"]
    assert goodput["ip"] / goodput["udp"] == pytest.approx(limits["ip"] / limits["udp"], rel=0.005)


def test_over_tcp_no_packet_is_lost_but_all_wait_for_the_one_that_was() -> None:
    wires = [link("8Mbit", "10ms", loss=0.01)]
    flow = {}
    for transport in ("udp", "tcp"):
        scenario = over(transport, udp("500kbit"), wires=wires, tunnel={"reorder": {"mode": "none"}})
        flow[transport] = run(scenario).flow("udp")
    assert flow["udp"]["lost_packets"] > 3
    assert flow["udp"]["one_way_delay_s"]["p99"] < 0.015
    assert flow["tcp"]["lost_packets"] == 0
    assert flow["tcp"]["one_way_delay_s"]["p99"] > 0.03  # a round trip of 20 ms on top


def test_tcp_over_tcp_sends_again_what_was_not_lost() -> None:
    wires = [link("8Mbit", "10ms", name, loss=0.05) for name in "ab"]
    needless, delay = {}, {}
    for transport in ("udp", "tcp"):
        simulation = Simulation(over(transport, tcp(), wires=wires))
        simulation.run()
        flow = simulation.flows[0]
        assert isinstance(flow, TcpFlow)
        needless[transport] = flow.receiver.duplicates
        delay[transport] = simulation.result(0.0).flow("tcp")["one_way_delay_s"]["p95"]
    assert needless["tcp"] > 10 * (needless["udp"] + 1)
    assert delay["tcp"] > 2 * delay["udp"]


def test_a_stream_goes_on_after_a_cut_when_its_timer_says_so() -> None:
    events = [{"at": "2s", "link": "b", "up": False, "how": "silent"}, {"at": "6s", "link": "b", "up": True}]
    back = {}
    for transport in ("udp", "tcp"):
        result = run(over(transport, udp("12Mbit"), events=events, warmup="3s"))
        rates = {
            t: value
            for t, entity, direction, metric, value in result.rows
            if (entity, direction, metric) == ("link/b", "inbound", "throughput_bps")
        }
        assert max(value for t, value in rates.items() if 5.1 < t < 8.9) == 0
        back[transport] = min(t for t, value in rates.items() if t >= 9 and value > 1e6)
        assert back[transport] < 12.9
    # Over UDP the path is probed every 200 ms; TCP has doubled its timeout up to seconds by then.
    assert back["tcp"] > back["udp"] + 0.3


@pytest.mark.parametrize("transport", ["ip", "tcp", "mptcp"])
def test_encoding_and_decoding_every_datagram_changes_nothing(transport: str) -> None:
    wires = [link("8Mbit", "10ms", loss=0.005), link("4Mbit", "30ms", "b", loss=0.01)]
    events = [{"at": "1s", "link": "b", "up": False}, {"at": "2s", "link": "b", "up": True}]
    flows = (tcp(), udp("500kbit", direction="outbound"))
    scenario = over(transport, *flows, outer="ipv6", wires=wires, events=events, warmup="1s", duration="3s")
    direct, through_bytes = run(scenario), run(scenario, through_bytes=True)
    assert direct.series_csv() == through_bytes.series_csv()
    assert direct.data["flows"] == through_bytes.data["flows"]
    assert direct.data["tunnel"]["datagrams_sent"] > 500


def test_cross_traffic_shares_the_link_with_a_stream() -> None:
    cross = udp("4Mbit", via="a") | {"name": "cross"}
    result = run(over("tcp", tcp(), cross, duration="5s", wires=links("8Mbit", "8Mbit"), inner="ipv6"))
    assert result.flow("cross")["goodput_bps"] == pytest.approx(4e6, rel=0.1)
    assert result.flow("tcp")["goodput_bps"] > 6e6


@pytest.mark.parametrize("transport", ["tcp", "mptcp"])
def test_captures_of_a_stream(transport: str, tmp_path: Any) -> None:
    scenario = over(transport, tcp(), outer="ipv6", warmup="1s", duration="1s")
    result = run(scenario, pcap=tmp_path)
    counts = result.data["captures"]
    for row in result.data["links"]:
        assert counts[f"link-{row['name']}-{row['direction']}"] == row["total"]["delivered_packets"] > 100


@pytest.mark.parametrize("how", ["silent", "carrier"])
def test_one_multipath_connection_carries_the_tunnel_over_the_loss_of_a_link(how: str) -> None:
    events = [{"at": "2s", "link": "a", "up": False, "how": how}, {"at": "6s", "link": "a", "up": True}]
    scenario = over("mptcp", udp("4Mbit"), events=events, warmup="2s", duration="10s")
    result = run(scenario)
    assert [path["link"] for path in result.data["paths"]] == ["mptcp", "mptcp"]  # one path, both directions
    flow = result.flow("udp")
    assert flow["lost_packets"] < 0.02 * flow["sent_packets"]
    carried = {row["name"]: row["delivered_bps"] for row in result.data["links"] if row["direction"] == "inbound"}
    assert min(carried.values()) > 5e5  # the link that was lost was used again
