"""11. Does a link of a higher metric wait its turn, and does a metered one carry only what the others cannot?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.timelines import both_ways, time_lines
from experiments.windows import median_between

CUT, BACK, END = 5.0, 10.0, 15.0  # s of the measured interval
# Probes and the feedback on them: a link that is not used carries this much at most, bit/s.
IDLE = 50e3
TAKEN_OVER, GIVEN_BACK = 1.0, 2.0  # s
STANDBY = "standby: TCP, the other link cut"
LIGHT, HEAVY = "overflow: 5 Mbit/s offered", "overflow: 12 Mbit/s offered"
OFFERED = {LIGHT: 5.0, HEAVY: 12.0}  # Mbit/s of UDP payload over a free and a metered link of 8
LINKS = ("free", "metered")
LEAST_SHARE = 0.9  # of what is offered, or of the link, that has to be carried
# What the metered link may carry beyond what the free one cannot: half a Mbit/s of 8.
MOST_BEYOND = 0.5e6


class MeteredLinks(Criterion):
    """A free link of metric 0 and a metered one of metric 1."""

    id = "11"
    name = "metered-links"
    tier = "extended"
    question = "Does a link of a higher metric carry only what those of a lower one cannot?"
    rule = (
        f"Free 8 and metered 8 Mbit/s, both directions. Standby: the metered link carries less than {IDLE / 1e3:g} "
        f"kbit/s while the free one is up, takes over within {TAKEN_OVER:g} s of its loss, and gives back within "
        f"{GIVEN_BACK:g} s of its return. Overflow scheduler: at 5 Mbit/s offered it carries as little, at 12 Mbit/s "
        f"at most {MOST_BEYOND / 1e6:g} Mbit/s more than what does not fit on the free link, and "
        f"{LEAST_SHARE:.0%} of what is offered arrives."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return cells.trials_of(world, effort.timing(END), _cells())

    def judge(self, runs: Runs) -> Verdict:
        faults, told = [], []
        for direction in DIRECTIONS:
            standby = runs.of(case=STANDBY, direction=direction)
            idle = max(
                _link(standby, "metered", begin, end, direction)
                for begin, end in ((0.0, CUT), (BACK + GIVEN_BACK, END))
            )
            took = _link(standby, "metered", CUT + TAKEN_OVER, BACK, direction) / 8e6
            back = _link(standby, "free", BACK + GIVEN_BACK, END, direction) / 8e6
            light = _link(runs.of(case=LIGHT, direction=direction), "metered", 0, END, direction)
            heavy = runs.of(case=HEAVY, direction=direction)
            free, metered = (_link(heavy, name, 0, END, direction) for name in LINKS)
            arrived = median_between(heavy, 0, END, direction=direction) / (OFFERED[HEAVY] * cells.BPS_PER_MBIT)
            beyond = free + metered - 8e6
            faults += [
                name
                for name, fault in (
                    ("carries while it should wait", idle > IDLE or light > IDLE),
                    ("does not take over", took < LEAST_SHARE),
                    ("does not give back", back < LEAST_SHARE),
                    ("carries what the free link could", metered > max(0.0, beyond) + MOST_BEYOND),
                    ("what is offered does not arrive", arrived < LEAST_SHARE),
                )
                if fault
            ]
            told.append(
                f"{direction}: metered link waits at {max(idle, light) / 1e3:.0f} kbit/s, takes over at {took:.0%}; of "
                f"12 Mbit/s offered the free link carries {free / 1e6:.2f}, the metered {metered / 1e6:.2f} Mbit/s"
            )
        return Verdict.of(not faults, "; ".join([*dict.fromkeys(faults), *told]))

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        yield Picture(
            "metered-links",
            "What each link carries (IP bytes, windows of 0.5 s, median and inter-quartile range); in the first row "
            f"the free link is lost from {CUT:g} to {BACK:g} s.",
            lambda: time_lines(
                [
                    line
                    for case in (STANDBY, *OFFERED)
                    for name in LINKS
                    for line in both_ways(worlds, case, f"{name} link", {"case": case}, entity=f"link/{name}")
                ],
                y_axis="Mbit/s",
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for labels, _ in _cells():
                some = runs.of(**labels)
                if some:
                    parts = {"before": (0.0, CUT), "during": (CUT + 1, BACK), "after": (BACK + 2, END)}
                    carried = {
                        f"{name} link {part}, Mbit/s": _link(some, name, *when, labels["direction"]) / 1e6
                        for part, when in parts.items()
                        for name in LINKS
                    }
                    rows.append({**labels, "world": world, **carried, "n": len(some)})
        yield Table("What each link carries (medians)", rows)


def _link(runs: Runs, name: str, begin: float, end: float, direction: str) -> float:
    return median_between(runs, begin, end, direction=direction, entity=f"link/{name}")


def free_and_metered() -> list[dict[str, Any]]:
    """Give the [[link]] tables of a free and a metered link of 8 Mbit/s."""
    return [
        {"name": name, "rate": "8Mbit", "delay": cells.DELAY, "metric": metric} for metric, name in enumerate(LINKS)
    ]


def _cells() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    events = [cells.cut("free", CUT), cells.back("free", BACK)]
    for direction in DIRECTIONS:
        labels = {"case": STANDBY, "direction": direction}
        yield labels, cells.cell(free_and_metered(), cells.OURS, [cells.tcp(direction)], event=events)
        for case, rate in OFFERED.items():
            flow = {"name": "stream", "kind": "udp", "rate": f"{rate:g}Mbit", "direction": direction}
            overflow = {"scheduler": "overflow"}
            yield (
                {"case": case, "direction": direction},
                cells.cell(free_and_metered(), cells.OURS, [flow], tunnel=overflow),
            )
