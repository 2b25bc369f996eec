"""The M/D/1 queue: Poisson arrivals of equal packets into an unlimited queue, and what theory says of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from simulating import build, link, udp

from mpsim.sim import Simulation

RATE = 16e6  # bit/s
PAYLOAD = 1200
SERVICE = (PAYLOAD + 28) * 8 / RATE  # s
DELAY = 0.020
BATCHES = 20
# Student's t for 19 degrees of freedom, 99 % two-sided.
STUDENT = 2.861


class Samples:
    """Keeps every one-way delay, where the result only keeps a histogram."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    def add(self, delays: Sequence[float]) -> None:
        self.delays.extend(delays)

    def summary(self, *percents: int) -> None:
        """The histogram's row of the result is not looked at."""


def waiting_times(load: float, packets: int, seed: int) -> np.ndarray:
    """Simulate about so many packets at a load and return each one's waiting time (s)."""
    seconds = packets * SERVICE / load
    rate = load * RATE * PAYLOAD / (PAYLOAD + 28)
    scenario = build(
        [link("16Mbit", "20ms", queue="1000000p")],
        udp(f"{rate:.3f}bit", arrivals="poisson"),
        warmup="5s",
        duration=f"{seconds:.3f}s",
        seed=seed,
    )
    simulation = Simulation(scenario)
    samples = Samples()
    simulation.flows[0].delays = samples  # type: ignore[attr-defined]
    simulation.run()
    return np.asarray(samples.delays) - SERVICE - DELAY


def theory(load: float) -> float:
    """Mean waiting time of M/D/1 (Pollaczek and Khinchine), s."""
    return load * SERVICE / (2 * (1 - load))


def interval(waits: np.ndarray) -> tuple[float, float]:
    """Mean and half width of its 99 % confidence interval, by batch means (neighbours are correlated)."""
    means = np.array([batch.mean() for batch in np.array_split(waits, BATCHES)])
    return float(means.mean()), float(STUDENT * means.std(ddof=1) / np.sqrt(BATCHES))
