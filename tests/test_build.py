"""From a scenario to the objects that run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulating import build, link, links, tcp, udp

from mpsim.access_links import build_link, capacity_of
from mpsim.build import build_endpoint, framing_limit, inner_mtu, session_epoch, stream
from mpsim.tunnel.loss_detection import Nack


def test_streams_are_their_own_and_reproducible() -> None:
    assert stream(1, "link", "a").random() == stream(1, "link", "a").random()
    draws = {stream(seed, *names).random() for seed in (1, 2) for names in (("a",), ("b",), ("a", "b"))}
    assert len(draws) == 6


@pytest.mark.parametrize(("mtu", "expected"), [(None, 1432), (1400, 1400)])
def test_inner_mtu(mtu: int | None, expected: int) -> None:
    tunnel: dict[str, Any] = {} if mtu is None else {"mtu": mtu}
    assert inner_mtu(build(links("8Mbit"), udp("1Mbit"), tunnel=tunnel)) == expected
    assert inner_mtu(build(links("8Mbit"), udp("1Mbit"))) == 1500


def test_framing_limits() -> None:
    scenario = build(links("8Mbit"), udp("1Mbit"), tunnel={})
    assert framing_limit(scenario, "tcp", None, tunnelled=True) == pytest.approx((1432 - 52) / 1500)
    assert framing_limit(scenario, "tcp", None, tunnelled=False) == pytest.approx(1448 / 1500)
    assert framing_limit(scenario, "udp", 1200, tunnelled=True) == pytest.approx(1200 / (1200 + 28 + 68))
    assert framing_limit(scenario, "udp", 1200, tunnelled=False) == pytest.approx(1200 / 1228)


@pytest.mark.parametrize(
    ("queue", "accepted"),
    [("3p", 4), ("4500B", 4), ("1bdp", 1 + 16_000 // 1500)],  # 8 Mbit/s for two delays of 8 ms
)
def test_queues(queue: str, accepted: int) -> None:
    wire = build_link(build([link("8Mbit", "8ms", queue=queue)], udp("1Mbit")), 0, "inbound")
    assert sum(wire.send(number, 1500, 0.0) for number in range(50)) == accepted


def test_directions_have_their_own() -> None:
    scenario = build(
        [link("1Mbit") | {"rate": {"down": "8Mbit", "up": "1Mbit"}, "delay": {"down": "1ms", "up": "2ms"}}],
        udp("1Mbit"),
    )
    for direction, arrival in (("inbound", 0.001 + 0.001), ("outbound", 0.008 + 0.002)):
        wire = build_link(scenario, 0, direction)  # type: ignore[arg-type]
        wire.send("packet", 1000, 0.0)
        assert wire.next_timeout() == pytest.approx(arrival)
        assert (wire.name, wire.direction) == ("a", direction)


def test_a_trace_takes_the_place_of_a_rate(tmp_path: Path) -> None:
    (tmp_path / "down").write_text("1\n2\n10\n")
    (tmp_path / "up").write_text("5\n")
    table = {"name": "a", "delay": "0ms", "trace": {"down": str(tmp_path / "down"), "up": str(tmp_path / "up")}}
    scenario = build([table], udp("1Mbit"))
    wire = build_link(scenario, 0, "inbound")
    wire.send("packet", 1500, 0.003)
    assert wire.next_timeout() == pytest.approx(0.010)
    assert capacity_of(scenario, 0, "outbound").capacity_bits(0.0, 1.0) == pytest.approx(200 * 12_000, abs=12_000)


def test_an_endpoint_has_the_scenario_s_parts() -> None:
    tunnel = {
        "scheduler": {"name": "round-robin", "packets": 3},
        "congestion": {"name": "cubic", "beta": 0.5},
        "loss_detection": "nack",
    }
    scenario = build([link("8Mbit", metric=2), link("4Mbit", name="b")], tcp(), tunnel=tunnel)
    endpoint = build_endpoint(scenario, "local", epoch=5)
    assert repr(endpoint.scheduler) == "RoundRobin(packets=3, cwnd_limited=True)"
    assert [(path.name, path.metric) for path in endpoint.paths] == [("a", 2), ("b", 0)]
    assert [path.congestion.beta for path in endpoint.paths] == [0.5, 0.5]  # type: ignore[attr-defined]
    assert endpoint.paths[0].congestion is not endpoint.paths[1].congestion
    assert isinstance(endpoint.paths[0].flight.detection, Nack)
    assert endpoint.epoch == 5


def test_without_a_tunnel_there_is_no_endpoint() -> None:
    with pytest.raises(ValueError, match="no tunnel"):
        build_endpoint(build(links("8Mbit"), udp("1Mbit")), "local", epoch=1)


def test_epochs_differ_between_ends_and_seeds() -> None:
    scenarios = [build(links("8Mbit"), udp("1Mbit"), tunnel={}, seed=seed) for seed in (1, 2)]
    epochs = {session_epoch(scenario, side) for scenario in scenarios for side in ("local", "remote")}  # type: ignore[arg-type]
    assert len(epochs) == 4


def test_capacity_counts_events_by_the_measured_interval() -> None:
    events = [{"at": "2s", "link": "a", "rate": "4Mbit"}, {"at": "4s", "link": "a", "up": False}]
    scenario = build(links("8Mbit", "8Mbit"), udp("1Mbit"), warmup="5s", duration="6s", events=events)
    wire = capacity_of(scenario, 0, "inbound")
    assert wire.capacity_bits(5.0, 11.0) == pytest.approx(2 * 8e6 + 2 * 4e6)
    assert capacity_of(scenario, 1, "inbound").capacity_bits(5.0, 11.0) == pytest.approx(6 * 8e6)
