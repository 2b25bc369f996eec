"""A few cells of the mobile experiment with real TCP between real interfaces, beside their simulation.

Four pairs of LTE links, 20 ms one way, 300 kB of queue, the way back on its own trace where there is one (both pairs of
which both ways back were recorded are among them); and two links of 8 Mbit/s that lose 1 % both ways. The inner flow is
the kernel's CUBIC; in each cell our tunnel stands beside the kernel's Multipath TCP on the same links. Where no
recordings are at hand the pairs are shipped ones. Over the first pair our tunnel also carries the kernel's BBR, and its
CUBIC beside a call and small requests.

Criteria: the fraction of the sum within 7 points of the simulation's, and `valid`; goodput above Multipath TCP's in the
mean over the pairs, and at least 1.3 times it where links lose; a MOS of at least 3.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from experiments import mobile_calls as calls
from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments.base import EMULATION, Outcome, Timing, Trial, scenario_of
from experiments.tables import number
from mpsim.worlds import SIMULATION

FULL = Timing(warmup=5.0, duration=60.0, repetitions=1)
QUICK = Timing(warmup=2.0, duration=10.0, repetitions=1)
DELAY, QUEUE = "20ms", "300kB"
RECORDED = ("verizon@0 + att@0", "verizon@0 + tmobile@0", "att@100 + tmobile@60", "verizon@70 + att@300")
DRAWN = ("driving a + b", "driving b + c", "Wi-Fi + LTE, walking")
LOSSY = "8+8 Mbit/s, 1 % loss"
LOSSY_LINKS = tuple({"name": name, "rate": "8Mbit", "delay": "10ms", "loss": 0.01} for name in ("first", "second"))
SYSTEMS = (runs.OURS, runs.MULTIPATH)
POINTS = 0.07
GAIN, LOSSY_GAIN = 1.0, 1.3  # over Multipath TCP
BPS_PER_MBIT = 1e6


@dataclass(frozen=True, slots=True)
class Cell:
    """Links, what flows over them, and the systems that carry it."""

    name: str
    links: Sequence[Mapping[str, Any]]
    inner: str = runs.CUBIC
    beside: Sequence[Mapping[str, Any]] = ()  # further flows
    systems: Sequence[runs.Entry] = SYSTEMS

    def raw_scenario(self, entry: runs.Entry) -> dict[str, Any]:
        """Give the scenario of a system as a mapping."""
        raw = runs.raw_scenario(self.links, runs.tunnel_of(entry, self.inner), self.inner)
        return {**raw, "flow": [*raw["flow"], *map(dict, self.beside)]}


def pairs() -> list[sets.LinkSet]:
    """Give the pairs that are emulated."""
    found, _ = sets.at_hand([one for one in sets.ALL if one.name in RECORDED])
    return found if len(found) == len(RECORDED) else [one for one in sets.SHIPPED_SETS if one.name in DRAWN]


def cells(folder: Path) -> list[Cell]:
    """Give every cell; folder: where traces are written."""
    found = [
        Cell(one.name, sets.link_tables(one, folder, sets.OWN, delays=(DELAY,) * len(one.legs), queue=QUEUE))
        for one in pairs()
    ]
    first = found[0]
    return [
        *found,
        Cell(LOSSY, LOSSY_LINKS),
        Cell(f"{first.name}, BBR inside", first.links, inner=runs.BBR, systems=(runs.OURS,)),
        Cell(f"{first.name}, a call beside", first.links, beside=calls.BESIDE, systems=(runs.OURS,)),
    ]


def trials_of(timing: Timing, worlds: Sequence[str], folder: Path) -> list[Trial]:
    """Give every run; folder: where traces are written."""
    return [
        Trial(
            {"cell": cell.name, "system": entry.name},
            world,
            scenario_of(cell.raw_scenario(entry), timing, seed=1),
        )
        for world in worlds
        for cell in cells(folder)
        for entry in cell.systems
    ]


def compare(outcomes: Sequence[Outcome | None]) -> list[dict[str, Any]]:
    """Give one row a cell and system: both worlds' numbers, how far apart they are, and whether they are believed."""
    known = [one for one in outcomes if one is not None]
    places = dict.fromkeys((str(one.trial.labels["cell"]), str(one.trial.labels["system"])) for one in known)
    rows = []
    for cell, system in places:
        row: dict[str, Any] = {"cell": cell, "system": system}
        for world in (SIMULATION, EMULATION):
            one = next((one for one in known if _is(one, world, cell, system)), None)
            found = runs.row_of(one) if one is not None else {}
            row |= {f"{world}_{key}": found.get(key) for key in ("goodput_bps", "fraction", "delay_p95_s")}
            row[f"{world}_mos"] = None if one is None else one.number(f"flow.{calls.HEARD}.mos")
            row |= {f"{world}_valid": None if one is None else one.believed}
            row |= {f"{world}_why_not": "" if one is None else one.why_not}
        both = [row[f"{world}_fraction"] for world in (SIMULATION, EMULATION)]
        row["apart"] = None if None in both else both[1] - both[0]
        rows.append(row)
    return rows


def _is(one: Outcome, world: str, cell: str, system: str) -> bool:
    return one.trial.world == world and one.has({"cell": cell, "system": system})


def gains(rows: Sequence[Mapping[str, Any]], world: str) -> dict[str, float]:
    """Give our goodput over Multipath TCP's in each cell where both are known."""
    found = {}
    for cell in dict.fromkeys(str(row["cell"]) for row in rows):
        ours, theirs = (
            next(
                (row[f"{world}_goodput_bps"] for row in rows if (row["cell"], row["system"]) == (cell, one.name)), None
            )
            for one in SYSTEMS
        )
        if ours is not None and theirs:
            found[cell] = ours / theirs
    return found


HEADINGS = (
    "links", "system", "simulated Mbit/s", "fraction", "emulated Mbit/s", "fraction", "apart", "p95 ms, simulated",
    "emulated", "MOS, simulated", "emulated", "valid",
)  # fmt: skip


def cells_of(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Give the table's cells."""
    return [
        (
            row["cell"],
            row["system"],
            *_pair(row, SIMULATION),
            *_pair(row, EMULATION),
            "-" if row["apart"] is None else f"{100 * row['apart']:+.1f} points",
            *(number(row[f"{world}_delay_p95_s"], 1e3, 0) for world in (SIMULATION, EMULATION)),
            *(number(row[f"{world}_mos"], 1, 2) for world in (SIMULATION, EMULATION)),
            {None: "-", True: "yes", False: "no"}[row[f"{EMULATION}_valid"]],
        )
        for row in rows
    ]


def _pair(row: Mapping[str, Any], world: str) -> tuple[str, str]:
    return number(row[f"{world}_goodput_bps"], 1 / BPS_PER_MBIT, 2), number(row[f"{world}_fraction"], 1, 3)


def verdict(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say in a line each whether the criteria hold; what was not emulated says so."""
    far = [row for row in rows if row["apart"] is not None and row["system"] == runs.OURS.name]
    if not far:
        return ["The emulated side was not measured here: sudo mpsim experiment mobile --world emulation."]
    widest = max(abs(row["apart"]) for row in far)
    lines = [f"Worlds apart by {100 * widest:.1f} points at most, 7 allowed: {_told(widest <= POINTS)}."]
    found = gains(rows, EMULATION)
    mobile = [gain for cell, gain in found.items() if cell != LOSSY]
    if mobile:
        lines.append(
            f"{runs.OURS.name} over MPTCP, mean of the pairs: {fmean(mobile):.2f}: {_told(fmean(mobile) > GAIN)}."
        )
    if LOSSY in found:
        lines.append(f"On {LOSSY}: {found[LOSSY]:.2f}, 1.3 wanted: {_told(found[LOSSY] >= LOSSY_GAIN)}.")
    heard = [float(mos) for row in rows if (mos := row[f"{EMULATION}_mos"]) is not None]
    if heard:
        lines.append(
            f"A call beside a bulk flow: MOS {min(heard):.2f}, {calls.GOOD} wanted: {_told(min(heard) >= calls.GOOD)}."
        )
    return lines


def _told(met: bool) -> str:
    return "met" if met else "not met"
