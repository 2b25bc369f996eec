"""16. How much delay does the tunnel add?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import bar_rows

# What is compared: name -> (links, system). The load is one CUBIC flow towards the side that asks.
CASES = {
    "8, direct": ("8", cells.DIRECT),
    "8+8, mpsim's default tunnel": ("8+8", cells.OURS),
    "8+8, the dissertation's tunnel": ("8+8", cells.DISSERTATION),
    "16, direct": ("16", cells.DIRECT),
}
PLAIN, OURS = "8, direct", "8+8, mpsim's default tunnel"
LOADS = ("idle", "under load")
MOST_ADDED = 0.002  # s
RTT = "flow.ping.rtt_s"


class AddedDelay(Criterion):
    """Ping, idle and under load, against a plain link."""

    id = "16"
    name = "added-delay"
    tier = "performance"
    question = "How much delay does the tunnel add?"
    rule = (
        f"Median ping over 8+8 Mbit/s against one plain link of 8, asked from either side: idle at most "
        f"{MOST_ADDED * 1e3:g} ms more; under a bulk TCP flow no more than on the plain link under the same load."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(), _cells())

    def judge(self, runs: Runs) -> Verdict:
        added, ratios = [], []
        for direction in DIRECTIONS:
            idle, load = (
                [runs.median(f"{RTT}.p50", case=case, load=load, direction=direction) for case in (PLAIN, OURS)]
                for load in LOADS
            )
            added.append(idle[1] - idle[0])
            ratios.append(load[1] / load[0])
        text = (
            f"idle {max(added) * 1e3:+.2f} ms; under load {min(ratios):.2f} to {max(ratios):.2f} times the plain link's"
        )
        return Verdict.of(max(added) <= MOST_ADDED and max(ratios) <= 1, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        for load in LOADS:
            yield Picture(
                f"added-delay-{load.replace(' ', '-')}",
                f"Ping {load}: the run's median and 95th percentile, median and inter-quartile range over the runs.",
                lambda load=load: bar_rows(  # type: ignore[misc]  # a default binds the loop's value
                    [
                        cells.bar(
                            direction,
                            told,
                            case,
                            world,
                            cells.scaled(runs.spread(f"{RTT}.{part}", case=case, load=load, direction=direction), 1e3),
                        )
                        for world, runs in worlds.items()
                        for direction in DIRECTIONS
                        for part, told in (("p50", "median"), ("p95", "95th percentile"))
                        for case in CASES
                    ],
                    axis="round-trip time, ms",
                ),
            )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                found = {
                    f"{part}, ms": runs.spread(f"{RTT}.{part}", **labels).median * 1e3 for part in ("p50", "p95", "p99")
                }
                rows.append({**labels, "world": world, **found, "n": runs.spread(f"{RTT}.p50", **labels).count})
        yield Table("Round-trip times (medians of the runs' percentiles)", rows)


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        ping = {"name": "ping", "kind": "ping", "interval": "50ms", "direction": direction}
        for case, (links, system) in CASES.items():
            for load in LOADS:
                flows = [ping] if load == "idle" else [ping, cells.tcp(direction)]
                yield {"case": case, "load": load, "direction": direction}, cells.cell(links, system, flows)
