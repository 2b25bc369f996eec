"""What holds over several criteria: how near the default tunnel comes to the sum, how near the worlds are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from experiments import cells
from experiments.base import EMULATION, Spread
from experiments.criterion import Answer, Runs, Table
from mpsim.worlds import SIMULATION

BANDWIDTH = ("equal-links", "unequal-links", "many-links")
# The project's own: of what framing leaves of the sum, by the number of links; beyond the last the last counts.
LEAST_EFFICIENCY = {4: 0.96, 8: 0.92}
WORLDS_APART = 0.05  # efficiency
SHARE_OF_MPTCP = 0.93  # of kernel MPTCP's goodput, measured in the same emulation


def targets(answers: Sequence[Answer]) -> Iterator[Table]:
    """Give the tables: efficiency of the default tunnel, and the two worlds against each other."""
    rows = list(_efficiencies([one for one in answers if one.criterion.name in BANDWIDTH]))
    if rows:
        yield Table("Efficiency of the default tunnel over static links", rows)
    rows = list(differences(answers))
    if rows:
        apart = sorted(abs(row["difference"]) for row in rows)
        told = f"median {apart[len(apart) // 2]:.1%}, worst {apart[-1]:.1%}"
        yield Table(f"Goodput in the two worlds: {len(rows)} medians differ by {told}", rows)


def _efficiencies(answers: Sequence[Answer]) -> Iterator[dict[str, Any]]:
    seen = set()
    for answer in answers:
        any_world = next(iter(answer.worlds.values()))
        for links in any_world.labels("links"):
            for direction in any_world.labels("direction"):
                if len(cells.rates_of(links)) > 1 and (links, direction) not in seen:
                    seen.add((links, direction))
                    yield _efficiency(answer, links, direction)


def _efficiency(answer: Answer, links: str, direction: str) -> dict[str, Any]:
    chosen = {"links": links, "direction": direction, "system": cells.OURS}
    count = len(cells.rates_of(links))
    least = next((value for most, value in LEAST_EFFICIENCY.items() if count <= most), min(LEAST_EFFICIENCY.values()))
    simulated = _spread(answer, SIMULATION, cells.efficiency_key(direction), chosen)
    emulated = _spread(answer, EMULATION, cells.efficiency_key(direction), chosen)
    goodput = _spread(answer, EMULATION, cells.goodput_key(direction), chosen)
    kernel = _spread(answer, EMULATION, cells.goodput_key(direction), {**chosen, "system": cells.MPTCP})
    row: dict[str, Any] = {"links": links, "direction": direction, "at least": least}
    row["simulation"] = simulated.median
    met = [simulated.median >= least] if simulated.count else []
    if emulated.count:
        row |= {"emulation": emulated.median, "n": emulated.count}
        met += [abs(emulated.median - simulated.median) <= WORLDS_APART] if simulated.count else []
    if kernel.count:
        row["of kernel MPTCP"] = goodput.median / kernel.median
        met.append(goodput.median >= SHARE_OF_MPTCP * kernel.median)
    return {**row, "met": all(met)}


def _spread(answer: Answer, world: str, key: str, labels: dict[str, Any]) -> Spread:
    runs = answer.worlds.get(world, Runs((), world))
    return runs.spread(key, **labels)


def differences(answers: Sequence[Answer]) -> Iterator[dict[str, Any]]:
    """Give a row each cell that has a goodput in both worlds: emulated over simulated median, less one."""
    seen = set()
    for answer in answers:
        if not {SIMULATION, EMULATION} <= answer.worlds.keys():
            continue
        simulated, emulated = answer.worlds[SIMULATION], answer.worlds[EMULATION]
        for labels in _cells(emulated):
            direction = labels.get("direction")
            if direction is None or tuple(labels.items()) in seen:
                continue
            seen.add(tuple(labels.items()))
            key = cells.goodput_key(direction)
            here, there = simulated.spread(key, **labels), emulated.spread(key, **labels)
            if here.count and there.count and here.median:
                yield {
                    "criterion": answer.criterion.id,
                    "cell": ", ".join(str(value) for name, value in labels.items() if name != "direction"),
                    "direction": direction,
                    "simulation, Mbit/s": here.median / cells.BPS_PER_MBIT,
                    "emulation, Mbit/s": there.median / cells.BPS_PER_MBIT,
                    "n": f"{here.count}, {there.count}",
                    "difference": there.median / here.median - 1,
                }


def _cells(runs: Runs) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in runs:
        labels = {name: value for name, value in one.trial.labels.items() if name != "repetition"}
        found[tuple(labels.items())] = labels
    return list(found.values())
