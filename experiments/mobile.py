"""How close to the sum of fluctuating links a tunnel comes, and at which delay.

Pairs and triples of recorded LTE links at several offsets, operators and Starlink recorded in one car, Wi-Fi and
cellular walked together, and the generated links that are shipped (mobile_sets.py): one bulk flow over each by every
system, with queues of 1000 packets and 20, 28 and 35 ms one way. Beside them the best single link, and the oracle,
which is the sum.

`--world emulation` runs a few cells of it with the kernel's CUBIC, BBR and Multipath TCP (mobile_emulated.py), about a
quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import mobile_calls as calls
from experiments import mobile_course as courses
from experiments import mobile_emulated as emulated
from experiments import mobile_figures as figures
from experiments import mobile_parts as parts
from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments import mobile_steady as steady
from experiments.base import EMULATION, Outcome, Timing, left_out, run_trials, worlds_of
from experiments.tables import as_markdown, as_text, number, write_table
from mpsim.worlds import SIMULATION

TARGET_MS = 250.0  # of the issue that this answers: mean delay of 95 %
# Of which one is drawn over time: the first that is at hand.
COURSES = ("verizon@0 + att@0", "driving a + b")
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
            page = [
                "# Mobile links in both worlds",
                "",
                as_markdown(emulated.HEADINGS, table),
                "",
                *emulated.verdict(rows),
            ]
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
    told += beside(out, quick)
    return [*told, *written, f"tables: {out / 'mobile.md'}, CSV: {out / 'summary.csv'} (every run: {out / 'sets.csv'})"]


def beside(out: Path, quick: bool) -> list[str]:
    """Run what is asked beside the sum: calls next to a bulk flow, and steady links; give what is printed."""
    rows = calls.measure(out, quick)
    told = [calls.verdict(rows)]
    _page(out / "calls.md", "Calls and requests beside a bulk flow", calls.HEADINGS, calls.lines_of(rows), told)
    cases = steady.measure(out, quick)
    lines = steady.lines_of(cases)
    _page(out / "steady.md", f"{runs.OURS.name} where links are steady", steady.HEADINGS, lines, [])
    return ["", *told, "", as_text(steady.HEADINGS, lines)]


def _page(
    path: Path, title: str, headings: Sequence[str], lines: Sequence[Sequence[str]], notes: Sequence[str]
) -> None:
    text = [f"# {title}", "", as_markdown(headings, lines), *(line for note in notes for line in ("", note)), ""]
    path.write_text("\n".join(text), encoding="utf-8")


def draw(
    outcomes: Sequence[Outcome], rows: Sequence[Mapping[str, Any]], out: Path, timing: Timing, quick: bool
) -> list[str]:
    """Draw all figures of the simulated part; give a line each file."""
    from mpsim import plot

    main = [row for row in rows if row.get("fraction") is not None and runs.has(row, runs.MAIN.labels)]
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
            note = f"{one}, {_how(timing)}\nThe weights are {apart:.0f} points away from the true share in the mean."
            drawn["mobile-gobonding"] = courses.weights(run, note)
    swept = parts.sweep(out, timing, quick)
    if swept:
        drawn["mobile-frontier"] = figures.frontier(swept, parts.beside(main, quick), _how(timing))
    changed = parts.ablate(out, timing, quick)
    if changed:
        drawn["mobile-ablation"] = figures.ablation(changed, f"{runs.OURS.name}; {_how(timing)}")
    return [f"{kind}: {file}" for name, one in drawn.items() for kind, file in plot.save(one, out / name).items()]


def _shown(run: Outcome, name: str) -> bool:
    return run.believed and run.has({"set": name, **runs.MAIN.labels})


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
        f"{timing.duration:g} s of one inner CUBIC flow in simulation, queues of 1000 packets, 20 to 35 ms one way, "
        "the way back uncongested."
    )


def _head(timing: Timing, chosen: Sequence[sets.LinkSet], missing: Sequence[str]) -> list[str]:
    tuned = ", ".join(one.name for one in chosen if one.tuning)
    return [
        "# Mobile links: the fraction of the sum",
        "",
        f"Means over sets of runs of {timing.duration:g} s after {timing.warmup:g} s in simulation;",
        f"{len(chosen)} sets, {len(missing)} left out. Queues of 1000 packets, 20, 28 and 35 ms one way.",
        "",
        f"Used for tuning: {tuned or 'none'}. All others are untouched.",
        "",
    ]


HEADINGS = (
    "inner", "way back", "sets", "n", "system", "fraction", "worst", "benefit", "p50 ms", "p95 ms", "p99 ms",
    "in order p95 ms", "held p95 kB", "out of order", "duplicates",
)  # fmt: skip
NOTE = (
    "Fraction: payload over what framing leaves of the summed capacity; the oracle has 1. Worst: of the sets. Benefit: "
    "0 is the best single link, 1 the sum. p50 to p99: from sender to receiver, data alone; in order: from the "
    "tunnel's ingress to its release, acknowledgements on their way back among them. Held: by the reorder buffers. Out "
    "of order: of the packets that reach the host's TCP; duplicates: of those that reach the tunnel's end."
)


def _cells_of(summary: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            row["inner"], row["reverse"], row["group"], str(row["sets"]), row["system"],
            *(number(row[key], 1, 3) for key in ("fraction", "worst_fraction", "benefit")),
            *(number(row[f"delay_{part}_s"], 1e3, 0) for part in ("p50", "p95", "p99")),
            number(row["tunnel_in_order_p95_s"], 1e3, 0),
            number(row["reorder_p95_bytes"], 1e-3, 0),
            *(_percent(row[key]) for key in ("out_of_order", "duplicates")),
        )
        for row in summary
    ]  # fmt: skip


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


experiment = Mobile()
