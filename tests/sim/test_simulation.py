"""The simulated world as a whole: starts, events, directions, what ends up in the result."""

from __future__ import annotations

import pickle

import pytest
from simulating import build, link, links, simulate, tcp, udp

from mpsim.sim import Simulation

PING = {"name": "ping", "kind": "ping"}


def test_both_ends_begin_at_once() -> None:
    late = udp("1Mbit", start="2s")
    simulation = Simulation(build(links("8Mbit", "8Mbit"), late, tunnel={}, warmup="0s"))
    simulation.clock.run_until(0.1)
    for portal in simulation.portals.values():
        assert [path.up for path in portal.endpoint.paths] == [True, True]


def test_an_idle_tunnel_costs_nearly_nothing() -> None:
    late = udp("1Mbit", start="50s", stop="50.1s")
    result = simulate(links("8Mbit", "8Mbit"), late, tunnel={}, warmup="0s", duration="60s")
    assert result.data["simulation"]["events"] < 2000


def test_a_link_that_fails_silently_and_comes_back() -> None:
    events = [{"at": "5s", "link": "b", "up": False, "how": "silent"}, {"at": "12s", "link": "b", "up": True}]
    result = simulate(links("8Mbit", "8Mbit"), udp("6Mbit"), tunnel={}, duration="16s", events=events)
    down, up = result.data["failovers"]
    assert (down["link"], down["at_s"], down["up"]) == ("b", 5.0, False)
    assert 0.0 < down["recovery_s"] <= 1.0
    assert down["lost_packets"] > 0
    assert up["recovery_s"] == 0.0
    rates = {
        t: value
        for t, entity, direction, metric, value in result.rows
        if (entity, direction, metric) == ("link/b", "inbound", "throughput_bps")
    }
    assert max(value for t, value in rates.items() if 10.1 < t < 16.9) == 0
    assert min(value for t, value in rates.items() if 19 < t < 20.8) > 1e6


def test_a_carrier_that_goes_is_noticed_sooner_than_silence() -> None:
    recovery = {}
    for how in ("carrier", "silent"):
        events = [{"at": "5s", "link": "b", "up": False, "how": how}]
        result = simulate(links("8Mbit", "8Mbit"), udp("6Mbit"), tunnel={}, duration="10s", events=events)
        recovery[how] = (result.data["failovers"][0]["recovery_s"], result.flow("udp")["lost_packets"])
    assert recovery["carrier"] < recovery["silent"]


def test_capacity_counts_the_events() -> None:
    events = [
        {"at": "5s", "link": "a", "rate": "4Mbit"},
        {"at": "8s", "link": "a", "up": False},
    ]
    result = simulate(links("8Mbit"), udp("20Mbit"), tunnel=None, duration="10s", events=events)
    row = result.data["links"][0]
    assert row["capacity_bps"] == pytest.approx((5 * 8e6 + 3 * 4e6) / 10)
    assert row["delivered_bps"] == pytest.approx(row["capacity_bps"], rel=0.02)


def test_directions_have_their_own_rates() -> None:
    wire = [link("1Mbit") | {"rate": {"down": "8Mbit", "up": "1Mbit"}, "delay": {"down": "10ms", "up": "50ms"}}]
    down = simulate(wire, udp("10Mbit", direction="inbound"), PING, duration="5s")
    up = simulate(wire, udp("10Mbit", direction="outbound"), duration="5s")
    assert down.flow("udp")["goodput_bps"] == pytest.approx(8e6 * 1200 / 1228, rel=0.01)
    assert up.flow("udp")["goodput_bps"] == pytest.approx(1e6 * 1200 / 1228, rel=0.01)
    quiet = simulate(wire, PING, duration="5s")
    assert quiet.flow("ping")["rtt_s"]["p50"] == pytest.approx(0.060 + 84 * 8 / 8e6 + 84 * 8 / 1e6, abs=1e-5)


def test_a_server_that_is_far_off() -> None:
    near = simulate(links("16Mbit"), PING, tunnel={}, duration="5s")
    scenario = build(links("16Mbit"), PING, tunnel={}, duration="5s")
    far = Simulation(
        scenario.model_copy(update={"topology": scenario.topology.model_copy(update={"server_delay": 0.03})})
    )
    far.run()
    difference = far.result(0.0).flow("ping")["rtt_s"]["p50"] - near.flow("ping")["rtt_s"]["p50"]
    assert difference == pytest.approx(0.06, abs=1e-4)


def test_a_transfer_ends() -> None:
    result = simulate(links("8Mbit"), tcp(bytes="1MB", start="0s"), duration="10s")
    flow = result.flow("tcp")
    ideal = 1e6 * 8 / (8e6 * 1448 / 1500)
    assert ideal < flow["completion_s"] < ideal + 0.5
    assert flow["goodput_bps"] == pytest.approx(1e6 * 8 / 10)


def test_a_transfer_that_does_not_end_has_no_completion() -> None:
    result = simulate(links("1Mbit"), tcp(bytes="100MB"), duration="5s")
    assert result.flow("tcp")["completion_s"] is None


def test_cross_traffic_beside_the_tunnel_takes_its_share() -> None:
    cross = udp("4Mbit", via="a") | {"name": "cross"}
    result = simulate(links("8Mbit", "8Mbit"), tcp(), cross, tunnel={}, duration="10s")
    assert result.flow("cross")["goodput_bps"] == pytest.approx(4e6, rel=0.1)
    total = result.flow("tcp")["goodput_bps"] * 1500 / 1380 + result.flow("cross")["goodput_bps"] * 1228 / 1200
    assert total == pytest.approx(16e6, rel=0.06)


def test_two_flows_share_a_link() -> None:
    flows = [tcp() | {"name": name} for name in ("first", "second")]
    result = simulate([link("16Mbit", "20ms")], *flows, duration="40s")
    rates = [result.flow(name)["goodput_bps"] for name in ("first", "second")]
    assert sum(rates) == pytest.approx(16e6 * 1448 / 1500, rel=0.03)
    assert min(rates) > 0.25 * sum(rates)


def test_the_series_add_up_to_the_flow() -> None:
    result = simulate(links("8Mbit", "8Mbit"), tcp(), tunnel={}, duration="5s")
    bins = [
        value
        for t, entity, _, metric, value in result.rows
        if (entity, metric) == ("flow/tcp", "throughput_bps") and t >= 5.0
    ]
    assert len(bins) == 50
    assert sum(bins) / 50 == pytest.approx(result.flow("tcp")["goodput_bps"])


def test_the_rows_are_a_sequence_that_keeps_little() -> None:
    result = simulate(links("8Mbit", "8Mbit"), tcp(), tunnel={}, warmup="1s", duration="2s")
    rows = list(result.rows)
    assert len(result.rows) == len(rows) > 100
    for index in (0, 1, 29, 30, 31, len(rows) - 1, -1, -len(rows)):
        assert result.rows[index] == rows[index]
    assert list(result.rows[10:50:7]) == rows[10:50:7]
    for index in (len(rows), -len(rows) - 1):
        with pytest.raises(IndexError):
            result.rows[index]
    assert list(pickle.loads(pickle.dumps(result)).rows) == rows
    assert result.frame("series")["value"].tolist() == [row[4] for row in rows]
