"""1b. How much of a UDP flow is lost when one of two equal links is lost?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Outcome, Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, UnshownError, Verdict
from experiments.timelines import both_ways, time_lines
from experiments.windows import mean_between

LINKS = "8+8"
CUT, END = 5, 10  # s of the measured interval
RATE, SIZE, PACKETS = "1024kbit", 1000, 128  # payload; bytes; a second
OFFERED = 1.024e6  # bit/s
MOST_IN_FIRST = 0.5
# A window's edges may cut off a packet that the next one then has too much.
EDGE = 1.0 / PACKETS


class FlowKeptUdp(Criterion):
    """128 kB/s of UDP while each link is cut in turn."""

    id = "1b"
    name = "flow-kept-udp"
    tier = "core"
    question = "How much of a UDP flow is lost when one of two equal links is lost?"
    rule = (
        f"128 packets of 1000 bytes a second over 8+8 Mbit/s, each link in turn silently cut at {CUT} s, the worse of "
        f"both, the worst run, in both directions: at most {MOST_IN_FIRST:.0%} lost in the first second after the cut, "
        "and nothing from the second one on (a packet more or less at a window's edge is no loss)."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(float(END)), _cells())

    def judge(self, runs: Runs) -> Verdict:
        first, later = [], []
        for labels, _ in _cells():
            some = runs.of(**labels)
            if not some:
                raise UnshownError(f"no believed run with {labels['cut']} cut, {labels['direction']}")
            for run in some:
                windows = _losses(run, labels["direction"])
                first.append(windows[0])
                later.append(max(windows[1:]))
        text = f"worst first second {max(first):.1%} lost, worst later second {max(later):.1%} (n = {len(first)} runs)"
        return Verdict.of(max(first) <= MOST_IN_FIRST and max(later) <= EDGE + 1e-9, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "flow-kept-udp",
            f"What arrives of 128 kB/s (windows of 1 s, median and inter-quartile range); one link is cut at {CUT} s.",
            lambda: time_lines(
                [
                    line
                    for cut in ("link0", "link1")
                    for line in both_ways(worlds, f"{cut} cut", "goodput", {"cut": cut}, window=1.0, factor=1 / 8e3)
                ],
                y_axis="kB/s",
                targets={f"{cut} cut": [(0.0, OFFERED / 8e3)] for cut in ("link0", "link1")},
                events={float(CUT): "cut"},
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                losses = [_losses(run, labels["direction"]) for run in runs.of(**labels)]
                if losses:
                    worst = {f"second {n + 1}": max(one[n] for one in losses) for n in range(len(losses[0]))}
                    rows.append({**labels, "world": world, **worst, "n": len(losses)})
        yield Table("Lost in each second after the cut, the worst run", rows)


def _losses(run: Outcome, direction: str) -> list[float]:
    """Give the fraction lost in each second after the cut."""
    return [
        max(0.0, 1.0 - mean_between(run, begin, begin + 1, direction=direction) / OFFERED) for begin in range(CUT, END)
    ]


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        flow = {"name": "stream", "kind": "udp", "rate": RATE, "packet_size": SIZE, "direction": direction}
        for cut in ("link0", "link1"):
            events = [cells.cut(cut, CUT)]
            labels = {"cut": cut, "direction": direction, "system": cells.OURS}
            yield labels, cells.cell(LINKS, cells.OURS, [flow], event=events)
