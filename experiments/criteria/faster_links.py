"""15. Does the tunnel keep up with faster links?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import cells
from experiments.base import EMULATION, Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Picture, Runs, Table, Verdict
from experiments.drawing import Point, curves
from mpsim.worlds import SIMULATION

# Mbit/s of each of two links; beyond these a world is not asked for.
RATES: Mapping[str, tuple[int, ...]] = {SIMULATION: (50, 100, 200, 500, 1000), EMULATION: (25, 50, 100)}
SYSTEMS = (cells.DIRECT, cells.OURS)
LEAST_GAIN = 1.5
# A Gbit/s costs a simulator a hundred times what 10 Mbit/s cost: fewer and shorter runs where it is fast.
FAST = 200  # Mbit/s
FAST_DURATION, FAST_REPETITIONS = 2.0, 3


class FasterLinks(Criterion):
    """Two links of 50 Mbit/s to 1 Gbit/s in simulation; in emulation as far as the machine can be believed."""

    id = "15"
    name = "faster-links"
    tier = "performance"
    question = "Does the tunnel keep up with faster links?"
    rule = (
        "Two links of each rate, 10 ms, a queue of one bandwidth-delay product, both directions: "
        f"at least {LEAST_GAIN} times "
        " what one of them carries without a tunnel, at every rate of which runs may be believed."
    )
    explanation = (
        "The inner flow's receive window is 6 MiB, Linux's usual limit: at a round-trip time of 20 to 40 ms it alone "
        "holds a connection below 1.3 to 2.5 Gbit/s. In emulation all of the network runs on the machine's own "
        "cores; a rate of which no run is believed is one that this machine cannot show."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        slow, fast = ([rate for rate in RATES[world] if (rate > FAST) is wanted] for wanted in (False, True))
        if effort.quick:
            fast = []
        shorter = effort.timing(FAST_DURATION, FAST_REPETITIONS)
        return [
            *cells.trials_of(world, effort.timing(4.0), _cells(slow)),
            *cells.trials_of(world, shorter, _cells(fast)),
        ]

    def judge(self, runs: Runs) -> Verdict:
        gains, silent = {}, []
        for rate in runs.labels("rate"):
            for direction in DIRECTIONS:
                key = cells.goodput_key(direction)
                one, both = (runs.spread(key, rate=rate, system=system, direction=direction) for system in SYSTEMS)
                if one.count and both.count:
                    gains[f"{rate} Mbit/s, {direction}"] = both.median / one.median
                else:
                    silent.append(f"{rate} Mbit/s {direction}")
        if not gains:
            return Verdict.of(False, "no run may be believed")
        worst = min(gains, key=lambda place: gains[place])
        text = f"{gains[worst]:.2f} ({worst}) to {max(gains.values()):.2f} times one link"
        if silent:
            text += f"; no believed runs: {', '.join(silent)}"
        return Verdict.of(gains[worst] >= LEAST_GAIN, text)

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        rates = [rate for runs in worlds.values() for rate in runs.labels("rate")]
        yield Picture(
            "faster-links",
            "Goodput of one inner CUBIC flow as a fraction of what framing leaves of the summed capacity; rates "
            "without a believed run are left out.",
            lambda: curves(
                [
                    Point(
                        direction,
                        system,
                        world,
                        rate,
                        runs.spread(cells.efficiency_key(direction), rate=rate, system=system, direction=direction),
                    )
                    for world, runs in worlds.items()
                    for direction in DIRECTIONS
                    for system in SYSTEMS
                    for rate in sorted(set(rates))
                ],
                x_axis="rate of a link, Mbit/s",
                y_axis="efficiency",
                log_x=True,
            ),
        )

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows = []
        for world, runs in worlds.items():
            for rate in runs.labels("rate"):
                for direction in DIRECTIONS:
                    for system in SYSTEMS:
                        chosen = {"rate": rate, "system": system, "direction": direction}
                        spread = runs.spread(cells.goodput_key(direction), **chosen)
                        made = [one for one in runs if one.has(chosen)]
                        rows.append(
                            {
                                **chosen,
                                "world": world,
                                "goodput, Mbit/s": spread.median / cells.BPS_PER_MBIT,
                                "efficiency": runs.spread(cells.efficiency_key(direction), **chosen).median,
                                "believed": f"{spread.count} of {len(made)}",
                                "why not": next((one.why_not for one in made if not one.believed), ""),
                            }
                        )
        yield Table("Goodput, efficiency and how many of the runs may be believed", rows)


def _cells(rates: list[int]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for direction in DIRECTIONS:
        for rate in rates:
            tables = cells.link_tables(f"{rate}+{rate}", queue="1bdp")
            for system in SYSTEMS:
                labels = {"rate": rate, "system": system, "direction": direction}
                yield labels, cells.cell(tables, system, [cells.tcp(direction)])
