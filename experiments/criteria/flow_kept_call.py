"""1c. Does a telephone call go on when one of two links is lost, and end when both are?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.timelines import both_ways, time_lines

LINKS = "8+8"
CUT, END = 5.0, 20.0  # s of the measured interval
ONE = {"link0 cut": ("link0",), "link1 cut": ("link1",)}
BOTH = {"both links cut": ("link0", "link1")}
CUTS = {**ONE, **BOTH}


class FlowKeptCall(Criterion):
    """A SIP call with its media, while links are cut."""

    id = "1c"
    name = "flow-kept-call"
    tier = "core"
    question = "Does a call go on when one of two links is lost, and end when both are?"
    rule = (
        f"A G.711 call over 8+8 Mbit/s, links silently cut at {CUT:g} s, heard at either end: with both links cut it "
        "ends in every run, with either one cut it goes on to the run's end in every run."
    )
    explanation = (
        "The opinion score is the E-model's (ITU-T G.107) over one second of what is heard, "
        "with 60 ms of playout buffer."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(END), _cells())

    def judge(self, runs: Runs) -> Verdict:
        one, both = (_all(runs, "ended_s", cuts) for cuts in (ONE, BOTH))
        gaps = _all(runs, "longest_gap_s", ONE)
        kept, ended = sum(map(math.isinf, one)), sum(map(math.isfinite, both))
        text = (
            f"one link cut: {kept} of {len(one)} calls go on, longest gap {max(gaps):.2f} s; both cut: {ended} of "
            f"{len(both)} end"
        )
        return Verdict.of(kept == len(one) and ended == len(both), text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "flow-kept-call",
            f"Mean opinion score of each second, median and inter-quartile range over the runs; cut at {CUT:g} s.",
            lambda: time_lines(
                [
                    line
                    for cut in CUTS
                    for line in both_ways(
                        worlds, cut, "opinion score", {"cut": cut}, metric="mos", factor=1.0, window=1.0
                    )
                ],
                y_axis="MOS",
                events={CUT: "cut"},
                y_top=5.0,
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                row: dict[str, Any] = {**labels, "world": world}
                for name in ("mos", "loss_ratio", "longest_gap_s", "ended_s"):
                    row[name] = runs.spread(f"flow.call.{name}", **labels).median
                rows.append({**row, "n": len(runs.of(**labels))})
        yield Table("Calls: opinion score of the whole interval, losses, longest gap, end (medians)", rows)


def _all(runs: Runs, number: str, cuts: Iterable[str]) -> list[float]:
    return [
        value
        for cut in cuts
        for direction in DIRECTIONS
        for value in runs.every(f"flow.call.{number}", cut=cut, direction=direction)
    ]


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        flow = {"name": "call", "kind": "voip", "direction": direction}
        for cut, gone in CUTS.items():
            events = [cells.cut(name, CUT) for name in gone]
            labels = {"cut": cut, "direction": direction}
            yield labels, cells.cell(LINKS, cells.OURS, [flow], event=events)
