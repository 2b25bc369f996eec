"""Whole runs between Mininet hosts. Figures are compared loosely: how exact they are is a machine's affair."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulation.evidence import CLIENT_CAPTURE, SERVER_CAPTURE, same_addresses
from emulation.run import world
from emulation.runs import FOLDER
from mpsim.errors import WorldError
from mpsim.pcap import read_pcap
from mpsim.scenario import Scenario, parse

pytestmark = pytest.mark.root


def _with(scenario: Scenario, **changes: object) -> Scenario:
    return parse({**scenario.as_dict(), **changes})


def test_two_equal_links(two_equal: Scenario, tmp_path: Path) -> None:
    result = world.run(two_equal, pcap=tmp_path)
    data = result.data
    assert data["world"] == "emulation"
    assert data["interval_s"] == [1.0, 3.0]
    flow = result.flow("tcp1")
    # More than one link can carry, less than two.
    assert 8e6 < flow["goodput_bps"] < 14.8e6
    assert flow["sent_packets"] > 1000
    assert flow["one_way_delay_s"]["p50"] > 0.010
    ping = result.flow("ping1")
    assert ping["sent_packets"] == 10
    assert ping["lost_packets"] <= 1
    assert ping["rtt_s"]["p50"] > 0.020
    assert [(link["name"], link["direction"]) for link in data["links"]] == [
        ("a", "inbound"), ("a", "outbound"), ("b", "inbound"), ("b", "outbound"),
    ]  # fmt: skip
    assert {link["capacity_bps"] for link in data["links"]} == {8e6}
    assert data["tunnel"]["rejected"] == {"malformed": 0, "forged": 0, "replayed": 0}
    assert data["tunnel"]["in_order_delay_s"]["p50"] > 0.010
    assert set(data["tunnel"]["reorder_bytes"]) == {"p50", "p95", "p99"}
    assert all(path["datagrams"] > 0 for path in data["paths"])
    assert {path["direction"] for path in data["paths"]} == {"inbound", "outbound"}
    seen = same_addresses(tmp_path / CLIENT_CAPTURE, tmp_path / SERVER_CAPTURE)
    assert seen.same
    assert len(seen.pairs) == 2
    assert not any(":" in source for source, _ in seen.pairs)
    # No datagram disappears, whatever the machine was busy with.
    for link in data["links"]:
        total = link["total"]
        assert total["offered_packets"] == total["delivered_packets"] + sum(total["drops"].values())
        captured = sum(1 for _ in read_pcap(tmp_path / f"link-{link['name']}-{link['direction']}.pcap"))
        assert captured == total["delivered_packets"]
    metrics = {row[3] for row in result.rows}
    assert metrics == {"throughput_bps", "arrived_bps", "queue_bytes", "up", "cwnd_bytes", "srtt_s", "reorder_bytes"}
    # iperf3 counts the same from its own side: the whole flow, so more than its measured part.
    received = data["emulation"]["iperf3"][0]["received"]["bytes"]
    assert received >= flow["goodput_bps"] * 2 / 8
    assert not list(FOLDER.glob("*")) or all(path.name.split("-")[0].isdigit() for path in FOLDER.glob("*"))


def test_without_a_tunnel_the_first_link_is_the_way(two_equal: Scenario) -> None:
    changed = dict(two_equal.as_dict())
    del changed["tunnel"]
    changed["flow"] = [
        {"kind": "udp", "rate": "4Mbit", "direction": "outbound"},
        {"kind": "udp", "rate": "1Mbit", "via": "b"},
    ]
    result = world.run(parse(changed))
    data = result.data
    assert data["tunnel"] is None
    assert data["paths"] == []
    assert result.flow("udp1")["goodput_bps"] == pytest.approx(4e6, rel=0.05)
    assert result.flow("udp2")["goodput_bps"] == pytest.approx(1e6, rel=0.05)
    by_link = {(link["name"], link["direction"]): link["delivered_packets"] for link in data["links"]}
    assert by_link["a", "outbound"] > 700
    assert by_link["b", "inbound"] > 170
    assert by_link["a", "inbound"] < 10
    assert result.aggregation("outbound")["capacity_bps"] == 8e6


def test_a_cut_link_is_survived_and_the_carrier_seen(two_equal: Scenario) -> None:
    events = [
        {"at": "500ms", "link": "b", "up": False, "how": "carrier"},
        {"at": "1500ms", "link": "b", "up": True},
    ]
    result = world.run(_with(two_equal, event=events, duration="4s"))
    up = {round(row[0], 1): row[4] for row in result.rows if row[1:4] == ("path/b", "inbound", "up")}
    assert up[1.2] == 1
    assert up[2.2] == 0
    assert up[4.5] == 1
    assert result.flow("tcp1")["goodput_bps"] > 4e6
    assert [(row["link"], row["at_s"]) for row in result.data["failovers"]] == [("b", 0.5), ("b", 1.5)]


def test_far_server_and_poisson_arrivals(two_equal: Scenario) -> None:
    flows = [{"kind": "udp", "rate": "2Mbit", "arrivals": "poisson"}, {"kind": "ping", "direction": "outbound"}]
    result = world.run(_with(two_equal, topology={"server_delay": "15ms"}, flow=flows))
    assert result.flow("udp1")["loss_ratio"] == 0
    assert result.flow("udp1")["goodput_bps"] == pytest.approx(2e6, rel=0.25)
    assert result.flow("udp1")["one_way_delay_s"]["p50"] > 0.025
    assert result.flow("ping1")["rtt_s"]["p50"] > 0.050


def test_what_the_kernel_does_not_know_is_refused(two_equal: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorldError, match="no none; it has"):
        world.run(_with(two_equal, flow=[{"kind": "tcp", "congestion": "none"}]))
    monkeypatch.setenv("MPSIM_LINKS", "string")
    with pytest.raises(WorldError, match="own, netem"):
        world.run(two_equal)


def test_netem_is_used_where_the_kernel_has_it(two_equal: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPSIM_LINKS", "netem")
    with pytest.raises(WorldError, match="links by netem"):
        world.run(_with(two_equal, event=[{"at": "1s", "link": "a", "up": False}]))
    (netem,) = [check for check in world.doctor() if check.name == "netem"]
    if not netem.ok:
        pytest.skip(f"netem: {netem.detail}")
    result = world.run(two_equal)
    assert result.data["emulation"]["links"] == "netem"
    assert 8e6 < result.flow("tcp1")["goodput_bps"] < 14.8e6
