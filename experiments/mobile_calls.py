"""What a call and a request feel while a bulk flow fills the tunnel, over pairs of mobile links.

Beside the bulk flow a call (G.711, both directions) and small requests five times a second; and the same call without
the bulk flow, which is as good as the links allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments.base import Outcome, Timing, Trial, run_trials, scenario_of
from experiments.tables import number, write_table
from mpsim.worlds import SIMULATION

FULL = Timing(warmup=5.0, duration=30.0, repetitions=1)
KINDS = (sets.PAIR, sets.GENERATED)
GOOD = 3.8  # MOS, of the issue that this answers
HEARD, SAID, ASKED = "heard", "said", "asked"
BESIDE: tuple[Mapping[str, Any], ...] = (
    {"name": HEARD, "kind": "voip", "direction": "inbound"},
    {"name": SAID, "kind": "voip", "direction": "outbound"},
    {"name": ASKED, "kind": "echo", "interval": "200ms"},
)
ENTRIES = (*runs.OWN_ENTRIES, runs.Entry(runs.DEFAULT))
WITH, WITHOUT = "bulk", "alone"


def trials_of(chosen: Sequence[sets.LinkSet], timing: Timing, folder: Path) -> list[Trial]:
    """Give every run; folder: where traces are written."""
    found = []
    for one in chosen:
        links = sets.link_tables(one, folder)
        for entry in ENTRIES:
            for load in (WITH, WITHOUT) if entry is runs.OURS else (WITH,):
                raw = runs.raw_scenario(links, runs.tunnel_of(entry, runs.CUBIC), runs.CUBIC)
                raw["flow"] = [*(raw["flow"] if load == WITH else []), *map(dict, BESIDE)]
                labels = {"set": one.name, "system": entry.name, "load": load}
                found.append(Trial(labels, SIMULATION, scenario_of(raw, timing, seed=1)))
    return found


def row_of(outcome: Outcome) -> dict[str, Any]:
    """Give the numbers of a run, those without a bulk flow with no fraction."""
    labels = dict(outcome.trial.labels)
    bulk = runs.row_of(outcome) if labels["load"] == WITH and outcome.believed else {}
    numbers = {
        "fraction": bulk.get("fraction"),
        "mos_heard": outcome.number(f"flow.{HEARD}.mos"),
        "mos_said": outcome.number(f"flow.{SAID}.mos"),
        "call_p95_s": outcome.number(f"flow.{HEARD}.one_way_delay_s.p95"),
        "request_p95_s": outcome.number(f"flow.{ASKED}.rtt_s.p95"),
    }
    return {**labels, **(numbers if outcome.believed else dict.fromkeys(numbers)), "why_not": outcome.why_not}


def measure(out: Path, quick: bool) -> list[dict[str, Any]]:
    """Run all; write the table as CSV and give its rows."""
    names = [one for one in sets.ALL if one.kind in KINDS and (not quick or one.name in sets.QUICK_NAMES)]
    chosen, _ = sets.at_hand(names)
    timing = runs.QUICK if quick else FULL
    outcomes = run_trials(trials_of(chosen, timing, out / "traces"), out, "mobile: calls", strict=False)
    rows = [row_of(one) for one in outcomes]
    write_table(out / "calls.csv", rows)
    return rows


HEADINGS = ("set", "system", "beside", "fraction, all flows", "MOS heard", "MOS said", "call p95 ms", "request p95 ms")


def lines_of(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Give the table's cells."""
    return [
        (
            row["set"], row["system"], {WITH: "a bulk flow", WITHOUT: "nothing"}[row["load"]],
            *(number(row[key], 1.0, digits) for key, digits in (("fraction", 3), ("mos_heard", 2), ("mos_said", 2))),
            *(number(row[key], 1e3, 0) for key in ("call_p95_s", "request_p95_s")),
        )
        for row in rows
    ]  # fmt: skip


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say on how many sets our system keeps a call good beside a bulk flow."""
    own = [row for row in rows if row["system"] == runs.OURS.name and row["load"] == WITH and row["mos_heard"]]
    good = [row for row in own if min(row["mos_heard"], row["mos_said"] or 0.0) >= GOOD]
    bad = "; ".join(f"{row['set']} {row['mos_heard']:.2f}" for row in own if row not in good)
    return f"{runs.OURS.name}: MOS at least {GOOD} on {len(good)} of {len(own)} sets{f', not on {bad}' if bad else ''}."
