"""What our own system for mobile links is made of: its delay target swept, and its parts replaced by plain ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments.base import Timing, Trial, run_trials, scenario_of
from experiments.tables import write_table
from mpsim.systems import DEFAULT_TUNNEL, SYSTEMS
from mpsim.worlds import SIMULATION

Row = Mapping[str, Any]
# On which it is done: used for tuning, not used, and shipped.
SETS = (
    "verizon@0 + att@0", "verizon@0 + tmobile@0", "taxi@35 + square@60", "bus@120 + corner@0",
    "verizon@60 + att@600 + tmobile@400", "driving a + b",
)  # fmt: skip
# The delay target of the paths' congestion control, s.
TARGETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
QUICK_TARGETS = (0.01, 0.08)


def parts_of(entry: runs.Entry) -> dict[str, Any]:
    """Give the parts that an entry's tunnel is made of."""
    system = entry.tunnel.get("system")
    return {**DEFAULT_TUNNEL, **(SYSTEMS[system].tunnel if system is not None else {}), **entry.tunnel}


def swept(entry: runs.Entry, target: float) -> dict[str, Any]:
    """Give an entry's [tunnel] with another delay target in its congestion control."""
    congestion = parts_of(entry)["congestion"]
    table = {"name": congestion} if isinstance(congestion, str) else dict(congestion)
    return {**entry.tunnel, "congestion": {**table, "delay": target}}


# What stands for each part where it is left out: the plainest there is; for keys not named here it is the default.
PLAIN: Mapping[str, Any] = {
    "scheduler": "round-robin",
    "queue": {"kind": "droptail", "size": "1000p"},
    "reorder": {"mode": "none"},
    "repair": [],
    "backpressure": "none",
}
PLAIN_NAMES: Mapping[str, str] = {
    "scheduler": "round robin",
    "queue": "drop-tail ingress, 1000 packets",
    "reorder": "no resequencing",
    "repair": "no repair",
    "backpressure": "no backpressure",
}
WINDOWS: Mapping[str, Any] = {"the default's windows": DEFAULT_TUNNEL["congestion"], "NewReno windows": "newreno"}
WHOLE = "all parts"


def ablations(entry: runs.Entry) -> dict[str, dict[str, Any]]:
    """Give the [tunnel] tables in which one part at a time is the plain one, by what is told of it."""
    # The parts are told one by one: a key over that of a named system would be merged with it.
    parts = {key: part for key, part in parts_of(entry).items() if key != "system"}
    plain = {key: PLAIN.get(key, DEFAULT_TUNNEL.get(key)) for key in parts if key != "congestion"}
    changed = {_told(key): {key: value} for key, value in plain.items() if parts[key] != value and value is not None}
    repairs = list(parts["repair"])
    if len(repairs) > 1:
        changed |= {f"no {_name(one)}": {"repair": [other for other in repairs if other != one]} for one in repairs}
    changed |= {told: {"congestion": value} for told, value in WINDOWS.items() if parts["congestion"] != value}
    return {WHOLE: dict(entry.tunnel), **{told: {**parts, **change} for told, change in changed.items()}}


def _told(key: str) -> str:
    return PLAIN_NAMES.get(key, f"{key} as by default")


def _name(part: Any) -> str:
    return str(part["name"] if isinstance(part, Mapping) else part)


def changed_trials(
    links: Sequence[sets.LinkSet], tunnels: Mapping[str, Row], timing: Timing, folder: Path, **labels: str
) -> list[Trial]:
    """Give runs of one inner CUBIC flow over sets by changed tunnels; labels: what tells them from others."""
    return [
        Trial(
            {"set": one.name, "system": name, **labels},
            SIMULATION,
            scenario_of(runs.raw_scenario(sets.link_tables(one, folder), tunnel, runs.CUBIC), timing, seed=1),
        )
        for one in links
        for name, tunnel in tunnels.items()
    ]


def chosen(quick: bool) -> list[sets.LinkSet]:
    """Give the sets that are at hand; quick: the first of them."""
    found, _ = sets.at_hand([one for one in sets.ALL if one.name in SETS])
    return found[:1] if quick else found


def sweep(out: Path, timing: Timing, quick: bool) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    """Run the delay targets; give the means over sets at each target (s), by system."""
    targets = QUICK_TARGETS if quick else TARGETS
    entries = (runs.OURS,) if quick else (*runs.OWN_ENTRIES, runs.Entry(runs.DEFAULT))
    tunnels = {f"{entry.name}, {target:g}": swept(entry, target) for entry in entries for target in targets}
    trials = changed_trials(chosen(quick), tunnels, timing, out / "traces", sweep="target")
    rows = runs.rows_of(run_trials(trials, out, "mobile: delay targets", strict=False))
    write_table(out / "frontier.csv", rows)
    points = {
        entry.name: [(target, means(rows, f"{entry.name}, {target:g}")) for target in targets] for entry in entries
    }
    known = {name: [one for one in found if is_known(one[1])] for name, found in points.items()}
    return {name: found for name, found in known.items() if found}


def beside(rows: Sequence[Row], quick: bool) -> list[dict[str, Any]]:
    """Give the means over the same sets of the systems that have no target; rows: of every run."""
    names = {one.name for one in chosen(quick)}
    own = [row for row in rows if row["set"] in names]
    swept_too = {entry.name for entry in (*runs.OWN_ENTRIES, runs.Entry(runs.DEFAULT))}
    systems = [entry.name for entry in runs.ENTRIES if entry.name not in swept_too]
    return [row for row in ({"system": name, **means(own, name)} for name in systems) if is_known(row)]


def ablate(out: Path, timing: Timing, quick: bool) -> list[Row]:
    """Run our own system with one part at a time replaced; give every run's row."""
    trials = changed_trials(chosen(quick), ablations(runs.OURS), timing, out / "traces", sweep="part")
    rows = runs.rows_of(run_trials(trials, out, "mobile: part by part", strict=False))
    write_table(out / "ablation.csv", rows)
    return [row for row in rows if row.get("fraction") is not None]


def means(rows: Sequence[Row], system: str) -> dict[str, Any]:
    """Give a system's means over sets of what the frontier shows."""
    own = [row for row in rows if row["system"] == system]
    return {key: runs.mean_of(own, key) for key in ("fraction", "delay_p95_s")}


def is_known(row: Row) -> bool:
    """Return whether there was anything to take a mean of."""
    return row["fraction"] is not None and row["delay_p95_s"] is not None
