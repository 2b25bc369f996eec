"""13. Is UDP the better transport, compared with TCP?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows

LINKS = ("8+8", "16+16", "8+16")
LOSS = 0.01
CASES = {**{links: (links, 0.0) for links in LINKS}, "8+8, 1 % loss": ("8+8", LOSS)}
TRANSPORTS: Mapping[str, Mapping[str, Any]] = {
    "UDP transport": {},
    "TCP transport": {"transport": "tcp", "congestion": "cubic"},
}


class TcpTransport(Criterion):
    """The same bandwidth tests over both transports."""

    id = "13"
    name = "tcp-transport"
    tier = "stretch"
    question = "Does UDP transport beat TCP transport on the same bandwidth tests?"
    rule = (
        "8+8, 16+16 and 8+16 Mbit/s, and 8+8 with 1 % random loss, both directions: the median "
        "goodput of UDP transport "
        "is above that of TCP transport in each."
    )
    explanation = (
        "TCP transport is a 32-bit length before each datagram on one kernel TCP connection (CUBIC) a path. Under "
        "loss two TCPs repair at once: the outer one hides the loss behind a delay that the inner one then acts upon."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), _cells())

    def judge(self, runs: Runs) -> Verdict:
        ratios = {}
        for case in CASES:
            for direction in DIRECTIONS:
                udp, tcp = (
                    runs.median(cells.goodput_key(direction), case=case, transport=transport, direction=direction)
                    for transport in TRANSPORTS
                )
                ratios[f"{case}, {direction}"] = udp / tcp
        worst = min(ratios, key=lambda place: ratios[place])
        text = f"UDP carries {ratios[worst]:.3f} ({worst}) to {max(ratios.values()):.3f} times what TCP carries"
        return Verdict.of(ratios[worst] > 1, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "tcp-transport",
            "Goodput of one inner CUBIC flow over both transports.",
            lambda: bar_rows(
                [
                    cells.bar(
                        labels["direction"],
                        labels["case"],
                        labels["transport"],
                        world,
                        cells.scaled(
                            runs.spread(cells.goodput_key(labels["direction"]), **labels), 1 / cells.BPS_PER_MBIT
                        ),
                    )
                    for world, runs in worlds.items()
                    for labels, _ in _cells()
                ],
                axis="goodput, Mbit/s",
                digits=2,
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds, ("case", "transport", "direction"))


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for case, (links, loss) in CASES.items():
            tables = cells.link_tables(links, **({"loss": loss} if loss else {}))
            for transport, keys in TRANSPORTS.items():
                labels = {"case": case, "transport": transport, "direction": direction}
                yield labels, cells.cell(tables, cells.OURS, [cells.tcp(direction)], tunnel=keys)
