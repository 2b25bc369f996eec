"""8. Does the goodput follow a link whose bandwidth changes?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.timelines import both_ways, time_lines
from experiments.windows import median_between

LINKS = "16+16"
CHANGED, BACK, END = 10.0, 20.0, 30.0  # s of the measured interval
SETTLED = 3.0  # s after a change
WITHIN = 0.10
CHANGES = {"one link to 8": 8.0, "one link to 24": 24.0}  # Mbit/s from CHANGED to BACK
SYSTEMS = (cells.OURS, cells.DISSERTATION)


class ChangingBandwidth(Criterion):
    """Two links of 16 Mbit/s, one of which changes to another rate and back."""

    id = "8"
    name = "changing-bandwidth"
    tier = "extended"
    question = "Does the goodput follow a link whose bandwidth falls or rises, and come back?"
    rule = (
        f"16+16 Mbit/s, one link to 8 (or 24) at {CHANGED:g} s and back at {BACK:g} s: the default tunnel's goodput is "
        f"within {WITHIN:.0%} of what framing leaves of the sum before the change, from {SETTLED:g} s after the change "
        f"to the return, and from {SETTLED:g} s after the return, in both directions."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(END), _cells())

    def judge(self, runs: Runs) -> Verdict:
        farthest, where = 0.0, ""
        for change in CHANGES:
            for direction in DIRECTIONS:
                some = runs.of(change=change, direction=direction, system=cells.OURS)
                for name, begin, end, target in _parts(change):
                    apart = median_between(some, begin, end, direction=direction) / target - 1
                    if abs(apart) > abs(farthest):
                        farthest, where = apart, f"{change}, {direction}, {name}"
        return Verdict.of(abs(farthest) <= WITHIN, f"at most {farthest:+.1%} from the target ({where})")

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        targets = {
            change: [(0.0, _target(16.0)), (CHANGED, _target(rate)), (BACK, _target(16.0))]
            for change, rate in CHANGES.items()
        }
        yield Picture(
            "changing-bandwidth",
            "Goodput over time (windows of 0.5 s, median and inter-quartile range); dashed: what framing leaves.",
            lambda: time_lines(
                [
                    line
                    for change in CHANGES
                    for system in SYSTEMS
                    for line in both_ways(worlds, change, system, {"change": change, "system": system})
                ],
                y_axis="Mbit/s",
                targets=targets,
                events={CHANGED: "changes", BACK: "back"},
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for change in CHANGES:
                for direction in DIRECTIONS:
                    for system in SYSTEMS:
                        some = runs.of(change=change, direction=direction, system=system)
                        if not some:
                            continue
                        row: dict[str, Any] = {"change": change, "direction": direction, "system": system}
                        for name, begin, end, _ in _parts(change):
                            found = median_between(some, begin, end, direction=direction)
                            row[f"{name}, Mbit/s"] = found / cells.BPS_PER_MBIT
                        rows.append({**row, "world": world, "n": len(some)})
        yield Table("Goodput before, during (settled) and after (settled)", rows)


def _target(rate: float) -> float:
    """Give what the tunnel's framing leaves of 16 Mbit/s and another link, Mbit/s."""
    return cells.tunnelled(f"16+{rate:g}")


def _parts(change: str) -> list[tuple[str, float, float, float]]:
    """Give name, begin, end and target (bit/s) of the parts that are judged."""
    steady, altered = _target(16.0) * cells.BPS_PER_MBIT, _target(CHANGES[change]) * cells.BPS_PER_MBIT
    return [
        ("before", 0.0, CHANGED, steady),
        ("during", CHANGED + SETTLED, BACK, altered),
        ("after", BACK + SETTLED, END, steady),
    ]


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for change, rate in CHANGES.items():
            events = [
                {"at": f"{CHANGED:g}s", "link": "link1", "rate": f"{rate:g}Mbit"},
                {"at": f"{BACK:g}s", "link": "link1", "rate": "16Mbit"},
            ]
            for system in SYSTEMS:
                labels = {"change": change, "system": system, "direction": direction}
                yield labels, cells.cell(LINKS, system, [cells.tcp(direction)], event=events)
