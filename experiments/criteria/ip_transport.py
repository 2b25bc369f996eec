"""14. Does raw IP transport save header bytes, and is it seen in the goodput?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial, scenario_of
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows
from mpsim.build import OUTER_MTU, inner_mtu

LINKS = ("8+8", "16+16")
TRANSPORTS: Mapping[str, Mapping[str, Any]] = {"UDP transport": {}, "raw IP transport": {"transport": "ip"}}


class IpTransport(Criterion):
    """An IP protocol number of its own, without UDP's header."""

    id = "14"
    name = "ip-transport"
    tier = "stretch"
    question = "Does raw IP transport beat UDP transport?"
    rule = (
        "8+8 and 16+16 Mbit/s, both directions: a full datagram has fewer header bytes, and the "
        "median goodput over raw "
        "IP is above that over UDP."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), _cells())

    def judge(self, runs: Runs) -> Verdict:
        ratios = []
        for links in LINKS:
            for direction in DIRECTIONS:
                udp, raw = (
                    runs.median(cells.goodput_key(direction), links=links, transport=name, direction=direction)
                    for name in TRANSPORTS
                )
                ratios.append(raw / udp)
        saved = _headers("UDP transport") - _headers("raw IP transport")
        text = (
            f"{saved} header bytes saved a datagram; raw IP carries {min(ratios):.4f} to {max(ratios):.4f} times what "
            "UDP carries"
        )
        return Verdict.of(saved > 0 and min(ratios) > 1, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "ip-transport",
            "Goodput of one inner CUBIC flow over both transports; the dashed line is what the headers leave.",
            lambda: bar_rows(
                cells.goodput_bars(
                    worlds,
                    ((f"{labels['links']} Mbit/s", labels["transport"], labels, raw) for labels, raw in _cells()),
                ),
                axis="goodput, Mbit/s",
                digits=2,
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds, ("links", "transport", "direction"))


def _headers(transport: str) -> int:
    """Give the bytes of a full datagram that are not the inner packet."""
    raw = cells.cell(LINKS[0], cells.OURS, [cells.tcp("inbound")], tunnel=TRANSPORTS[transport])
    return OUTER_MTU - inner_mtu(scenario_of(raw, cells.ANY_TIMES, seed=1))


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for links in LINKS:
            for transport, keys in TRANSPORTS.items():
                labels = {"links": links, "transport": transport, "direction": direction}
                yield labels, cells.cell(links, cells.OURS, [cells.tcp(direction)], tunnel=keys)
