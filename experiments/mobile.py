"""How close to the sum of fluctuating links does a tunnel come, and at which delay?

Pairs and triples of recorded LTE links at several offsets, operators and Starlink recorded in one car, Wi-Fi and cellular
walked together, and the generated links that are shipped (mobile_sets.py): one bulk flow over each by every system, with
queues of 1000 packets and 20, 28 and 35 ms one way. Beside them the best single link, and the oracle, which is the sum.

`--world emulation` runs a few cells of it with the kernel's CUBIC and Multipath TCP (mobile_emulated.py), about ten minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import mobile_course as courses
from experiments import mobile_emulated as emulated
from experiments import mobile_figures as figures
from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments.base import (
    EMULATION,
    Outcome,
    Timing,
    Trial,
    left_out,
    run_trials,
    worlds_of,
    write_table,
)
from experiments.tables import as_markdown, as_text
from mpsim.worlds import SIMULATION

TARGET_MS = 250.0  # of the issue that this answers: mean delay of 95 %
# Of which one is drawn over time: the first that is at hand.
COURSES = ("verizon@0 + att@0", "driving a + b")
SWEPT = (
    "verizon@0 + att@0", "verizon@0 + tmobile@0", "taxi@35 + square@60", "bus@120 + corner@0",
    "verizon@60 + att@600 + tmobile@400", "driving a + b + c",
)  # fmt: skip
# Systems whose course is drawn beside ours.
BESIDE = (runs.MULTIPATH.name, runs.BEST)


class Mobile:
    """Every system on every set of links, and what our own is made of."""

    title = "mobile links: fraction of the sum and delay by system, over time, by delay target, part by part"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write tables and figures to ``out``, and give the text to print."""
        worlds = worlds_of(world)
        told: list[str] = []
        if SIMULATION in worlds:
            told += simulate(out, quick)
        cells = _cells(worlds, out, quick)
        rows = emulated.compare(cells)
        if rows:
            write_table(out / "emulated.csv", rows)
            table = emulated.cells_of(rows)
            page = ["# Mobile links in both worlds", "", as_markdown(emulated.HEADINGS, table), "", *emulated.verdict(rows)]
            (out / "emulated.md").write_text("\n".join([*page, ""]), encoding="utf-8")
            told += ["", as_text(emulated.HEADINGS, table), *emulated.verdict(rows)]
            told += left_out([one for one in cells if one is not None])
        return "\n".join(told)


def simulate(out: Path, quick: bool) -> list[str]:
    """Run the simulated part and write it; give what is printed."""
    timing = runs.QUICK if quick else runs.FULL
    chosen, missing = sets.at_hand([one for one in sets.ALL if not quick or one.name in sets.QUICK_NAMES])
    variants = (runs.MAIN,) if quick else runs.VARIANTS
    outcomes = run_trials(runs.trials_of(chosen, variants, timing, out / "traces"), out, "mobile", strict=False)
    rows = runs.rows_of(outcomes)
    summary = runs.summarise(rows, variants)
    write_table(out / "sets.csv", rows)
    write_table(out / "summary.csv", summary)
    lines = _cells_of(summary)
    written = draw(outcomes, rows, out, timing, quick)
    told = [as_text(HEADINGS, lines), NOTE, *(f"left out: {one}" for one in missing), *left_out(outcomes)]
    page = [*_head(timing, chosen, missing), as_markdown(HEADINGS, lines), "", NOTE, ""]
    (out / "mobile.md").write_text("\n".join(page), encoding="utf-8")
    return [*told, *written, f"tables: {out / 'mobile.md'}, CSV: {out / 'summary.csv'} (every run: {out / 'sets.csv'})"]


def draw(outcomes: Sequence[Outcome], rows: Sequence[Mapping[str, Any]], out: Path, timing: Timing, quick: bool) -> list[str]:
    """Draw all figures of the simulated part; give a line each file."""
    from mpsim import plot

    main = [row for row in rows if row.get("fraction") is not None and runs.MAIN.labels.items() <= row.items()]
    drawn = {}
    if main:
        drawn["mobile"] = figures.by_system(main, title=_title(main), note=_how(timing), target_ms=TARGET_MS)
    one = next((name for name in COURSES if any(row["set"] == name for row in main)), None)
    if one is not None:
        found = {str(run.trial.labels["system"]): run for run in outcomes if _shown(run, one)}
        own = {name: found[name] for name in (runs.OURS.name, *BESIDE) if name in found}
        drawn["mobile-course"] = courses.over_time(own, f"{one}, {_how(timing)}")
        if runs.GOBONDING.name in found:
            run = found[runs.GOBONDING.name]
            apart = 100 * courses.misplaced(run)
            note = f"{one}, {_how(timing)} The weights are {apart:.0f} points away from the true share in the mean."
            drawn["mobile-gobonding"] = courses.weights(run, note)
    swept, means = sweep(out, timing, quick)
    if swept:
        drawn["mobile-frontier"] = figures.frontier(swept, means, _how(timing))
    changed = ablate(out, timing, quick)
    if changed:
        drawn["mobile-ablation"] = figures.ablation(changed, f"{runs.OURS.name}; {_how(timing)}")
    return [f"{kind}: {file}" for name, one in drawn.items() for kind, file in plot.save(one, out / name).items()]


def _shown(run: Outcome, name: str) -> bool:
    return run.believed and run.has({"set": name, **runs.MAIN.labels})


def sweep(out: Path, timing: Timing, quick: bool) -> tuple[dict[str, list[tuple[float, dict[str, Any]]]], list[dict[str, Any]]]:
    """Run the delay targets; give the means at each by system, and those of all systems on the same sets."""
    chosen = _few(quick)
    targets = runs.QUICK_TARGETS if quick else runs.TARGETS
    entries = (runs.OURS,) if quick else (*runs.OWN_ENTRIES, runs.Entry(runs.DEFAULT))
    trials: list[Trial] = []
    for entry in entries:
        tunnels = {f"{entry.name}, {target:g}": runs.swept(entry, target) for target in targets}
        trials += runs.changed_trials(chosen, tunnels, timing, out / "traces", sweep="target")
    rows = runs.rows_of(run_trials(trials, out, "mobile: delay targets", strict=False))
    write_table(out / "frontier.csv", rows)
    points = {
        entry.name: [(target, _means(rows, f"{entry.name}, {target:g}")) for target in targets] for entry in entries
    }
    points = {name: [one for one in found if one[1]["fraction"] is not None] for name, found in points.items()}
    plain = run_trials(runs.trials_of(chosen, (runs.MAIN,), timing, out / "traces"), out, "mobile: beside", strict=False)
    others = runs.rows_of(plain)
    names = [entry.name for entry in runs.ENTRIES if entry not in entries]
    means = [{"system": name, **_means(others, name)} for name in names]
    return {name: found for name, found in points.items() if found}, [one for one in means if one["fraction"] is not None]


def ablate(out: Path, timing: Timing, quick: bool) -> list[dict[str, Any]]:
    """Run our own system with one part at a time replaced; give every run's row."""
    tunnels = runs.ablations(runs.OURS)
    trials = runs.changed_trials(_few(quick), tunnels, timing, out / "traces", sweep="part")
    rows = runs.rows_of(run_trials(trials, out, "mobile: part by part", strict=False))
    write_table(out / "ablation.csv", rows)
    return [row for row in rows if row.get("fraction") is not None]


def _few(quick: bool) -> list[sets.LinkSet]:
    found, _ = sets.at_hand([one for one in sets.ALL if one.name in SWEPT])
    return found[:1] if quick else found


def _means(rows: Sequence[Mapping[str, Any]], system: str) -> dict[str, Any]:
    own = [row for row in rows if row["system"] == system]
    return {key: runs.mean_of(own, key) for key in ("fraction", "delay_p95_s")}


def _cells(worlds: Sequence[str], out: Path, quick: bool) -> list[Outcome | None]:
    """Run the cells of both worlds that are asked for; of the other take what is there."""
    timing = emulated.QUICK if quick else emulated.FULL
    found: list[Outcome | None] = []
    for world in (SIMULATION, EMULATION):
        trials = emulated.trials_of(timing, [world], out / "traces")
        found += run_trials(trials, out, f"mobile: {world}", strict=False, run=world in worlds)
    return found


def _title(rows: Sequence[Mapping[str, Any]]) -> str:
    count = len({row["set"] for row in rows})
    return f"One flow over {count} sets of fluctuating links: how much of their sum, and at which delay"


def _how(timing: Timing) -> str:
    return (
        f"{timing.duration:g} s of one inner CUBIC flow in simulation, queues of 1000 packets, 20 to 35 ms one way, the way "
        "back uncongested."
    )


def _head(timing: Timing, chosen: Sequence[sets.LinkSet], missing: Sequence[str]) -> list[str]:
    told = [
        "# Mobile links: the fraction of the sum", "",
        f"Means over sets of runs of {timing.duration:g} s after {timing.warmup:g} s; {len(chosen)} sets, "
        f"{len(missing)} left out. Queues of 1000 packets, 20, 28 and 35 ms one way.", "",
    ]  # fmt: skip
    tuned = ", ".join(one.name for one in chosen if one.tuning)
    return [*told, f"Used for tuning: {tuned or 'none'}. All others are untouched.", ""]


HEADINGS = (
    "inner", "way back", "sets", "n", "system", "fraction", "worst", "benefit", "p50 ms", "p95 ms", "p99 ms",
    "in order p95 ms", "out of order", "duplicates",
)  # fmt: skip
NOTE = (
    "Fraction: payload over what framing leaves of the summed capacity; the oracle has 1. Worst: of the sets. Benefit: 0 is "
    "the best single link, 1 the sum. p50 to p99: from sender to receiver, data alone; in order: from the tunnel's ingress to "
    "its release, acknowledgements on their way back among them. Out of order: of the packets that reach the host's TCP; "
    "duplicates: of those that reach the tunnel's end."
)


def _cells_of(summary: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            row["inner"], row["reverse"], row["group"], str(row["sets"]), row["system"],
            *(_number(row[key], 1, 3) for key in ("fraction", "worst_fraction", "benefit")),
            *(_number(row[f"delay_{part}_s"], 1e3, 0) for part in ("p50", "p95", "p99")),
            _number(row["tunnel_in_order_p95_s"], 1e3, 0),
            *(_percent(row[key]) for key in ("out_of_order", "duplicates")),
        )
        for row in summary
    ]  # fmt: skip


def _number(value: float | None, factor: float, digits: int) -> str:
    return "-" if value is None else f"{value * factor:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


experiment = Mobile()
