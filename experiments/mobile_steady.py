"""What a tunnel for mobile links must not lose where links are steady, single, unequal, lossy or cut.

Each case holds our system against what it has to come up to: plain TCP on the same single link, the better link alone,
or the sum. Three repetitions each; a case is met when their median is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from experiments import mobile_runs as runs
from experiments import mobile_sets as sets
from experiments.base import Outcome, Timing, Trial, run_trials
from experiments.tables import write_table
from mpsim.worlds import SIMULATION

Table = Mapping[str, Any]
FULL = Timing(warmup=5.0, duration=30.0, repetitions=3)
QUICK = Timing(warmup=2.0, duration=12.0, repetitions=1)
# What is compared: what the tunnel's framing leaves of a link counts, not what it takes (efficiency).
OF_PLAIN, OF_BETTER, OF_SUM, GAP, DELAY = (
    "of plain TCP's efficiency", "of the better link's goodput alone", "of the sum", "longest standstill, s",
    "p99 of the delay in order, s",
)  # fmt: skip
AT_MOST = (GAP, DELAY)
CUT_AT, BACK_AT = 0.25, 0.65  # of the measured time


@dataclass(frozen=True, slots=True)
class Case:
    """One question: links, what is measured, and what it has to be."""

    name: str
    links: Sequence[Table]
    measured: str
    limit: float
    inner: str = runs.CUBIC
    reference: Sequence[Table] = ()  # the links that are compared with, where it is not all
    cut: str | None = None  # the link that is lost and comes back

    def met(self, value: float) -> bool:
        """Return whether a value is good enough."""
        return value <= self.limit if self.measured in AT_MOST else value >= self.limit


def link(rate: str, delay: str = "10ms", name: str = "first", **more: Any) -> dict[str, Any]:
    """Give one [[link]] table."""
    return {"name": name, "rate": rate, "delay": delay, "queue": sets.QUEUE, **more}


def both(rates: tuple[str, str], delay: str, losses: tuple[float, float]) -> list[Table]:
    """Give two links that lose packets at random, both ways."""
    names = ("first", "second")
    return [link(rate, delay, name, loss=loss) for rate, name, loss in zip(rates, names, losses, strict=True)]


CONSTANT = tuple(Case(f"one link of {rate}/s", [link(rate)], OF_PLAIN, 0.97) for rate in ("2Mbit", "16Mbit", "50Mbit"))
_FAST, _SLOW = link("20Mbit"), link("0.5Mbit", name="second")
UNEQUAL = tuple(
    Case(f"20 + 0.5 Mbit/s, {inner}", [_FAST, _SLOW], OF_BETTER, 0.95, inner, [_FAST])
    for inner in (runs.CUBIC, runs.BBR)
)
_8, _16 = "8Mbit", "16Mbit"
LOSSY = (
    Case("8 + 8 Mbit/s, 1 % loss, 10 ms", both((_8, _8), "10ms", (0.01, 0.01)), OF_SUM, 0.94),
    Case("8 + 16 Mbit/s, 1 % loss, 10 ms", both((_8, _16), "10ms", (0.01, 0.01)), OF_SUM, 0.94),
    Case("8 + 8 Mbit/s, 1 % loss, 40 ms", both((_8, _8), "40ms", (0.01, 0.01)), OF_SUM, 0.86),
    Case("8 + 16 Mbit/s, 1 % loss, 40 ms", both((_8, _16), "40ms", (0.01, 0.01)), OF_SUM, 0.86),
    Case("8 + 8 Mbit/s, 2 % loss on the first", both((_8, _8), "10ms", (0.02, 0.0)), OF_SUM, 0.94),
    Case("8 + 16 Mbit/s, 2 % loss on the first", both((_8, _16), "10ms", (0.02, 0.0)), OF_SUM, 0.94),
)
_PAIR = [link("8Mbit", "20ms"), link("8Mbit", "28ms", "second")]
CUT = tuple(
    Case(f"8 + 8 Mbit/s, the {name} link lost for a while", _PAIR, measured, 1.0, cut=name)
    for name in ("first", "second")
    for measured in (GAP, DELAY)
)
# Recordings, each alone.
ALONE = ("verizon@0 + att@0", "att@100 + tmobile@60", "bus@120 + corner@0", "taxi@35 + square@60")


def recorded(folder: Path) -> list[Case]:
    """Give the cases of a single recorded link, of those that are at hand."""
    found, _ = sets.at_hand([one for one in sets.ALL if one.name in ALONE])
    return [
        Case(f"{one.name.split(' + ')[number]} alone", [table], OF_PLAIN, 0.93)
        for one in found
        for number, table in enumerate(sets.link_tables(one, folder))
    ]


def cases(folder: Path, quick: bool) -> list[Case]:
    """Give all cases; folder: where traces are written that have to be cut."""
    some = [CONSTANT[1], UNEQUAL[0], LOSSY[0], *CUT[:1]]
    return some if quick else [*CONSTANT, *recorded(folder), *UNEQUAL, *LOSSY, *CUT]


def row_of(case: Case, values: Sequence[float]) -> dict[str, Any]:
    """Give the table's line of a case; `met` is empty if no run is believed."""
    row: dict[str, Any] = {"case": case.name, "measured": case.measured, "limit": case.limit, "n": len(values)}
    if not values:
        return {**row, "median": None, "worst": None, "met": None}
    worst = max(values) if case.measured in AT_MOST else min(values)
    return {**row, "median": median(values), "worst": worst, "met": case.met(median(values))}


def trials_of(chosen: Sequence[Case], timing: Timing) -> list[Trial]:
    """Give every run: of each case our system's, and that of what it is compared with."""
    found: dict[str, Trial] = {}
    for case in chosen:
        for repetition in range(1, timing.repetitions + 1):
            for role in _roles(case):
                trial = Trial.of(_raw(case, role, timing), _labels(case, role), timing, SIMULATION, repetition)
                found.setdefault(trial.told, trial)
    return list(found.values())


OWN, COMPARED = "own", "compared"


def _roles(case: Case) -> tuple[str, ...]:
    return (OWN, COMPARED) if case.measured in {OF_PLAIN, OF_BETTER} else (OWN,)


def _labels(case: Case, role: str) -> dict[str, str]:
    return {"case": case.name, "role": role, "inner": case.inner}


def _raw(case: Case, role: str, timing: Timing) -> dict[str, Any]:
    own = role == OWN
    links = case.links if own or not case.reference else case.reference
    entry = runs.ALONE if role == COMPARED and case.measured == OF_PLAIN else runs.OURS
    raw = runs.raw_scenario(links, runs.tunnel_of(entry, case.inner), case.inner)
    if case.cut is not None:
        moments = ((CUT_AT, False), (BACK_AT, True))
        raw["event"] = [{"at": f"{timing.duration * at:g}s", "link": case.cut, "up": up} for at, up in moments]
    return raw


def value_of(case: Case, own: Outcome, compared: Outcome | None) -> float | None:
    """Give the number that a case asks for."""
    if case.measured == GAP:
        gaps = [value for number in (0, 1) if (value := own.number(f"failover.{number}.longest_gap_s")) is not None]
        return max(gaps, default=None)
    if case.measured == DELAY:
        return own.number("tunnel.in_order_delay_s.p99")
    key = f"aggregation.{runs.DIRECTION}.{'goodput_bps' if case.measured == OF_BETTER else 'efficiency'}"
    value = own.number(key)
    if value is None or case.measured == OF_SUM:
        return value
    other = compared.number(key) if compared is not None and compared.believed else None
    return value / other if other else None


def collect(chosen: Sequence[Case], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Give a row a case."""
    by_place = {tuple(one.trial.labels.values()): one for one in outcomes}
    rows = []
    for case in chosen:
        values = []
        for repetition in sorted({one.trial.labels["repetition"] for one in outcomes}):
            own, compared = (by_place.get((*_labels(case, role).values(), repetition)) for role in (OWN, COMPARED))
            value = value_of(case, own, compared) if own is not None and own.believed else None
            if value is not None:
                values.append(value)
        rows.append(row_of(case, values))
    return rows


HEADINGS = ("case", "measured", "limit", "n", "median", "worst", "met")


def lines_of(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Give the table's cells."""
    return [
        (
            row["case"], row["measured"], f"{'at most' if row['measured'] in AT_MOST else 'at least'} {row['limit']:g}",
            str(row["n"]), *("-" if row[key] is None else f"{row[key]:.3f}" for key in ("median", "worst")),
            {True: "yes", False: "no", None: "-"}[row["met"]],
        )
        for row in rows
    ]  # fmt: skip


def measure(out: Path, quick: bool) -> list[dict[str, Any]]:
    """Run all cases; write their table as CSV and give its rows."""
    chosen = cases(out / "traces", quick)
    trials = trials_of(chosen, QUICK if quick else FULL)
    rows = collect(chosen, run_trials(trials, out, "mobile: steady links", strict=False))
    write_table(out / "steady.csv", rows)
    return rows
