"""The kernel's Multipath TCP between Mininet hosts: every link has a subflow, and payload counts once."""

from __future__ import annotations

import pytest
from planning import multipath_tcp

from emulation.mptcp import doctor
from emulation.run import world

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not doctor().ok, reason=f"{doctor().name}: {doctor().detail}; {doctor().remedy}"),
]


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_one_flow_has_all_links(direction: str) -> None:
    result = world.run(multipath_tcp(flow=[{"kind": "tcp", "direction": direction}], duration="3s"))
    (found,) = result.data["emulation"]["mptcp"]
    assert found["multipath"]
    assert found["links"] == [0, 1]
    assert all(share["packets"] > 500 for share in found["subflows"])
    row = result.aggregation(direction)
    assert row["capacity_bps"] == 16e6
    # More than one link carries.
    assert row["goodput_bps"] > 10e6
    assert {path["link"] for path in result.data["paths"]} == {"a", "b"}
    assert result.data["tunnel"] is None
    if direction == "inbound":
        # To the byte what the program read: counted by the connection's numbers, each byte once.
        received = result.data["emulation"]["iperf3"][0]["received"]["bytes"]
        counted = sum(row[4] for row in result.rows if row[1:4] == ("flow/tcp1", "inbound", "throughput_bps")) * 0.1 / 8
        assert counted == pytest.approx(received, rel=0.03)


def test_a_pulled_cable_ends_a_subflow_and_the_plugged_one_has_a_new_one() -> None:
    events = [
        {"at": "1s", "link": "a", "up": False, "how": "carrier"},
        {"at": "2s", "link": "a", "up": True},
    ]
    result = world.run(multipath_tcp(event=events, duration="4s"))
    (found,) = result.data["emulation"]["mptcp"]
    shares = [share["link"] for share in found["subflows"]]
    assert shares == [0, 0, 1]
    assert result.flow("tcp1")["goodput_bps"] > 7e6


def test_other_flows_take_the_first_link_and_cross_traffic_its_own() -> None:
    flows = [
        {"kind": "udp", "rate": "1Mbit", "direction": "outbound"},
        {"kind": "ping"},
        {"kind": "tcp", "via": "b", "name": "cross"},
    ]
    result = world.run(multipath_tcp(flow=flows))
    assert result.flow("udp1")["goodput_bps"] == pytest.approx(1e6, rel=0.1)
    assert result.flow("ping1")["sent_packets"] == 10
    assert 4e6 < result.flow("cross")["goodput_bps"] < 8e6
    assert "mptcp" not in result.data["emulation"]
    taken = {
        link["name"]: link["total"]["offered_packets"]
        for link in result.data["links"]
        if link["direction"] == "outbound"
    }
    assert taken["a"] > 200
