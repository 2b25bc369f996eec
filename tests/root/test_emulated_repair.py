"""Repairs between Mininet hosts: real bytes lost on real links come back, sent again or computed from parity."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import build, link, udp

from emulation.run import world

pytestmark = pytest.mark.root

LOSSY = [link("8Mbit", "10ms", name, loss=0.05) for name in "ab"]


@pytest.mark.parametrize(
    ("repair", "left"),
    [(["retransmit"], 0.002), (["parity"], 0.04), (["retransmit", "reinject", "parity"], 0.002)],
    ids=str,
)
def test_lost_packets_come_all_the_same(repair: list[Any], left: float) -> None:
    tunnel = {"repair": repair, "reorder": {"mode": "detect", "timeout": "200ms"}}
    result = world.run(build(LOSSY, udp("4Mbit"), tunnel=tunnel, warmup="1s", duration="4s"))
    assert result.flow("udp")["loss_ratio"] <= left
    assert result.data["tunnel"]["rejected"] == {"malformed": 0, "forged": 0, "replayed": 0}
    again = sum(row["retransmitted"] for row in result.data["paths"])
    assert (again > 0) == ("retransmit" in repair)
    assert (result.data["tunnel"]["recovered_packets"] > 0) == ("parity" in repair)
