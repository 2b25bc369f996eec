"""9. Does a flow keep its pace when links are lost, and gain it back when they return? (There it failed.)"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.timelines import both_ways, time_lines
from experiments.windows import median_between

CUT, BACK, END = 10.0, 20.0, 30.0  # s of the measured interval
AFTER_CUT, AFTER_RETURN = 1.0, 2.0  # s
REPETITIONS = 10
SETS = {"8+8": ("link0",), "4x8": ("link0", "link1")}  # which of the links are cut
HOWS = ("silent", "carrier")
PEERS = (cells.DISSERTATION, cells.MPTCP)  # over 8+8, silent


class LostAndReturned(Criterion):
    """One link of two, and two of four, lost for ten seconds."""

    id = "9"
    name = "lost-and-returned"
    tier = "extended"
    question = "Is a flow kept at pace when links are lost, and does it gain back what returns?"
    rule = (
        f"8+8 Mbit/s with one link cut, and 4x8 with two, at {CUT:g} s and back at {BACK:g} s, silently and with the "
        f"carrier lost, in both directions: recovered within {AFTER_CUT:g} s of the cut and {AFTER_RETURN:g} s of the "
        f"return in every one of {REPETITIONS} repetitions, and the flow is never reset. Recovered: after the last "
        "0.3 s (within 10 s) in which less than 90 % of what the links could carry arrived, in whatever order."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(END, REPETITIONS), _cells())

    def judge(self, runs: Runs) -> Verdict:
        cuts, returns, ends, least = [], [], [], math.inf
        for links, gone in SETS.items():
            for how in HOWS:
                for direction in DIRECTIONS:
                    chosen = {"links": links, "how": how, "direction": direction, "system": cells.OURS}
                    cuts += _recoveries(runs, range(len(gone)), chosen)
                    returns += _recoveries(runs, range(len(gone), 2 * len(gone)), chosen)
                    some = runs.of(**chosen)
                    ends.append(median_between(some, END - 1, END, direction=direction))
                    least = min(least, len(some))
        within = sum(cut <= AFTER_CUT for cut in cuts), sum(back <= AFTER_RETURN for back in returns)
        told = [
            f"{name}: {good} of {len(all_)} within {limit:g} s (longest {max(all_):.1f} s)"
            for name, good, all_, limit in (
                ("cuts", within[0], cuts, AFTER_CUT),
                ("returns", within[1], returns, AFTER_RETURN),
            )
        ]
        text = "; ".join([*told, f"n = {least:g} or more a case"])
        return Verdict.of(within == (len(cuts), len(returns)) and min(ends) > 0, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        for how in HOWS:
            yield Picture(
                f"lost-and-returned-{how}",
                f"Links cut ({how}) from {CUT:g} to {BACK:g} s: goodput over time (windows of 0.5 s, median and "
                "inter-quartile range); dashed: what framing leaves of the links that are up.",
                lambda how=how: time_lines(  # type: ignore[misc]  # a default binds the loop's value
                    [
                        line
                        for links in SETS
                        for system in (cells.OURS, *PEERS)
                        for line in both_ways(
                            worlds, _told(links), system, {"links": links, "how": how, "system": system}
                        )
                    ],
                    y_axis="Mbit/s",
                    targets={_told(links): _steps(links) for links in SETS},
                    events={CUT: "cut", BACK: "back"},
                ),
            )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                some = runs.of(**labels)
                if not some:
                    continue
                count = len(SETS[labels["links"]])
                parts = {"before": (0.0, CUT), "during": (CUT + 1, BACK), "after": (BACK + 2, END)}
                means = {
                    f"{name}, Mbit/s": median_between(some, *part, direction=labels["direction"]) / cells.BPS_PER_MBIT
                    for name, part in parts.items()
                }
                cuts, returns = (
                    _recoveries(runs, numbers, labels) for numbers in (range(count), range(count, 2 * count))
                )
                told = {"longest recovery after the cut, s": max(cuts), "after the return, s": max(returns)}
                rows.append({**labels, "world": world, **means, **told, "n": len(some)})
        yield Table("Goodput before, during and after; the longest recovery of all repetitions", rows)


def _recoveries(runs: Runs, numbers: range, labels: Mapping[str, Any]) -> list[float]:
    return [value for number in numbers for value in runs.every(f"failover.{number}.recovery_s", **labels)]


def _told(links: str) -> str:
    return f"{len(SETS[links])} of {len(cells.rates_of(links))} links"


def _steps(links: str) -> list[tuple[float, float]]:
    whole = cells.tunnelled(links)
    left = whole * (1 - len(SETS[links]) / len(cells.rates_of(links)))
    return [(0.0, whole), (CUT, left), (BACK, whole)]


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for links, gone in SETS.items():
            for how in HOWS:
                down = [cells.cut(name, CUT, how) for name in gone]
                up = [cells.back(name, BACK) for name in gone]
                for system in (cells.OURS, *(PEERS if links == "8+8" and how == "silent" else ())):
                    labels = {"links": links, "how": how, "system": system, "direction": direction}
                    yield labels, cells.cell(links, system, [cells.tcp(direction)], event=[*down, *up])
