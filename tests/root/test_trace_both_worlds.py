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
TRIES = 3  # where others use the machine, too


def test_each_second_carries_the_same() -> None:
    scenario = scenario_of(trace_worlds.raw_scenario(SHIPPED / "lte-driving-a.down.csv"), TIMING, 1)

    def seconds(result: Result) -> trace_worlds.Seconds:
        return trace_worlds.seconds(result.rows, TIMING.warmup, TIMING.duration)

    expected = seconds(run(scenario))
    for _ in range(TRIES):
        measured = world.run(scenario)
        found = trace_worlds.compare(expected, seconds(measured))
        if measured.valid and found.met:
            break
    # Whether a run believes itself is the machine's matter as well; the seconds are the link's alone.
    assert found.met, (found, measured.invalid_reasons)
    assert found.count == 10
