"""Every part of the catalogue on one scenario in both worlds: what it carries, and whether the runs may be believed.

One TCP flow through a tunnel over two links of 8 Mbit/s, 10 and 20 ms one way. Each scheduler, congestion control,
reorder mode and ingress queue takes the place of the default one, with its own default parameters; repairs are added,
on links that lose 1 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.base import EMULATION, Outcome, Timing, Trial, left_out, run_trials, spread_of, worlds_of, write_runs
from experiments.tables import as_markdown, as_text, write_table
from mpsim.scenario import limits
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.repair import repairs
from mpsim.tunnel.schedulers import schedulers
from mpsim.worlds import SIMULATION

DIRECTION = "inbound"
LINKS = {"first": "10ms", "second": "20ms"}
RATE = "8Mbit"
REPAIRED_LOSS = 0.01  # of the data's direction
WORLDS = (SIMULATION, EMULATION)
# Emulated, a repetition of all takes a quarter of an hour.
FULL = {SIMULATION: Timing(4.0, 10.0, repetitions=3), EMULATION: Timing(4.0, 10.0, repetitions=1)}
QUICK = dict.fromkeys(WORLDS, Timing(2.0, 4.0, repetitions=1))
GOODPUT = "flow.download.goodput_bps"
EFFICIENCY = f"aggregation.{DIRECTION}.efficiency"
NUMBERS = {"goodput_bps": GOODPUT, "efficiency": EFFICIENCY}
BPS_PER_MBIT = 1e6


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its kind and name, and what stands for it in [tunnel]."""

    kind: str
    name: str
    tunnel: Mapping[str, Any]
    loss: float = 0.0


# Copies are of expedited packets unless told otherwise, and here is none.
REPAIRS: Mapping[str, Any] = {"duplicate": {"name": "duplicate", "classes": ["tcp"], "share": 0.1}}


def parts() -> list[Part]:
    """Give everything that is registered, or is a word of a scenario."""
    found = [Part("scheduler", name, {"scheduler": name}) for name in schedulers.names()]
    found += [Part("congestion", name, {"congestion": name}) for name in controllers.names()]
    found += [
        Part("repair", name, {"repair": [REPAIRS.get(name, name)], "reorder": {"mode": "detect"}}, REPAIRED_LOSS)
        for name in repairs.names()
    ]
    for kind, key, word in (("reorder", "mode", "tunnel.reorder.mode"), ("queue", "kind", "tunnel.queue.kind")):
        found += [Part(kind, name, {kind: {key: name}}) for name in limits.WORDS[word].now]
    return found


def raw_scenario(part: Part) -> dict[str, Any]:
    """Give one scenario as a mapping."""
    links = [
        {"name": name, "rate": RATE, "delay": delay, "loss": {"down": part.loss, "up": 0.0}}
        for name, delay in LINKS.items()
    ]
    flow = {"name": "download", "kind": "tcp", "congestion": "cubic", "direction": DIRECTION}
    return {"name": "catalogue", "tunnel": dict(part.tunnel), "link": links, "flow": [flow]}


def trials_of(timings: Mapping[str, Timing], worlds: Sequence[str]) -> list[Trial]:
    """Give every run; a repetition is complete before the next begins."""
    return [
        Trial.of(raw_scenario(part), {"kind": part.kind, "name": part.name}, timings[world], world, repetition)
        for world in worlds
        for repetition in range(1, timings[world].repetitions + 1)
        for part in parts()
    ]


def summarise(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Give one row a part: in each world the median over believed runs, and how many of all these are."""
    rows = []
    for part in parts():
        labels = {"kind": part.kind, "name": part.name}
        row: dict[str, Any] = dict(labels)
        for world in WORLDS:
            own = [one for one in outcomes if one.trial.world == world and one.has(labels)]
            goodput = spread_of(own, GOODPUT)
            row |= {
                f"{world}_goodput_bps": goodput.median,
                f"{world}_p25_bps": goodput.low,
                f"{world}_p75_bps": goodput.high,
                f"{world}_efficiency": spread_of(own, EFFICIENCY).median,
                f"{world}_valid": sum(one.believed for one in own),
                f"{world}_n": len(own),
                f"{world}_why_not": "; ".join(dict.fromkeys(one.why_not for one in own if not one.believed)),
            }
        row["difference"] = row[f"{SIMULATION}_goodput_bps"] / row[f"{EMULATION}_goodput_bps"] - 1
        rows.append(row)
    return rows


class Catalogue:
    """Every part in both worlds."""

    title = "every scheduler, congestion control, repair, reorder mode and queue on one scenario, in both worlds"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write runs.csv, catalogue.csv and catalogue.md to ``out``, and give the table."""
        timings = QUICK if quick else FULL
        outcomes = run_trials(trials_of(timings, worlds_of(world)), out, "catalogue", strict=False)
        rows = summarise(outcomes)
        write_runs(out, outcomes, NUMBERS)
        write_table(out / "catalogue.csv", rows)
        cells = [_cells(row) for row in rows]
        (out / "catalogue.md").write_text(_page(cells, timings[SIMULATION]), encoding="utf-8")
        written = f"CSV: {out / 'catalogue.csv'} (every run: {out / 'runs.csv'}); Markdown: {out / 'catalogue.md'}"
        return "\n".join([as_text(HEADINGS, cells), *left_out(outcomes), written])


HEADINGS = ("kind", "name", *(f"{world}: {what}" for world in WORLDS for what in ("Mbit/s", "believed")), "difference")


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    cells = [str(row["kind"]), str(row["name"])]
    for world in WORLDS:
        goodput, count = row[f"{world}_goodput_bps"], row[f"{world}_n"]
        cells.append(f"{goodput / BPS_PER_MBIT:.2f}" if row[f"{world}_valid"] else "-")
        cells.append(f"{row[f'{world}_valid']} of {count}" if count else "-")
    # Where a world has no median there is none: NaN is not equal to itself.
    cells.append(f"{row['difference']:+.1%}" if row["difference"] == row["difference"] else "-")
    return tuple(cells)


def _page(cells: Sequence[Sequence[str]], timing: Timing) -> str:
    return "\n".join(
        [
            "# The catalogue in both worlds",
            "",
            f"Goodput of one TCP flow through a tunnel over two links of {RATE}/s, {' and '.join(LINKS.values())} one",
            f"way; medians of up to {timing.repetitions} runs of {timing.duration:g} s. Each part takes the place of",
            "the default one, with its own default parameters; repairs are added on links that lose 1 %. Believed:",
            "runs that say of themselves that they are valid. Difference: simulation over emulation, less one.",
            "",
            as_markdown(HEADINGS, cells),
            "",
        ]
    )


experiment = Catalogue()
