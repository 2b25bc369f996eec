"""What a tunnel over several links must add up to."""

from __future__ import annotations

import pytest
from simulating import link, links, simulate, tcp, udp

SUMS = [("8Mbit", "8Mbit"), ("16Mbit", "16Mbit"), ("8Mbit", "16Mbit"), ("8Mbit",) * 4]
DIRECTIONS = ["inbound", "outbound"]
UNCONTROLLED = {"scheduler": "round-robin", "congestion": "none"}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("mode", ["none", "timeout"])
def test_round_robin_without_windows_carries_udp(mode: str, direction: str) -> None:
    tunnel = {**UNCONTROLLED, "reorder": {"mode": mode}}
    result = simulate(links("8Mbit", "8Mbit"), udp("14Mbit", direction=direction), tunnel=tunnel, duration="10s")
    flow = result.flow("udp")
    assert flow["loss_ratio"] < 0.005
    assert flow["goodput_bps"] == pytest.approx(14e6, rel=0.005)
    if mode == "timeout":
        assert flow["out_of_order_ratio"] == 0
    for row in result.data["links"]:
        if row["direction"] == direction:
            assert row["delivered_bps"] == pytest.approx(7e6 * 1296 / 1200, rel=0.01)  # each carries half


def test_resequencing_is_what_puts_unequal_delays_in_order() -> None:
    unequal = [link("8Mbit", "10ms"), link("8Mbit", "40ms", "b")]
    ratios = {}
    for mode in ("none", "timeout"):
        tunnel = {**UNCONTROLLED, "reorder": {"mode": mode}}
        result = simulate(unequal, udp("10Mbit"), tunnel=tunnel, duration="5s")
        assert result.flow("udp")["lost_packets"] == 0
        ratios[mode] = result.flow("udp")["out_of_order_ratio"]
    assert ratios["none"] > 0.3
    assert ratios["timeout"] == 0


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("rates", SUMS, ids="+".join)
def test_greedy_with_newreno_adds_links_up(rates: tuple[str, ...], direction: str) -> None:
    tunnel = {"scheduler": "greedy", "congestion": "newreno", "reorder": {"mode": "timeout", "timeout": "200ms"}}
    result = simulate(links(*rates), tcp("cubic", direction=direction), tunnel=tunnel, duration="10s")
    row = result.aggregation(direction)
    assert 0.90 <= row["efficiency"] <= 1.001
    assert row["benefit"] > 0.75
    assert result.valid
    assert result.data["tunnel"]["rejected"] == {"malformed": 0, "forged": 0, "replayed": 0}


def test_a_tunnel_over_one_link_costs_its_headers_only() -> None:
    result = simulate(links("16Mbit"), udp("20Mbit"), tunnel=UNCONTROLLED, duration="10s")
    # 28 of the inner packet, 28 of the outer one, 24 of the header, 16 of the tag; and a few datagrams say
    # which packets the overload has cost.
    assert 0.99 <= result.flow("udp")["goodput_bps"] / (16e6 * 1200 / 1296) <= 1


def test_every_packet_is_accounted_for() -> None:
    lossy = [link("8Mbit", "10ms", loss=0.02), link("4Mbit", "30ms", "b", queue="20p")]
    result = simulate(lossy, udp("14Mbit"), tunnel=UNCONTROLLED, warmup="0s", duration="10s")
    for row in result.data["links"]:
        total = row["total"]
        assert total["offered_packets"] == total["delivered_packets"] + sum(total["drops"].values())
    down = [row["total"]["drops"] for row in result.data["links"] if row["direction"] == "inbound"]
    lost = sum(drops["queue"] + drops["loss"] for drops in down)
    flow = result.flow("udp")
    assert lost > 0.05 * flow["sent_packets"]
    # Nothing else is lost than what a link lost; the tunnel's own datagrams are some of that.
    assert lost * 0.97 <= flow["lost_packets"] <= lost
