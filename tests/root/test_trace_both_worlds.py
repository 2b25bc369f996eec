"""One trace file drives the simulated link and the emulated one alike."""

from __future__ import annotations

import pytest

from emulation.run import world
from experiments import trace_worlds
from experiments.base import Timing, scenario_of
from experiments.generated_traces import SHIPPED
from mpsim.result import Result
from mpsim.sim import run

pytestmark = pytest.mark.root
TIMING = Timing(warmup=2.0, duration=10.0, repetitions=1)


def test_each_second_carries_the_same() -> None:
    scenario = scenario_of(trace_worlds.raw_scenario(SHIPPED / "lte-driving-a.down.csv"), TIMING, 1)

    def seconds(result: Result) -> trace_worlds.Seconds:
        return trace_worlds.seconds(result.rows, TIMING.warmup, TIMING.duration)

    measured = world.run(scenario)
    assert measured.valid, measured.invalid_reasons
    found = trace_worlds.compare(seconds(run(scenario)), seconds(measured))
    assert found.met, found
    assert found.count == 10
