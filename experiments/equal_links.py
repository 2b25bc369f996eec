"""Two equal links against one, and against one of double speed: the dissertation's figures 4.2 and 4.4 (section 4.2.5).

Criterion: two links through the tunnel carry more than one of them alone, and at least 90 % of what one link of
double speed carries. Both speeds, both directions, median and inter-quartile range over 10 repetitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.base import (
    LATEST_START_S,
    Outcome,
    Spread,
    Timing,
    Trial,
    left_out,
    run_trials,
    scenario_of,
    spread_of,
    worlds_of,
    write_runs,
)
from experiments.tables import as_text, write_table
from mpsim.units import format_rate

BPS_PER_MBIT = 1e6
SPEEDS = {"1 MBps": 8e6, "2 MBps": 16e6}  # bit/s of one link; the dissertation's MBps are megabytes
DIRECTIONS = ("inbound", "outbound")
DELAY = "10ms"
SHARE_OF_DOUBLE = 0.90
FULL = Timing(warmup=5.0, duration=10.0, repetitions=10)
QUICK = Timing(warmup=2.0, duration=3.0, repetitions=3)
GOODPUT = "flow.download.goodput_bps"


@dataclass(frozen=True, slots=True)
class Case:
    """One bar: how many links of which speed, under which tunnel."""

    label: str
    links: int
    factor: int  # times the speed of one link
    tunnel: Mapping[str, Any] | None


ONE = Case("1 link, direct", 1, 1, None)
DOUBLE = Case("1 link of double speed, direct", 1, 2, None)
TUNNELS = (
    Case("2 links, mpsim's default tunnel", 2, 1, {}),
    Case("2 links, the dissertation's tunnel", 2, 1, {"system": "netcombiner"}),
)
CASES = (ONE, *TUNNELS, DOUBLE)


class EqualLinks:
    """More bandwidth over two equal links (the dissertation's figures 4.2 and 4.4)."""

    title = "two equal links against one, and one of double speed (the dissertation's figures 4.2 and 4.4)"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write runs.csv, summary.csv and the figure to ``out``, and give the table with its verdicts."""
        timing = QUICK if quick else FULL
        trials = trials_of(timing, worlds_of(world))
        outcomes = run_trials(trials, out, "equal links")
        rows = summarise(outcomes, worlds_of(world))
        limits = framing_limits(timing)
        write_runs(out, outcomes, {"goodput_bps": GOODPUT})
        write_table(out / "summary.csv", rows)
        files = _draw(rows, limits, out, timing)
        verdicts = [line for one in worlds_of(world) for line in judge(rows, one)]
        written = [f"{name}: {path}" for name, path in files.items()]
        written += [f"CSV: {out / 'summary.csv'} (every run: {out / 'runs.csv'})"]
        return "\n".join([_table(rows), *verdicts, *left_out(outcomes), *written])


def raw_scenario(case: Case, speed: float, direction: str) -> dict[str, Any]:
    """Give the scenario of one bar as a mapping; ``speed`` is one link's, in bit/s."""
    links = [{"name": name, "rate": format_rate(speed * case.factor), "delay": DELAY} for name in "ab"[: case.links]]
    flow = {"name": "download", "kind": "tcp", "congestion": "cubic", "direction": direction}
    tunnel = {} if case.tunnel is None else {"tunnel": dict(case.tunnel)}
    return {"name": "equal-links", **tunnel, "link": links, "flow": [flow]}


def trials_of(timing: Timing, worlds: Sequence[str]) -> list[Trial]:
    """Give every run; a repetition is complete before the next begins."""
    return [
        Trial.of(
            raw_scenario(case, speed, direction),
            {"speed": name, "direction": direction, "case": case.label},
            timing,
            world,
            repetition,
        )
        for world in worlds
        for repetition in range(1, timing.repetitions + 1)
        for name, speed in SPEEDS.items()
        for direction in DIRECTIONS
        for case in CASES
    ]


def summarise(outcomes: Sequence[Outcome], worlds: Sequence[str]) -> list[dict[str, Any]]:
    """Give one row a bar: the goodput's median and quartiles in bit/s, and its share of the capacity."""
    rows = []
    for world in worlds:
        for name, speed in SPEEDS.items():
            for direction in DIRECTIONS:
                for case in CASES:
                    labels = {"world": world, "speed": name, "direction": direction, "case": case.label}
                    spread = spread_of(outcomes, GOODPUT, **labels)
                    rows.append({**labels, **_numbers(spread, speed * case.factor * case.links)})
    return rows


def _numbers(spread: Spread, capacity: float) -> dict[str, float]:
    quartiles = {"goodput_bps": spread.median, "p25_bps": spread.low, "p75_bps": spread.high}
    return {**quartiles, "n": spread.count, "capacity_bps": capacity, "ratio": spread.median / capacity}


def framing_limits(timing: Timing) -> dict[str, float]:
    """Give, for each bar, the payload's share of the IP bytes in a full packet."""
    from mpsim.summary import flow_limit

    limits = {}
    for case in CASES:
        scenario = scenario_of(raw_scenario(case, min(SPEEDS.values()), DIRECTIONS[0]), timing, seed=1)
        limits[case.label] = flow_limit(scenario, scenario.flow[0])
    return limits


def judge(rows: Sequence[Mapping[str, Any]], world: str) -> list[str]:
    """Give the verdicts of one world, a line a tunnel; without figures there is none."""
    lines = []
    for tunnel in TUNNELS:
        gains, shares = [], []
        for speed in SPEEDS:
            for direction in DIRECTIONS:
                place = (rows, world, speed, direction)
                goodput = _median(*place, tunnel)
                gains.append(goodput / _median(*place, ONE))
                shares.append(goodput / _median(*place, DOUBLE))
        known = all(share == share for share in shares)  # NaN is not equal to itself  # noqa: PLR0124
        met = known and min(gains) > 1.0 and min(shares) >= SHARE_OF_DOUBLE
        verdict = ("met" if met else "NOT met") if known else "no verdict"
        numbers = f"at least {min(gains):.2f} x one link, {100 * min(shares):.0f} % of double speed"
        lines.append(f"{world}, {tunnel.label}: {numbers}: {verdict}")
    return [f"criterion: more than one link, and at least {100 * SHARE_OF_DOUBLE:.0f} % of double speed", *lines]


def _median(rows: Sequence[Mapping[str, Any]], world: str, speed: str, direction: str, case: Case) -> float:
    wanted = (world, speed, direction, case.label)
    keys = ("world", "speed", "direction", "case")
    return next(float(row["goodput_bps"]) for row in rows if tuple(row[key] for key in keys) == wanted)


def _draw(rows: Sequence[Mapping[str, Any]], limits: Mapping[str, float], out: Path, timing: Timing) -> dict[str, Path]:
    from mpsim import plot

    bars = [
        plot.Bar(
            panel=f"{row['direction']} ({'to' if row['direction'] == 'inbound' else 'from'} the client)",
            group=f"{row['speed']} ({SPEEDS[row['speed']] / BPS_PER_MBIT:g} Mbit/s)",
            label=row["case"],
            world=row["world"],
            median=row["goodput_bps"] / BPS_PER_MBIT,
            low=row["p25_bps"] / BPS_PER_MBIT,
            high=row["p75_bps"] / BPS_PER_MBIT,
            limit=row["capacity_bps"] * limits[row["case"]] / BPS_PER_MBIT,
        )
        for row in rows
    ]
    counts = sorted({row["n"] for row in rows})
    several = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    note = (
        f"Median, inter-quartile range, n = {several} runs of {timing.duration:g} s; one TCP CUBIC flow, "
        f"{DELAY.replace('ms', ' ms')} one way, 100-packet queues.\n"
        f"Runs differ in seed and in the flow's start (up to {LATEST_START_S:g} s later, within the warm-up). "
        "Dashed: what payload can be."
    )
    figure = plot.grouped_bars(bars, axis="TCP goodput, Mbit/s", group_axis="speed of one link", note=note)
    return plot.save(figure, out / "equal-links")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    headings = ("world", "one link", "direction", "links", "goodput Mbit/s", "p25", "p75", "n", "ratio")
    lines = []
    for row in rows:
        rates = (f"{row[key] / BPS_PER_MBIT:.2f}" for key in ("goodput_bps", "p25_bps", "p75_bps"))
        head = (row["world"], row["speed"], row["direction"], row["case"])
        lines.append((*head, *rates, str(row["n"]), f"{row['ratio']:.3f}"))
    return as_text(headings, lines)


experiment = EqualLinks()
