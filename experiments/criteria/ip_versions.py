"""12. Do IPv4 and IPv6 work inside and outside, in all four combinations?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows

LINKS = "8+8"
VERSIONS = ("ipv4", "ipv6")
NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
LEAST = 0.98


class IpVersions(Criterion):
    """Four combinations over the same links."""

    id = "12"
    name = "ip-versions"
    tier = "stretch"
    question = "Do IPv4 and IPv6 work inside and outside the tunnel, in all four combinations?"
    rule = (
        f"8+8 Mbit/s, both directions: the efficiency (goodput over what each combination's headers leave) of all four "
        f"is at least {LEAST:.0%} of IPv4 in IPv4."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), _cells())

    def judge(self, runs: Runs) -> Verdict:
        shares = []
        for direction in DIRECTIONS:
            key = cells.efficiency_key(direction)
            plain = runs.median(key, versions="IPv4 in IPv4", direction=direction)
            shares += [runs.median(key, versions=name, direction=direction) / plain for name, _, _ in _versions()]
        return Verdict.of(min(shares) >= LEAST, f"{min(shares):.1%} to {max(shares):.1%} of IPv4 in IPv4")

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "ip-versions",
            "Goodput of one inner CUBIC flow over 8+8 Mbit/s; the dashed line is what the headers leave.",
            lambda: bar_rows(
                cells.goodput_bars(
                    worlds, (("inner in outer", labels["versions"], labels, raw) for labels, raw in _cells())
                ),
                axis="goodput, Mbit/s",
                digits=2,
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds, ("versions", "direction"))


def _versions() -> Iterator[tuple[str, str, str]]:
    for inner in VERSIONS:
        for outer in VERSIONS:
            yield f"{NAMES[inner]} in {NAMES[outer]}", inner, outer


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for name, inner, outer in _versions():
            topology = {"inner": inner, "outer": outer}
            plain = {} if (inner, outer) == ("ipv4", "ipv4") else {"topology": topology}
            labels = {"versions": name, "direction": direction}
            yield labels, cells.cell(LINKS, cells.OURS, [cells.tcp(direction)], **plain)
