"""17. What does random loss leave of the goodput, and how much loss is left for the inner flow?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import EMULATION, Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import Point, curves

LINKS = "8+8"
LOSSES = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05)
FEWER = (0.0, 0.01)  # where a run takes its time
JUDGED = 0.01
WHERE = {"on one link": ("link1",), "on both links": ("link0", "link1")}
SYSTEMS = (cells.OURS, cells.DISSERTATION, cells.MPTCP, cells.COUPLED, cells.DIRECT)
UDP_RATE = "4Mbit"


class RandomLoss(Criterion):
    """Loss on one link, and on both."""

    id = "17"
    name = "random-loss"
    tier = "performance"
    question = "What does random loss leave of the goodput, and how much of it reaches the inner flow?"
    rule = (
        f"8+8 Mbit/s with {JUDGED:.0%} loss on both links, both directions: one TCP flow through "
        "the tunnel carries more "
        "than over one of these links without it, and a UDP flow loses no more than the links lose (a quarter more at "
        "most, for chance)."
    )
    explanation = (
        "The default tunnel repairs nothing yet: a packet lost on a path is lost for the inner flow, which slows down "
        "for it. MPTCP and a plain TCP retransmit on the link where it was lost."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        losses = FEWER if world == EMULATION or effort.quick else LOSSES
        return cells.trials_of(world, effort.timing(), cells.of_world(world, _cells(losses)))

    def judge(self, runs: Runs) -> Verdict:
        gains, left = [], []
        for direction in DIRECTIONS:
            chosen = {"loss": JUDGED, "where": "on both links", "direction": direction}
            key = cells.goodput_key(direction)
            ours = runs.median(key, kind="tcp", system=cells.OURS, **chosen)
            gains.append(ours / runs.median(key, kind="tcp", system=cells.DIRECT, **chosen))
            left.append(runs.median("flow.stream.loss_ratio", kind="udp", system=cells.OURS, **chosen))
        text = f"{min(gains):.2f} times one such link's TCP goodput; {max(left):.2%} left for UDP"
        return Verdict.of(min(gains) > 1 and max(left) <= 1.25 * JUDGED, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        for where in WHERE:
            slug = where.split()[1]
            yield Picture(
                f"random-loss-{slug}",
                f"Goodput of one inner CUBIC flow with random loss {where} of 8+8 Mbit/s.",
                lambda where=where: curves(  # type: ignore[misc]  # a default binds the loop's value
                    _points(worlds, where, "tcp", SYSTEMS, cells.goodput_key, 1 / cells.BPS_PER_MBIT),
                    x_axis="loss, %",
                    y_axis="goodput, Mbit/s",
                ),
            )
            yield Picture(
                f"random-loss-{slug}-udp",
                f"Loss that is left for an inner UDP flow of 4 Mbit/s with random loss {where}.",
                lambda where=where: curves(  # type: ignore[misc]  # a default binds the loop's value
                    _points(worlds, where, "udp", (cells.OURS,), lambda _: "flow.stream.loss_ratio", 100.0),
                    x_axis="loss of the links, %",
                    y_axis="loss of the flow, %",
                ),
            )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells(LOSSES):
                some = runs.of(**labels)
                if some:
                    goodput = runs.spread(cells.goodput_key(labels["direction"]), **labels).median
                    left = runs.spread("flow.stream.loss_ratio", **labels).median
                    told = {"goodput, Mbit/s": goodput / cells.BPS_PER_MBIT, "loss left": left}
                    rows.append({**labels, "world": world, **told, "n": len(some)})
        yield Table("Goodput and loss left for the inner flow (medians)", rows)


def _points(
    worlds: Mapping[str, Runs], where: str, kind: str, systems: tuple[str, ...], key: Any, factor: float
) -> list[Point]:
    return [
        Point(
            direction,
            system,
            world,
            loss * 100,
            cells.scaled(
                runs.spread(key(direction), where=where, kind=kind, system=system, loss=loss, direction=direction),
                factor,
            ),
        )
        for world, runs in worlds.items()
        for direction in DIRECTIONS
        for system in systems
        for loss in LOSSES
    ]


def _cells(losses: tuple[float, ...]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        stream = {"name": "stream", "kind": "udp", "rate": UDP_RATE, "direction": direction}
        for where, lossy in WHERE.items():
            for loss in losses:
                tables = [
                    {**link, **({"loss": loss} if loss and link["name"] in lossy else {})}
                    for link in cells.link_tables(LINKS)
                ]
                for system in SYSTEMS:
                    labels = {"where": where, "loss": loss, "kind": "tcp", "system": system, "direction": direction}
                    # Alone, the lossy link is meant.
                    alone = tables[::-1] if system == cells.DIRECT else tables
                    yield labels, cells.cell(alone, system, [cells.tcp(direction)])
                labels = {"where": where, "loss": loss, "kind": "udp", "system": cells.OURS, "direction": direction}
                yield labels, cells.cell(tables, cells.OURS, [stream])
