"""5. Do two equal links beat one, and approach one of double speed? (The dissertation's figures 4.2 and 4.4.)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows

ONE, DOUBLE = "1 link, direct", "1 link of double speed, direct"
PAIRS = {"8+8": ("8", "16"), "16+16": ("16", "32")}  # the pair: one of its links, one of double speed
COMPARED = (cells.OURS, cells.DISSERTATION, cells.MPTCP, cells.COUPLED, cells.FAILOVER, cells.BALANCING)
SHARE_OF_DOUBLE = 0.90
# Where a flow stays on the link that its hash gives it, many flows are needed to fill both.
FLOWS = 8
MANY = {f"{system}, {FLOWS} flows": system for system in (cells.OURS, cells.MPTCP, cells.BALANCING)}
MANY_LINKS = "8+8"


class EqualLinks(Criterion):
    """Two equal links through the tunnel, against one of them and one of double speed."""

    id = "5"
    name = "equal-links"
    tier = "core"
    question = "Do two equal links beat one, and approach one of double speed?"
    rule = (
        "Over 8+8 and 16+16 Mbit/s, in both directions: the default tunnel's median goodput is above one link's, "
        f"and at least {SHARE_OF_DOUBLE:.0%} of what one link of double speed carries without a tunnel."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), cells.of_world(world, _cells()))

    def judge(self, runs: Runs) -> Verdict:
        gains, shares = [], []
        for links, (one, double) in PAIRS.items():
            for direction in DIRECTIONS:
                key = cells.goodput_key(direction)
                ours = runs.median(key, links=links, system=cells.OURS, direction=direction)
                gains.append(ours / runs.median(key, links=one, system=cells.DIRECT, direction=direction))
                shares.append(ours / runs.median(key, links=double, system=cells.DIRECT, direction=direction))
        text = f"{min(gains):.2f} to {max(gains):.2f} times one link, at least {min(shares):.1%} of one of double speed"
        return Verdict.of(min(gains) > 1 and min(shares) >= SHARE_OF_DOUBLE, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "equal-links",
            "Goodput of one inner CUBIC flow; the dashed line is what payload framing leaves of the capacity.",
            lambda: bar_rows(cells.goodput_bars(worlds, _shown()), axis="goodput, Mbit/s"),
        )
        yield Picture(
            "equal-links-many-flows",
            f"Goodput of {FLOWS} inner CUBIC flows together over {MANY_LINKS} Mbit/s: session balancing spreads them.",
            lambda: bar_rows(
                cells.bars(worlds, {MANY_LINKS: f"{MANY_LINKS} Mbit/s"}, {name: name for name in MANY}),
                axis="goodput, Mbit/s",
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds)


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for links, (one, double) in PAIRS.items():
            for single in (one, double):
                yield _cell(single, cells.DIRECT, direction)
            for system in COMPARED:
                yield _cell(links, system, direction)
        for name, system in MANY.items():
            flows = [cells.tcp(direction, name=f"download{number}") for number in range(FLOWS)]
            yield (
                {"links": MANY_LINKS, "system": name, "direction": direction},
                cells.cell(MANY_LINKS, system, flows),
            )


def _cell(links: str, system: str, direction: str) -> tuple[dict[str, Any], dict[str, Any]]:
    labels = {"links": links, "system": system, "direction": direction}
    return labels, cells.cell(links, system, [cells.tcp(direction)])


def _shown() -> Iterator[tuple[str, str, cells.Labels, cells.Labels]]:
    for direction in DIRECTIONS:
        for links, (one, double) in PAIRS.items():
            shown = [(ONE, one, cells.DIRECT), *((system, links, system) for system in COMPARED)]
            for name, used, system in (*shown, (DOUBLE, double, cells.DIRECT)):
                yield f"{links} Mbit/s", name, *_cell(used, system, direction)
