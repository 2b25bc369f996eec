"""What the proof that one trace drives both worlds counts, and what it allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulating import build

from experiments import trace_worlds
from experiments.base import Timing, scenario_of
from mpsim.access_links import capacity_of
from mpsim.sim import run


def test_seconds_are_counted_in_the_measured_interval() -> None:
    rows = [(t / 10, "link/traced", "inbound", "throughput_bps", 8e3 * (t // 10)) for t in range(50)]
    rows += [(2.0, "link/traced", "outbound", "throughput_bps", 1e9), (2.0, "flow/x", "inbound", "throughput_bps", 1e9)]
    assert trace_worlds.seconds(rows, 1.0, 3.0) == pytest.approx([1000, 2000, 3000])


def test_a_second_may_differ_by_2_percent_or_3_packets() -> None:
    fast, slow = 1000 * 1500.0, 10 * 1500.0
    assert trace_worlds.compare([fast, slow], [fast * 1.015, slow + 3 * 1500]).met
    assert trace_worlds.compare([fast, slow], [fast * 1.021, slow]).beyond == 1
    assert trace_worlds.compare([fast, slow], [fast, slow + 3.1 * 1500]).beyond == 1
    late = trace_worlds.compare([fast] * 10, [fast * 0.985] * 5 + [fast * 0.99] * 5)
    assert late.met
    assert late.worst == pytest.approx(15)
    assert not trace_worlds.compare([fast], [0.0]).met
    with pytest.raises(ValueError, match="zip"):
        trace_worlds.compare([fast], [])


def test_the_simulated_link_delivers_the_trace() -> None:
    trace = next(iter(trace_worlds.traces().values()))
    scenario = scenario_of(trace_worlds.raw_scenario(trace), Timing(warmup=2.0, duration=5.0, repetitions=1), 1)
    delivered = trace_worlds.seconds(run(scenario).rows, 2.0, 5.0)
    link = capacity_of(scenario, 0, "inbound")
    delay = scenario.link[0].delay.of("inbound")
    offered = [link.capacity_bits(2.0 + at - delay, 3.0 + at - delay) / 8 for at in range(5)]
    assert trace_worlds.compare(offered, delivered).worst <= 3


def test_the_packets_are_of_one_opportunity(tmp_path: Path) -> None:
    (tmp_path / "a.trace").write_text("".join(f"{ms}\n" for ms in range(10, 1001, 10)))
    raw = trace_worlds.raw_scenario(tmp_path / "a.trace")
    assert raw["flow"][0]["packet_size"] + 28 == trace_worlds.PACKET
    assert raw["flow"][0]["rate"] == "3.6Mbit"
    build(raw["link"], *raw["flow"])
