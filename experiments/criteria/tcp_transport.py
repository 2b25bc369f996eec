"""13. Is UDP the better transport, compared with TCP?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments import cells
from experiments.base import EMULATION, Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import Point, bar_rows, curves

LINKS = ("8+8", "16+16", "8+16")
TRANSPORTS: Mapping[str, Mapping[str, Any]] = {
    "UDP transport": {},
    "TCP transport": {"transport": "tcp", "congestion": "cubic"},
}
LOSSY = "8+8"
LOSSES = (0.01, 0.03, 0.1)
FEWER = (0.01, 0.1)  # where a run takes its time


class TcpTransport(Criterion):
    """The same bandwidth tests over both transports."""

    id = "13"
    name = "tcp-transport"
    tier = "stretch"
    question = "Does UDP transport beat TCP transport on the same bandwidth tests?"
    rule = (
        "8+8, 16+16 and 8+16 Mbit/s without loss, both directions: the median goodput of UDP transport is above that "
        "of TCP transport in each. What random loss makes of both is shown beside it."
    )
    explanation = (
        "TCP transport is a 32-bit length before each datagram on one kernel TCP connection (CUBIC) a path. Under loss "
        "two TCPs repair at once: the outer one hides a loss behind a delay, and while it waits for a timeout the "
        "inner one has its own. UDP transport repairs nothing yet, so that each loss is the inner flow's: between a "
        "little loss, which the outer TCP hides well, and much, under which both collapse, TCP may carry more."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        losses = FEWER if world == EMULATION or effort.quick else LOSSES
        return cells.trials_of(world, effort.timing(), _cells((0.0, *losses)))

    def judge(self, runs: Runs) -> Verdict:
        ratios = [_ratio(runs, links, 0.0, direction) for links in LINKS for direction in DIRECTIONS]
        lossy = [
            f"{min(_ratio(runs, LOSSY, loss, direction) for direction in DIRECTIONS):.2f} at {loss:.0%}"
            for loss in runs.labels("loss")
            if loss
        ]
        text = (
            f"UDP carries {min(ratios):.3f} to {max(ratios):.3f} times what TCP carries; under random loss on {LOSSY}: "
            + ", ".join(lossy)
        )
        return Verdict.of(min(ratios) > 1, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "tcp-transport",
            "Goodput of one inner CUBIC flow over both transports, without loss.",
            lambda: bar_rows(
                cells.goodput_bars(
                    worlds,
                    ((f"{labels['links']} Mbit/s", labels["transport"], labels, None) for labels, _ in _cells((0.0,))),
                ),
                axis="goodput, Mbit/s",
                digits=2,
            ),
        )
        yield Picture(
            "tcp-transport-loss",
            f"The same over {LOSSY} Mbit/s with random loss on both links.",
            lambda: curves(
                [
                    Point(
                        labels["direction"],
                        labels["transport"],
                        world,
                        labels["loss"] * 100,
                        cells.goodput(runs, labels),
                    )
                    for world, runs in worlds.items()
                    for labels, _ in _cells((0.0, *LOSSES))
                    if labels["links"] == LOSSY
                ],
                x_axis="loss, %",
                y_axis="goodput, Mbit/s",
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield cells.goodput_table(worlds, ("links", "loss", "transport", "direction"))


def _ratio(runs: Runs, links: str, loss: float, direction: str) -> float:
    udp, tcp = (
        runs.median(cells.goodput_key(direction), links=links, loss=loss, transport=transport, direction=direction)
        for transport in TRANSPORTS
    )
    return udp / tcp


def _cells(losses: Sequence[float]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for links in LINKS:
            for loss in losses:
                if loss and links != LOSSY:
                    continue
                tables = cells.link_tables(links, **({"loss": loss} if loss else {}))
                for transport, keys in TRANSPORTS.items():
                    labels = {"links": links, "loss": loss, "transport": transport, "direction": direction}
                    yield labels, cells.cell(tables, cells.OURS, [cells.tcp(direction)], tunnel=keys)
