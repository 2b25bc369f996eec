"""1a. Is a TCP flow kept when one of two equal links is lost?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.timelines import both_ways, time_lines

LINKS = "8+8"
CUT, BACK, END = 5.0, 10.0, 15.0  # s of the measured interval
INTERVAL = "100ms"
# A link that happens to carry nothing is not missed: each is cut in turn.
CUTS = ("link0", "link1")
CASES = {**{f"{cut} of two cut": (cells.OURS, cut) for cut in CUTS}, "direct, the link cut": (cells.DIRECT, "link0")}


class FlowKeptTcp(Criterion):
    """A question every 100 ms over one connection, while a link is cut."""

    id = "1a"
    name = "flow-kept-tcp"
    tier = "core"
    question = "Is a TCP flow kept when one of two equal links is lost?"
    rule = (
        f"A question with an 8-byte nonce every {INTERVAL[:-2]} ms over one TCP connection, each of 8+8 Mbit/s in turn "
        f"silently cut from {CUT:g} to {BACK:g} s, asked from either side: in every run the connection is not reset "
        "and every question has its right answer."
    )
    explanation = "Without a tunnel, over the cut link alone, the answers wait for the link and for TCP's next try."

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(END), _cells())

    def judge(self, runs: Runs) -> Verdict:
        lost: list[float] = []
        longest: list[float] = []
        for direction in DIRECTIONS:
            for cut in CUTS:
                chosen = {"system": cells.OURS, "cut": cut, "direction": direction}
                for number in ("lost_packets", "resets", "mismatches"):
                    lost += runs.every(f"flow.echo.{number}", **chosen)
                longest += runs.every("flow.echo.rtt_s.max", **chosen)
        text = (
            f"{sum(lost):g} resets, wrong or missing answers in {len(longest)} runs; longest answer time "
            f"{max(longest):.2f} s"
        )
        return Verdict.of(sum(lost) == 0, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "flow-kept-tcp",
            f"Answer time: the longest in each window of 0.5 s, median and inter-quartile range over the runs; one of "
            f"two links is cut from {CUT:g} to {BACK:g} s (direct: the only one).",
            lambda: time_lines(
                [
                    line
                    for case, (system, cut) in CASES.items()
                    for line in both_ways(
                        worlds, case, "answer time", {"system": system, "cut": cut},
                        metric="answer_time_s", factor=1e3, combine="max",
                    )
                ],
                y_axis="ms",
                events={CUT: "cut", BACK: "back"},
            ),
        )  # fmt: skip

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                row: dict[str, Any] = {**labels, "world": world}
                for name in ("sent_packets", "lost_packets", "resets", "mismatches", "rtt_s.p50", "rtt_s.max"):
                    row[name] = runs.spread(f"flow.echo.{name}", **labels).median
                rows.append({**row, "n": runs.spread("flow.echo.sent_packets", **labels).count})
        yield Table("Questions, answers and their times (medians of the runs)", rows)


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        flow = {"name": "echo", "kind": "echo", "interval": INTERVAL, "direction": direction}
        for system, cut in CASES.values():
            events = [cells.cut(cut, CUT), cells.back(cut, BACK)]
            labels = {"system": system, "cut": cut, "direction": direction}
            yield labels, cells.cell(LINKS, system, [flow], event=events)
