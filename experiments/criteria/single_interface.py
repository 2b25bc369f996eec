"""10. May the remote portal have one single interface for both its roles?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows

LINKS = "8+8"
TOPOLOGIES = {"one interface": True, "an interface each role": False}
LEAST = 0.95


class SingleInterface(Criterion):
    """The remote portal reaches the paths and the server through the same interface."""

    id = "10"
    name = "single-interface"
    tier = "extended"
    question = "May the remote portal have one single interface for both its roles?"
    rule = (
        f"8+8 Mbit/s, both directions: with one interface the tunnel carries at least {LEAST:.0%} of what it carries "
        "with an interface for each role."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), _cells())

    def judge(self, runs: Runs) -> Verdict:
        shares = []
        for direction in DIRECTIONS:
            single, apart = (
                runs.median(cells.goodput_key(direction), interfaces=name, direction=direction) for name in TOPOLOGIES
            )
            shares.append(single / apart)
        return Verdict.of(min(shares) >= LEAST, f"{min(shares):.1%} or more of the goodput with two interfaces")

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "single-interface",
            "Goodput of the default tunnel over 8+8 Mbit/s.",
            lambda: bar_rows(
                cells.goodput_bars(
                    worlds, ((f"{LINKS} Mbit/s", labels["interfaces"], labels, None) for labels, _ in _cells())
                ),
                axis="goodput, Mbit/s",
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds, ("interfaces", "direction"))


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for name, single in TOPOLOGIES.items():
            # As in the other criteria where it is the usual one, so that the same runs serve.
            topology = {"topology": {"single_interface": True}} if single else {}
            labels = {"interfaces": name, "direction": direction}
            yield labels, cells.cell(LINKS, cells.OURS, [cells.tcp(direction)], **topology)
