"""One run of a scenario over a generated trace: the link carries what the trace says, no more and no less."""

from __future__ import annotations

import tomllib

import pytest

import mpsim
from experiments.generated_traces import SHIPPED
from mpsim.scenario import parse
from mpsim.traces.formats import read

SCENARIO = f"""
schema = 1
name = "traced"
warmup = "1s"
duration = "4s"

[[link]]
name = "lte"
rate = "50Mbit"
trace = {{ down = "{SHIPPED / "lte-driving-a.down.csv"}", offset = "100s", scale = 0.5 }}
delay = "10ms"
queue = "50p"

[[flow]]
kind = "udp"
direction = "inbound"
rate = "40Mbit"
start = "-1s"
"""


def test_a_link_carries_its_trace() -> None:
    result = mpsim.run(parse(tomllib.loads(SCENARIO)))
    (link,) = (one for one in result.data["links"] if one["direction"] == "inbound")
    (steps,) = read(SHIPPED / "lte-driving-a.down.csv").windows
    # Offset 100 s, then a second of warm-up: 101 s to 105 s, half of it.
    carried = steps.between(101.0, 105.0).integral() / 2
    assert link["capacity_bps"] * 4 == pytest.approx(carried, abs=3 * 12_000)
    # Its queue is never empty, packets are smaller than an opportunity and share them.
    assert link["delivered_bps"] == pytest.approx(link["capacity_bps"], rel=0.02)
    assert result.data["scenario"]["link"][0]["trace"]["scale"] == 0.5
