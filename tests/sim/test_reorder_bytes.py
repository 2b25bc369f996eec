"""What waits in the reorder buffers: by Little's law, rate times how long packets of the quicker link wait."""

from __future__ import annotations

import pytest
from simulating import link, simulate, udp

from mpsim.metrics import percentiles

TUNNEL = {"scheduler": "round-robin", "congestion": "none", "reorder": {"mode": "timeout", "timeout": "400ms"}}
PLACE = ("tunnel", "inbound", "reorder_bytes")


def held(*delays: str) -> dict[str, float]:
    wires = [link("16Mbit", delay, name) for delay, name in zip(delays, "ab", strict=True)]
    result = simulate(wires, udp("4Mbit"), tunnel=TUNNEL, warmup="1s", duration="5s")
    row = result.data["tunnel"]["reorder_bytes"]
    series = [value for when, entity, way, metric, value in result.rows if (entity, way, metric) == PLACE and when >= 1]
    assert row == percentiles(series, 50, 95, 99)
    return row


def test_every_other_packet_waits_for_the_slower_link() -> None:
    overhead = (1200 + 28) / 1200
    assert held("10ms", "60ms")["p50"] == pytest.approx(4e6 / 8 / 2 * 0.050 * overhead, rel=0.1)


def test_equal_links_hold_nothing() -> None:
    assert held("10ms", "10ms")["p95"] < 1500
