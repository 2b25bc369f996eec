"""Whole runs over other transports, in both IP families, through one interface: each carries what both links can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulation.evidence import CLIENT_CAPTURE, SERVER_CAPTURE, same_addresses
from emulation.run import world
from mpsim.result import Result
from mpsim.scenario import Scenario, parse

pytestmark = pytest.mark.root


def _with(scenario: Scenario, **changes: object) -> Scenario:
    return parse({**scenario.as_dict(), **changes})


def _has_no_faults(result: Result) -> dict[str, Any]:
    """Look at what is not the machine's affair; return the TCP flow's row."""
    flow = result.flow("tcp1")
    assert result.flow("ping1")["sent_packets"] == 10
    assert result.flow("ping1")["lost_packets"] <= 1
    assert result.flow("ping1")["rtt_s"]["p50"] > 0.020
    assert result.data["tunnel"]["rejected"] == {"malformed": 0, "forged": 0, "replayed": 0}
    assert {path["direction"] for path in result.data["paths"] if path["datagrams"] > 0} == {"inbound", "outbound"}
    return flow


# With what is below and IPv4 in UDP in IPv4 (test_emulated_run.py), each pair of values at least once.
@pytest.mark.parametrize(
    ("inner", "outer", "transport"), [("ipv4", "ipv6", "udp"), ("ipv6", "ipv4", "ip"), ("ipv6", "ipv6", "ip")]
)
def test_families_inside_and_outside(
    two_equal: Scenario, tmp_path: Path, inner: str, outer: str, transport: str
) -> None:
    scenario = _with(two_equal, tunnel={"transport": transport}, topology={"inner": inner, "outer": outer})
    result = world.run(scenario, pcap=tmp_path)
    flow = _has_no_faults(result)
    # More than one link can carry, less than two.
    assert 8e6 < flow["goodput_bps"] < (14.8e6 if transport == "udp" else 14.9e6)
    assert flow["one_way_delay_s"]["p50"] > 0.010
    seen = same_addresses(tmp_path / CLIENT_CAPTURE, tmp_path / SERVER_CAPTURE)
    assert seen.same
    assert len(seen.pairs) == 2
    assert all((":" in source) == (inner == "ipv6") for source, _ in seen.pairs)


def test_datagrams_in_tcp_streams(two_equal: Scenario) -> None:
    result = world.run(_with(two_equal, tunnel={"transport": "tcp", "congestion": "cubic"}))
    flow = _has_no_faults(result)
    assert 5e6 < flow["goodput_bps"] < 14.5e6
    # What a link drops, TCP sends again: nothing is missing inside.
    assert flow["lost_packets"] == 0
    assert all(path["lost_ratio"] == 0 for path in result.data["paths"] if path["lost_ratio"] is not None)


def test_streams_are_made_again_after_a_cut(two_equal: Scenario) -> None:
    events = [
        {"at": "500ms", "link": "b", "up": False, "how": "carrier"},
        {"at": "1500ms", "link": "b", "up": True},
    ]
    result = world.run(_with(two_equal, tunnel={"transport": "tcp"}, event=events, duration="5s"))
    up = {round(row[0], 1): row[4] for row in result.rows if row[1:4] == ("path/b", "inbound", "up")}
    assert (up[1.2], up[2.2], up[5.5]) == (1, 0, 1)
    assert result.flow("tcp1")["goodput_bps"] > 3e6


@pytest.mark.parametrize(
    ("inner", "outer", "transport"), [("ipv6", "ipv4", "udp"), ("ipv4", "ipv4", "tcp"), ("ipv4", "ipv6", "ip")]
)
def test_a_remote_portal_of_one_interface(two_equal: Scenario, inner: str, outer: str, transport: str) -> None:
    topology = {"single_interface": True, "inner": inner, "outer": outer, "server_delay": "5ms"}
    flow = [*two_equal.as_dict()["flow"], {"kind": "udp", "rate": "500kbit", "via": "b"}]
    result = world.run(_with(two_equal, tunnel={"transport": transport}, topology=topology, flow=flow))
    assert _has_no_faults(result)["goodput_bps"] > 5e6
    assert result.flow("ping1")["rtt_s"]["p50"] > 0.030
    assert result.flow("udp1")["goodput_bps"] == pytest.approx(5e5, rel=0.1)


def test_without_a_tunnel_in_ipv6(two_equal: Scenario) -> None:
    changed = dict(two_equal.as_dict())
    del changed["tunnel"]
    changed["topology"] = {"inner": "ipv6", "single_interface": True}
    changed["flow"] = [{"kind": "udp", "rate": "4Mbit", "direction": "outbound"}, {"kind": "ping"}]
    result = world.run(parse(changed))
    assert result.flow("udp1")["goodput_bps"] == pytest.approx(4e6, rel=0.05)
    assert result.flow("ping1")["lost_packets"] == 0
