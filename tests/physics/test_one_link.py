"""One link of 16 Mbit/s and 20 ms with a queue of 100 packets: what arithmetic says it must carry."""

from __future__ import annotations

import pytest
from simulating import link, simulate, tcp, udp

RATE = 16e6
HEADERS = 28
PAYLOAD = 1200
CAPACITY = RATE * PAYLOAD / (PAYLOAD + HEADERS)  # bit/s of payload
ONE = [link("16Mbit", "20ms", queue="100p")]


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("congestion", ["cubic", "newreno"])
def test_tcp_fills_the_link(congestion: str, direction: str) -> None:
    result = simulate(ONE, tcp(congestion, direction=direction), duration="20s")
    payload = RATE * 1448 / 1500  # Ethernet's MTU less IP, TCP and timestamps
    # The upper bound allows for one packet that straddles each end of the interval.
    assert 0.95 * payload <= result.flow("tcp")["goodput_bps"] <= 1.001 * payload


@pytest.mark.parametrize("load", [0.5, 0.8, 0.95, 1.0, 1.05, 1.25, 1.5])
def test_udp_delivers_the_smaller_of_offered_and_capacity(load: float) -> None:
    offered = load * CAPACITY
    result = simulate(ONE, udp(f"{offered:.0f}bit"), warmup="1s", duration="10s")
    flow = result.flow("udp")
    assert flow["goodput_bps"] == pytest.approx(min(offered, CAPACITY), rel=0.01)
    # Once the queue is full, what does not fit is lost, and all of it is known to be.
    assert flow["loss_ratio"] == pytest.approx(max(0.0, 1 - 1 / load), abs=0.01)


@pytest.mark.parametrize("delay", [0, 5, 20, 150])
def test_ping_takes_two_delays(delay: int) -> None:
    result = simulate([link("16Mbit", f"{delay}ms")], {"name": "ping", "kind": "ping"}, duration="5s")
    flow = result.flow("ping")
    assert flow["lost_packets"] == 0
    assert flow["sent_packets"] == 25
    for value in flow["rtt_s"].values():
        assert value == pytest.approx(2 * delay / 1000, abs=1e-4)


def test_ping_under_load_waits_for_the_full_queue() -> None:
    result = simulate(ONE, {"name": "ping", "kind": "ping"}, udp("24Mbit"), warmup="2s", duration="5s")
    # 100 packets wait, each for the ones before it, and one is being sent.
    waiting = 100 * (PAYLOAD + HEADERS) * 8 / RATE
    assert result.flow("ping")["rtt_s"]["p95"] == pytest.approx(0.040 + waiting, abs=0.002)
    assert result.data["links"][0]["queue_delay_s"]["p50"] == pytest.approx(waiting, rel=0.02)


def test_one_way_delay_of_an_idle_link_is_transmission_and_propagation() -> None:
    result = simulate(ONE, udp("1Mbit"), duration="2s")
    expected = 0.020 + (PAYLOAD + HEADERS) * 8 / RATE
    for value in result.flow("udp")["one_way_delay_s"].values():
        assert value == pytest.approx(expected, rel=1e-3)
