"""Each congestion control alone on one link, and beside it what Linux makes of the same link.

One TCP flow over 16 Mbit/s for each of three round-trip times, five probabilities of loss and two queues: its goodput
and the delay of the link's queue. A run has a link and a flow for each round-trip time, which share nothing: emulation
takes as long as the clock does. The kernel's reno, cubic and bbr are measured in emulation over the same links
(``--world emulation`` writes kernel.csv); where nobody has done so in the folder, the committed measurement counts.

Criterion: the simulated goodput is within 10 % of the kernel's median (bbr: 15 %) in each cell of at most 1 % loss, or
the 95 % bootstrap interval of their difference has room for none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import matrix
from experiments.base import EMULATION, Outcome, Timing, Trial, left_out, run_trials, worlds_of, write_runs
from experiments.kernel_comparison import (
    DIRECTION,
    JUDGED_LOSS,
    ROUND_TRIPS,
    RUN_NUMBERS,
    Measured,
    Place,
    compare,
    measured_rows,
)
from experiments.tables import as_markdown, as_text, write_table
from mpsim.errors import WorldError
from mpsim.tunnel.congestion import controllers
from mpsim.worlds import SIMULATION

RATE = "16Mbit"
LOSSES = (0.0, 0.001, 0.005, 0.01, 0.03)  # of the data's direction
QUEUES = {"1bdp": "1 BDP", "100p": "100 packets"}
KERNEL = ("newreno", "cubic", "bbr")
UNLIMITED = "none"  # has no window: the receiver's would be measured
FULL = dict.fromkeys((SIMULATION, EMULATION), Timing(5.0, 30.0, repetitions=3))
QUICK = dict.fromkeys(FULL, Timing(2.0, 5.0, repetitions=1))
STEADY_REPETITIONS = 2  # without random loss only the start differs
UNJUDGED_REPETITIONS = 1  # of what the kernel has no counterpart to here
COMMITTED = Path(__file__).parents[1] / "results" / "congestion" / "kernel.csv"
BPS_PER_MBIT = 1e6
MS_PER_S = 1e3


def simulated_controls() -> list[str]:
    """Give the names of all that have a window."""
    return [name for name in controllers.names() if name != UNLIMITED]


def kernel_controls() -> list[str]:
    """Give those of the kernel's that this machine has."""
    from emulation.traffic import kernel_name

    found = []
    for name in KERNEL:
        try:
            kernel_name(name, "the experiment")
        except WorldError:
            continue
        found.append(name)
    return found


def raw_scenario(congestion: str, loss: float, queue: str) -> dict[str, Any]:
    """Give one scenario as a mapping."""
    links = [
        {"name": name, "rate": RATE, "delay": f"{ms / 2:g}ms", "queue": queue, "loss": {"down": loss, "up": 0.0}}
        for ms, name in ROUND_TRIPS.items()
    ]
    flows = [
        {"name": name, "kind": "tcp", "congestion": congestion, "direction": DIRECTION, "via": name}
        for name in ROUND_TRIPS.values()
    ]
    return {"name": "congestion", "link": links, "flow": flows}


def trials_of(timings: Mapping[str, Timing], worlds: Sequence[str]) -> list[Trial]:
    """Give every run; a repetition is complete before the next begins."""
    return [
        Trial.of(
            raw_scenario(control, loss, queue),
            {"congestion": control, "loss": loss, "queue": queue},
            timings[world],
            world,
            repetition,
        )
        for world in worlds
        for repetition in range(1, timings[world].repetitions + 1)
        for queue in QUEUES
        for loss in LOSSES
        for control in (kernel_controls() if world == EMULATION else simulated_controls())
        if repetition <= _repetitions(control, loss, timings[world])
    ]


def _repetitions(control: str, loss: float, timing: Timing) -> int:
    most = timing.repetitions if control in KERNEL else UNJUDGED_REPETITIONS
    return most if loss else min(most, STEADY_REPETITIONS)


def _places(controls: Sequence[str]) -> Iterator[Place]:
    for queue in QUEUES:
        for loss in LOSSES:
            for round_trip in ROUND_TRIPS:
                for control in controls:
                    yield control, round_trip, loss, queue


class Congestion:
    """Every congestion control in every cell, and the kernel's beside it."""

    title = (
        "congestion control: goodput and queueing delay of one flow by round trip, loss and queue; Linux's beside it"
    )

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write runs.csv, congestion.csv, congestion.md and a figure (and kernel.csv); give the table."""
        timings = QUICK if quick else FULL
        timing = timings[SIMULATION]
        worlds = worlds_of(world)
        outcomes = run_trials(trials_of(timings, worlds), out, "congestion")
        write_runs(out, outcomes, RUN_NUMBERS)
        if EMULATION in worlds:
            write_table(out / "kernel.csv", measured_rows(outcomes))
        kernel = Measured.read(out / "kernel.csv", COMMITTED)
        rows = [row for row in compare(_places(simulated_controls()), outcomes, kernel) if row["n"] or row["kernel_n"]]
        write_table(out / "congestion.csv", rows)
        files = draw(rows, out / "congestion", timing)
        missing = [name for name in KERNEL if name not in kernel_controls()] if EMULATION in worlds else []
        written = [f"{name}: this kernel has none; modprobe tcp_{name} may help" for name in missing]
        written += [f"{name}: {path}" for name, path in files.items()]
        written.append(f"table: {out / 'congestion.md'} (CSV beside it, every run: {out / 'runs.csv'})")
        return "\n".join([report(rows, outcomes, kernel, out, timing), *written])


NOTES = "Where the algorithms differ from their papers: docs/congestion.md."
HEADINGS = ("queue", "loss", "round trip", "congestion", "goodput Mbit/s", "queue ms")
THEIRS = ("Linux Mbit/s", "Linux queue ms", "n", "difference", "95 % interval", "")


def report(
    rows: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome], kernel: Measured, out: Path, timing: Timing
) -> str:
    """Write congestion.md and give the table for a terminal."""
    judged = [row for row in rows if row["verdict"]]
    counts = {name: sum(row["verdict"] == name for row in judged) for name in ("within", "not shown", "BEYOND")}
    told = (
        f"Of {len(judged)} cells of at most {100 * JUDGED_LOSS:g} % loss {counts['within']} are within the limit "
        f"(10 %, bbr 15 %), {counts['not shown']} beyond it by no more than chance, {counts['BEYOND']} beyond it."
        if judged
        else "The kernel's side was not measured here: sudo mpsim experiment congestion --world emulation."
    )
    method = (
        f"One TCP flow over {RATE.replace('Mbit', ' Mbit/s')}, {timing.duration:g} s after {timing.warmup:g} s; "
        f"medians of up to {timing.repetitions} runs (n: simulation/Linux). Loss falls on data alone; the queue is the "
        "median packet's delay in it."
    )
    method += f" Linux {kernel.kernels}." if kernel.rows else ""
    lines = [_line(row) for row in rows]
    page = ["# Congestion control, one flow", "", told, method, NOTES, "", as_markdown((*HEADINGS, *THEIRS), lines), ""]
    out.mkdir(parents=True, exist_ok=True)
    (out / "congestion.md").write_text("\n".join(page), encoding="utf-8")
    return "\n".join([as_text((*HEADINGS, *THEIRS), lines), told, method, *left_out(outcomes)])


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    def number(key: str, factor: float, digits: int) -> str:
        return "-" if math.isnan(row[key]) else f"{row[key] * factor:.{digits}f}"

    apart = "-" if math.isnan(row["difference"]) else f"{100 * row['difference']:+.1f} %"
    interval = "-" if math.isnan(row["low"]) else f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f} %"
    return (
        row["queue"],
        f"{100 * row['loss']:g} %",
        f"{row['round_trip_ms']} ms",
        row["congestion"],
        number("goodput_bps", 1 / BPS_PER_MBIT, 2),
        number("queue_delay_s", MS_PER_S, 1),
        number("kernel_goodput_bps", 1 / BPS_PER_MBIT, 2),
        number("kernel_queue_delay_s", MS_PER_S, 1),
        f"{row['n']}/{row['kernel_n']}",
        apart,
        interval,
        row["verdict"],
    )


def draw(rows: Sequence[Mapping[str, Any]], path: Path, timing: Timing) -> dict[str, Path]:
    """Draw goodput and queueing delay by cell, a row of grids a queue; the kernel's rows are the last."""
    from mpsim import plot

    shown = list(dict.fromkeys(row["congestion"] for row in rows if row["n"]))
    shown += [f"{name} (Linux)" for name in dict.fromkeys(row["congestion"] for row in rows if row["kernel_n"])]
    note = (
        f"Medians of runs of {timing.duration:g} s, one TCP flow over 16 Mbit/s. "
        "Columns: round-trip time in ms / loss in percent."
    )
    return plot.save(matrix.draw(shown, [grid for queue in QUEUES for grid in _grids(rows, queue)], note), path)


def _grids(rows: Sequence[Mapping[str, Any]], queue: str) -> Iterator[matrix.Grid]:
    own = [row for row in rows if row["queue"] == queue]
    columns = [f"{round_trip} / {100 * loss:g}" for loss in LOSSES for round_trip in ROUND_TRIPS]
    for title, key, factor, best, worst in (
        ("goodput, Mbit/s", "goodput_bps", 1 / BPS_PER_MBIT, 15.5, 1.0),
        ("queueing delay, ms", "queue_delay_s", MS_PER_S, 0.0, 100.0),
    ):
        values = {}
        for row in own:
            column = f"{row['round_trip_ms']} / {100 * row['loss']:g}"
            values[row["congestion"], column] = row[key] * factor
            values[f"{row['congestion']} (Linux)", column] = row[f"kernel_{key}"] * factor
        yield matrix.Grid(f"{title}; queue of {QUEUES[queue]}", columns, values, best, worst)


experiment = Congestion()
