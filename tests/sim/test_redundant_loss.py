"""Copies on independent paths: what is lost is the product of the losses."""

from __future__ import annotations

import pytest
from simulating import link, simulate, udp

REDUNDANT = {"scheduler": "redundant", "congestion": "none", "reorder": {"mode": "none"}}


@pytest.mark.parametrize(("loss", "duration"), [(0.1, "10s"), (0.2, "5s")])
def test_loss_is_the_product_of_the_paths_losses(loss: float, duration: str) -> None:
    lossy = [link("100Mbit", "10ms", loss=loss), link("100Mbit", "10ms", "b", loss=loss)]
    result = simulate(lossy, udp("8Mbit", packet_size=125), tunnel=REDUNDANT, warmup="1s", duration=duration)
    flow = result.flow("udp")
    assert flow["sent_packets"] * loss**2 > 790  # 10 % are almost three standard deviations
    assert flow["loss_ratio"] == pytest.approx(loss**2, rel=0.1)
    assert flow["out_of_order_ratio"] == pytest.approx(0, abs=0.02)  # a second copy is never a packet
    assert result.data["tunnel"]["duplicates_ratio"] > 0.5


def test_lamps_finds_out_which_path_loses_and_lets_it_carry_copies() -> None:
    near_and_lossy = [link("8Mbit", "10ms", loss=0.2), link("8Mbit", "20ms", "b")]
    lost = {}
    for scheduler in ("min-rtt", "lamps"):
        result = simulate(near_and_lossy, udp("3Mbit"), tunnel={"scheduler": scheduler}, warmup="3s", duration="5s")
        lost[scheduler] = result.flow("udp")["loss_ratio"]
        copies = result.data["tunnel"]["duplicates_ratio"]
    assert lost["min-rtt"] > 0.1  # most goes by the near path
    assert lost["lamps"] < 0.01
    assert copies > 0.5


def test_one_of_three_paths_is_enough() -> None:
    lossy = [link("20Mbit", "10ms", name, loss=0.3 if name == "a" else 0.0) for name in "abc"]
    result = simulate(lossy, udp("4Mbit"), tunnel=REDUNDANT, warmup="1s", duration="3s")
    assert result.flow("udp")["lost_packets"] == 0
