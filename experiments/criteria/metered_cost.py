"""18. What does a metered link carry for what it adds?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from experiments import cells
from experiments.base import Outcome, Spread, Trial
from experiments.criteria.metered_links import free_and_metered
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, UnshownError, Verdict
from experiments.drawing import Point, curves
from experiments.windows import mean_between
from mpsim.worlds import SIMULATION

OFFERED = (4.0, 7.0, 10.0, 13.0)  # Mbit/s of UDP payload in 1200-byte packets; two links of 8
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "all links alike": {},
    "overflow": {"scheduler": "overflow"},
}
FEW = 0.05  # Mbit/s: a link that only answers probes
MOST_PER_ADDED = 1.15  # bytes on the link for a byte of payload that was added; headers alone are 1.06
# Of the free link's 8 Mbit/s the tunnel's headers leave this much payload of 1200-byte packets.
FREE = 8.0 * 1200 / (1200 + 28 + 68)
BEYOND_FREE = [(4.0, 0.0), (FREE, 0.0), (13.0, (13.0 - FREE) * 8.0 / FREE)]


class MeteredCost(Criterion):
    """Bytes paid for, bytes gained."""

    id = "18"
    name = "metered-cost"
    tier = "performance"
    question = "What does a metered link carry for what it adds?"
    rule = (
        f"Free 8 and metered 8 Mbit/s, UDP of {', '.join(f'{rate:g}' for rate in OFFERED)} Mbit/s offered, both "
        "directions, overflow scheduler: while the free link alone would do, the metered one "
        "carries nothing but probes; "
        f"beyond that it carries at most {MOST_PER_ADDED} bytes for each byte of payload that arrives beyond what the "
        "free link can carry."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        wanted = (one for one in _cells() if world == SIMULATION or one[0]["policy"] == "overflow")
        return cells.trials_of(world, effort.timing(), wanted)

    def judge(self, runs: Runs) -> Verdict:
        idle, costs = [], []
        for direction in DIRECTIONS:
            for rate in OFFERED:
                some = runs.of(offered=rate, policy="overflow", direction=direction)
                if not some:
                    raise UnshownError(f"no believed run of overflow at {rate:g} Mbit/s {direction}")
                carried = float(np.median([_carried(run, direction) for run in some]))
                if rate < FREE:
                    idle.append(carried)
                else:
                    added = float(np.median([_goodput(run, direction) for run in some])) - FREE
                    costs.append(carried / added if added > 0 else float("inf"))
        text = (
            f"{max(idle) * 1e3:.0f} kbit/s while the free link would do; {min(costs):.2f} to "
            f"{max(costs):.2f} bytes for "
            "each byte added beyond it"
        )
        return Verdict.of(max(idle) <= FEW and max(costs) <= MOST_PER_ADDED, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "metered-cost",
            "What the metered link carries (IP bytes) over what is offered to both links of 8 Mbit/s.",
            lambda: curves(
                [
                    Point(
                        direction,
                        policy,
                        world,
                        rate,
                        Spread.of(
                            [
                                _carried(run, direction)
                                for run in runs.of(offered=rate, policy=policy, direction=direction)
                            ]
                        ),
                    )
                    for world, runs in worlds.items()
                    for direction in DIRECTIONS
                    for policy in POLICIES
                    for rate in OFFERED
                ],
                x_axis="offered payload, Mbit/s",
                y_axis="on the metered link, Mbit/s",
                lines={"what the free link cannot": dict.fromkeys(DIRECTIONS, BEYOND_FREE)},
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                some = runs.of(**labels)
                direction = labels["direction"]
                carried = Spread.of([_carried(run, direction) for run in some])
                goodput = Spread.of([_goodput(run, direction) for run in some])
                told = {"metered link, Mbit/s": carried.median, "goodput, Mbit/s": goodput.median}
                rows.append({**labels, "world": world, **told, "n": len(some)})
        yield Table("What the metered link carries, and what arrives (medians)", rows)


def _carried(run: Outcome, direction: str) -> float:
    duration = run.trial.scenario.duration
    return mean_between(run, 0.0, duration, entity="link/metered", direction=direction) / cells.BPS_PER_MBIT


def _goodput(run: Outcome, direction: str) -> float:
    return (run.number(cells.goodput_key(direction)) or 0.0) / cells.BPS_PER_MBIT


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for rate in OFFERED:
            flow = {
                "name": "stream",
                "kind": "udp",
                "rate": f"{rate:g}Mbit",
                "packet_size": 1200,
                "direction": direction,
            }
            for policy, keys in POLICIES.items():
                links = free_and_metered()
                if policy == "all links alike":
                    links = [{**link, "metric": 0} for link in links]
                labels = {"offered": rate, "policy": policy, "direction": direction}
                yield labels, cells.cell(links, cells.OURS, [flow], tunnel=keys)
