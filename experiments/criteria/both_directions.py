"""2. Do the gains hold in both directions?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criteria.equal_links import EqualLinks
from experiments.criteria.many_links import ManyLinks
from experiments.criteria.unequal_links import UnequalLinks
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows

LINKS = ("8+8", "16+16", "8+16", "16+32", "3x8", "4x8")
WITHIN = 0.05


class BothDirections(Criterion):
    """Inbound and outbound, side by side."""

    id = "2"
    name = "both-directions"
    tier = "core"
    question = "Do all gains hold in both directions?"
    rule = (
        f"Over {', '.join(LINKS)} Mbit/s the default tunnel's median goodput is above that of the best link alone in "
        f"both directions, and the two differ by at most {WITHIN:.0%}. Every other figure of this report has its twin."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        wanted = {(links, cells.OURS) for links in LINKS} | {(_best(links), cells.DIRECT) for links in LINKS}
        found = [trial for one in (EqualLinks(), UnequalLinks(), ManyLinks()) for trial in one.trials(world, effort)]
        return [
            *(one for one in found if (one.labels["links"], one.labels["system"]) in wanted),
            *cells.trials_of(world, effort.timing(), _alone()),
        ]

    def judge(self, runs: Runs) -> Verdict:
        gains, apart = [], []
        for links in LINKS:
            ways = []
            for direction in DIRECTIONS:
                key = cells.goodput_key(direction)
                ways.append(runs.median(key, links=links, system=cells.OURS, direction=direction))
                alone = runs.median(key, links=_best(links), system=cells.DIRECT, direction=direction)
                gains.append(ways[-1] / alone)
            apart.append(abs(ways[0] / ways[1] - 1))
        text = f"at least {min(gains):.2f} times the best link alone; the directions differ by at most {max(apart):.1%}"
        return Verdict.of(min(gains) > 1 and max(apart) <= WITHIN, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        groups = {links: f"{links} Mbit/s" for links in LINKS}
        yield Picture(
            "both-directions",
            "The default tunnel's goodput in both directions.",
            lambda: bar_rows(cells.bars(worlds, groups, {cells.OURS: cells.OURS}), axis="goodput, Mbit/s"),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for links in LINKS:
                row: dict[str, Any] = {"links": links, "world": world}
                for direction in DIRECTIONS:
                    chosen = {"links": links, "system": cells.OURS, "direction": direction}
                    spread = runs.spread(cells.goodput_key(direction), **chosen)
                    row[f"{direction}, Mbit/s"] = spread.median / cells.BPS_PER_MBIT
                rows.append(row)
        yield Table("The default tunnel in both directions (medians)", rows)


def _best(links: str) -> str:
    return f"{max(cells.rates_of(links)):g}"


def _alone() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for links in dict.fromkeys(map(_best, LINKS)):
            labels = {"links": links, "system": cells.DIRECT, "direction": direction}
            yield labels, cells.cell(links, cells.DIRECT, [cells.tcp(direction)])
