"""Two equal flows over one link share it: Jain's index of their goodput is at least 0.95."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from simulating import link, simulate, tcp


def jain(values: Sequence[float]) -> float:
    """Jain, Chiu and Hawe, DEC-TR-301, 1984: 1 if all are equal, 1/n if one has it all."""
    return sum(values) ** 2 / (len(values) * sum(value**2 for value in values))


@pytest.mark.parametrize("name", ["newreno", "cubic", "bbr", "bbr3"])
def test_two_equal_flows_share(name: str) -> None:
    flows = [tcp(name) | {"name": "first"}, tcp(name, start="-18s") | {"name": "second"}]
    result = simulate([link("16Mbit", "20ms", queue="100p")], *flows, warmup="20s", duration="60s")
    goodput = [result.flow(flow)["goodput_bps"] for flow in ("first", "second")]
    assert jain(goodput) >= 0.95
    assert sum(goodput) > 0.9 * 16e6
