"""7. Does the goodput grow with every further link?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import Point, curves

COUNTS = (1, 2, 3, 4, 6, 8)
SYSTEMS = (cells.OURS, cells.DISSERTATION, cells.MPTCP)
LEAST_SLOPE = 0.85  # of what one link carries without a tunnel


class ManyLinks(Criterion):
    """One to eight links of 8 Mbit/s."""

    id = "7"
    name = "many-links"
    tier = "extended"
    question = "Does the goodput grow with every further link, up to eight?"
    rule = (
        "Over 1, 2, 3, 4, 6 and 8 links of 8 Mbit/s, in both directions: each median of the default tunnel's goodput "
        f"above the one before, and the slope of the trend line at least {LEAST_SLOPE:.0%} of what one link carries "
        "without a tunnel."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), _cells())

    def judge(self, runs: Runs) -> Verdict:
        rising, slopes, shares = True, [], []
        for direction in DIRECTIONS:
            key = cells.goodput_key(direction)
            one = runs.median(key, links="8", system=cells.DIRECT, direction=direction)
            found = [runs.median(key, links=_links(n), system=cells.OURS, direction=direction) for n in COUNTS]
            rising &= all(before < after for before, after in pairwise(found))
            slopes.append(float(np.polyfit(COUNTS, found, 1)[0]) / one)
            shares.append(found[-1] / (COUNTS[-1] * one))
        text = (
            f"{'rising with every link' if rising else 'not rising with every link'}; a further link adds at least "
            f"{min(slopes):.0%} of one link's goodput; {COUNTS[-1]} links carry {min(shares):.0%} of "
            f"{COUNTS[-1]} times one link's"
        )
        return Verdict.of(rising and min(slopes) >= LEAST_SLOPE, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        sums = [(n, cells.tunnelled(_links(n))) for n in COUNTS]
        yield Picture(
            "many-links",
            "Goodput of one inner CUBIC flow over 1 to 8 links of 8 Mbit/s.",
            lambda: curves(
                _points(worlds, cells.goodput_key, 1 / cells.BPS_PER_MBIT),
                x_axis="links of 8 Mbit/s",
                y_axis="goodput, Mbit/s",
                lines={
                    "what the tunnel's framing leaves of the sum": dict.fromkeys(DIRECTIONS, sums),
                    "trend of the default tunnel": {way: _trend(worlds, way) for way in DIRECTIONS},
                },
            ),
        )
        yield Picture(
            "many-links-efficiency",
            "The same as a fraction of what each system's framing leaves of the summed capacity.",
            lambda: curves(
                _points(worlds, cells.efficiency_key, 1.0),
                x_axis="links of 8 Mbit/s",
                y_axis="efficiency",
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds)


def _trend(worlds: Mapping[str, Runs], direction: str) -> list[tuple[float, float]]:
    """Give the line of least squares through all runs of the default tunnel, in both worlds."""
    found = [
        (count, value / cells.BPS_PER_MBIT)
        for runs in worlds.values()
        for count in COUNTS
        for value in runs.values(
            cells.goodput_key(direction), links=_links(count), system=cells.OURS, direction=direction
        )
    ]
    if not found:
        return [(COUNTS[0], math.nan)]
    slope, base = np.polyfit([count for count, _ in found], [value for _, value in found], 1)
    return [(count, float(base + slope * count)) for count in (COUNTS[0], COUNTS[-1])]


def _links(count: int) -> str:
    return {1: "8", 2: "8+8"}.get(count, f"{count}x8")


def _raw(count: int, system: str, direction: str) -> dict[str, Any]:
    return cells.cell(_links(count), system, [cells.tcp(direction)])


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        yield {"links": "8", "system": cells.DIRECT, "direction": direction}, _raw(1, cells.DIRECT, direction)
        for count in COUNTS:
            for system in SYSTEMS:
                labels = {"links": _links(count), "system": system, "direction": direction}
                yield labels, _raw(count, system, direction)


def _points(worlds: Mapping[str, Runs], key: Any, factor: float) -> list[Point]:
    return [
        Point(
            direction,
            system,
            world,
            count,
            cells.scaled(runs.spread(key(direction), links=_links(count), system=system, direction=direction), factor),
        )
        for direction in DIRECTIONS
        for system in SYSTEMS
        for world, runs in worlds.items()
        for count in COUNTS
    ]
