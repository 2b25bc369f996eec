"""6. Do unequal links come between the equal pairs around them, near the middle?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows

# The mixed pair: the pair of its slower link, and of its faster one.
BETWEEN = {"8+16": ("8+8", "16+16"), "16+32": ("16+16", "32+32")}
SYSTEMS = (cells.OURS, cells.DISSERTATION, cells.RESEQUENCED, cells.MPTCP)
DISORDER = {"retransmitted segments": "retransmitted_packets", "out of order": "out_of_order_ratio"}
NEAR_MIDDLE = 0.15  # of the way from the slower to the faster pair, around its half


class UnequalLinks(Criterion):
    """Two links of different speed."""

    id = "6"
    name = "unequal-links"
    tier = "extended"
    question = "Do two unequal links carry what lies between two slow and two fast ones?"
    rule = (
        "8+16 Mbit/s between 8+8 and 16+16, 16+32 between 16+16 and 32+32, in both directions, and no further than "
        f"{NEAR_MIDDLE:.0%} of that way from its middle (medians of the default tunnel's goodput)."
    )

    explanation = (
        "The dissertation's tunnel passes packets on in whatever order the paths deliver them: between a "
        "third and a half of the segments reach the inner TCP out of order. Today's TCP (RACK, RFC 8985) "
        "bears that, at the price of some hundred needless retransmissions in ten seconds (the second table), "
        "so that resequencing alone changes little in the goodput. What the default tunnel has on top is the "
        "window: halved on a NACK, a path's window lets the link's queue overflow each time, where rate-pull "
        "keeps ten milliseconds of queue and loses nothing."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), _cells())

    def judge(self, runs: Runs) -> Verdict:
        places = []
        for links, around in BETWEEN.items():
            for direction in DIRECTIONS:
                middle, low, high = (
                    runs.median(cells.goodput_key(direction), links=one, system=cells.OURS, direction=direction)
                    for one in (links, *around)
                )
                places.append((middle - low) / (high - low))
        text = f"at {min(places):.0%} to {max(places):.0%} of the way from the slower to the faster pair"
        return Verdict.of(all(abs(place - 0.5) <= NEAR_MIDDLE for place in places), text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        order = ["8+8", "8+16", "16+16", "16+32", "32+32"]
        groups = {links: f"{links} Mbit/s" for links in order}
        limits = {
            (links, system): cells.ceiling(cells.cell(links, system, [cells.tcp("inbound")]))
            for links in order
            for system in SYSTEMS
        }
        yield Picture(
            "unequal-links",
            "Goodput of one inner CUBIC flow; the dashed line is what payload framing leaves of the sum.",
            lambda: bar_rows(
                cells.bars(worlds, groups, {name: name for name in SYSTEMS}, limits), axis="goodput, Mbit/s"
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds)
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                if labels["links"] in BETWEEN and runs.of(**labels):
                    told = {
                        name: runs.spread(f"flow.download.{key}", **labels).median for name, key in DISORDER.items()
                    }
                    rows.append({**labels, "world": world, **told, "n": len(runs.of(**labels))})
        yield Table("What the inner TCP sends again, and finds out of order (medians)", rows)


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for links in dict.fromkeys(one for mixed, around in BETWEEN.items() for one in (around[0], mixed, around[1])):
            mixed = links in BETWEEN
            for system in SYSTEMS if mixed else (cells.OURS,):
                labels = {"links": links, "system": system, "direction": direction}
                yield labels, cells.cell(links, system, [cells.tcp(direction)])
