"""The steering modes of ATSSS (3GPP TS 23.501, section 5.32.8) do what they are called."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import Table, link, simulate, udp

RANKED = [link("8Mbit", "20ms", metric=0), link("8Mbit", "10ms", "b", metric=1)]
EQUAL = [link("8Mbit", "20ms"), link("8Mbit", "10ms", "b")]


def share_of_first(mode: str, rate: str, wires: list[Table], **tunnel: Any) -> float:
    """Return how much of all bytes the first access carries; no packet may be lost."""
    result = simulate(wires, udp(rate), tunnel={"system": f"atsss-{mode}", **tunnel}, warmup="2s", duration="3s")
    assert result.flow("udp")["loss_ratio"] < 0.005
    inbound = {row["link"]: row["bytes"] for row in result.data["paths"] if row["direction"] == "inbound"}
    share: float = inbound["a"] / sum(inbound.values())
    return share


@pytest.mark.parametrize(
    ("mode", "accesses", "rate", "share"),
    [
        ("active-standby", RANKED, "5Mbit", 1.0),
        ("smallest-delay", EQUAL, "5Mbit", 0.0),
        ("priority", RANKED, "5Mbit", 1.0),
        ("priority", RANKED, "12Mbit", 0.61),  # 7.4 Mbit/s of payload is all that fits into 8
        ("redundant", EQUAL, "5Mbit", 0.5),
    ],
)
def test_which_access_carries_what(mode: str, accesses: list[Table], rate: str, share: float) -> None:
    assert share_of_first(mode, rate, accesses) == pytest.approx(share, abs=0.03)


def test_load_balancing_by_percentages() -> None:
    assert share_of_first("load-balancing", "8Mbit", EQUAL) == pytest.approx(0.5, abs=0.01)
    percentages = {"scheduler": {"name": "weighted", "weights": [70, 30]}}
    assert share_of_first("load-balancing", "8Mbit", EQUAL, **percentages) == pytest.approx(0.7, abs=0.01)
