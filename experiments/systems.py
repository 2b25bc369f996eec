"""All known systems side by side: who gets what out of two links, and where each falls short.

Each system meets the same situations, two links of 16 Mbit/s in sum: equal ones, unequal ones, unequal delays, random
loss on one, one that is lost, and two mobile links. In each it carries a TCP flow as fast as it can, and, in a run of
its own, a UDP flow of two fifths of the capacity. What is not TCP goes over the first link where there is no tunnel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from experiments import fluctuating, matrix
from experiments.base import (
    EMULATION,
    Outcome,
    Timing,
    Trial,
    left_out,
    run_trials,
    spread_of,
    values_of,
    worlds_of,
    write_runs,
)
from experiments.tables import as_text, write_table
from mpsim.systems import BEST_LINK, MPTCP, SYSTEMS
from mpsim.units import format_rate
from mpsim.worlds import SIMULATION

DIRECTION = "inbound"
DELAY = "10ms"
OURS = "mpsim (default)"
CUBIC = f"{MPTCP}-cubic"
UDP_SHARE = 0.4  # of the summed capacity: less than one of two equal links
UDP_PAYLOAD = 1200  # bytes
CUT_AFTER = 1 / 3  # of the measured interval
LOST = "one lost"
MOBILE = "mobile"
TRAFFIC = ("tcp", "udp")
# The model in simulation; Linux emulated only speaks Multipath TCP itself, and couples no windows.
SIMULATED_ONLY = (MPTCP, "openvpn-over-mptcp", "socks-over-mptcp")
# Emulated, a repetition takes two hours of a clock that cannot be turned; these times make it forty minutes.
FULL = {SIMULATION: Timing(5.0, 20.0, repetitions=3), EMULATION: Timing(2.0, 6.0, repetitions=1)}
QUICK = dict.fromkeys(FULL, Timing(2.0, 6.0, repetitions=1))

GOODPUT = "flow.download.goodput_bps"
CAPACITY = f"aggregation.{DIRECTION}.capacity_bps"
TUNNEL_IN_ORDER = "tunnel.in_order_delay_s.p95"
NUMBERS = {
    "goodput_bps": GOODPUT,
    "efficiency": f"aggregation.{DIRECTION}.efficiency",
    "in_order_p50_s": "flow.call.in_order_delay_s.p50",
    "in_order_p95_s": "flow.call.in_order_delay_s.p95",
    "tunnel_in_order_p95_s": TUNNEL_IN_ORDER,
    "loss_ratio": "flow.call.loss_ratio",
    "recovery_s": "failover.0.recovery_s",
    "longest_gap_s": "failover.0.longest_gap_s",
}
# Of what is not the TCP flow's.
OF_TRAFFIC = dict.fromkeys(("in_order_p50_s", "in_order_p95_s", "tunnel_in_order_p95_s", "loss_ratio"), "udp")
BPS_PER_MBIT = 1e6
MS_PER_S = 1e3


@dataclass(frozen=True, slots=True)
class Situation:
    """Two links, by what differs from two equal ones, and their summed rate towards the client (bit/s)."""

    name: str
    links: tuple[Mapping[str, Any], Mapping[str, Any]]
    capacity: float = 16e6
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One system: its name in the table and what stands in the scenario for it."""

    name: str
    tunnel: Mapping[str, Any] = field(default_factory=dict)


METERED = "tuntuntun-metered"
ENTRIES = (
    Entry(OURS),
    Entry("mpsim, repairing", {"repair": ["retransmit"], "reorder": {"mode": "detect"}}),
    *(Entry(name, {"system": name}) for name in (BEST_LINK, "failover", "session-balancing")),
    *(Entry(name, {"system": name}) for name in SYSTEMS if name.startswith("tuntuntun")),
    *(Entry(name, {"system": name}) for name in ("gobonding", "mptunnel", "netcombiner", "netcombiner-tcp", MPTCP)),
    Entry(CUBIC, {"system": MPTCP, "congestion": "cubic"}),
    *(Entry(name, {"system": name}) for name in ("openvpn-over-mptcp", "socks-over-mptcp")),
)


def situations(folder: Path) -> list[Situation]:
    """Give the situations; folder: where a trace is written that has to be made."""
    half: Mapping[str, Any] = {"rate": "8Mbit"}
    traces, _ = fluctuating.pair(folder)
    mobile = [{"trace": {"down": str(trace.resolve())}, "rate": "5Mbit", "delay": "25ms"} for trace in traces]
    return [
        Situation("8+8 Mbit/s", (half, half)),
        Situation("12+4 Mbit/s", ({"rate": "12Mbit"}, {"rate": "4Mbit"})),
        Situation("10/40 ms", (half, {**half, "delay": "40ms"})),
        Situation("1 % loss on one", (half, {**half, "loss": 0.01})),
        Situation(LOST, (half, half), cut=True),
        Situation(MOBILE, (mobile[0], mobile[1])),
    ]


def raw_scenario(situation: Situation, entry: Entry, traffic: str, timing: Timing) -> dict[str, Any]:
    """Give one scenario as a mapping. The link that is lost is the first, which a single line would be, too."""
    names = ("first", "second")
    wires = [{"name": name, "delay": DELAY, **link} for name, link in zip(names, situation.links, strict=True)]
    if entry.name == METERED:
        wires[1]["metric"] = 1
    flow: dict[str, Any] = {"name": "download", "kind": "tcp", "congestion": "cubic", "direction": DIRECTION}
    if traffic == "udp":
        rate = format_rate(UDP_SHARE * situation.capacity)
        flow = {"name": "call", "kind": "udp", "rate": rate, "packet_size": UDP_PAYLOAD, "direction": DIRECTION}
    raw: dict[str, Any] = {"name": "systems", "tunnel": dict(entry.tunnel), "link": wires, "flow": [flow]}
    if situation.cut:
        raw["event"] = [{"at": f"{CUT_AFTER * timing.duration:g}s", "link": names[0], "up": False, "how": "silent"}]
    return raw


def trials_of(timings: Mapping[str, Timing], worlds: Sequence[str], folder: Path) -> list[Trial]:
    """Give every run; a repetition is complete before the next begins."""
    found = situations(folder)
    return [
        Trial.of(
            raw_scenario(one, entry, traffic, timings[world]),
            {"system": entry.name, "situation": one.name, "traffic": traffic},
            timings[world],
            world,
            repetition,
        )
        for world in worlds
        for repetition in range(1, timings[world].repetitions + 1)
        for one in found
        for entry in ENTRIES
        if world != EMULATION or entry.name not in SIMULATED_ONLY
        for traffic in TRAFFIC
    ]


def summarise(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Give one row for each system, situation and world: medians over the runs."""
    places = dict.fromkeys(
        (one.trial.world, str(one.trial.labels["system"]), str(one.trial.labels["situation"])) for one in outcomes
    )
    rows = []
    for world, system, situation in places:
        labels = {"world": world, "system": system, "situation": situation}
        row: dict[str, Any] = dict(labels)
        for column, key in NUMBERS.items():
            row[column] = spread_of(outcomes, key, **labels, traffic=OF_TRAFFIC.get(column, "tcp")).median
        goodput = spread_of(outcomes, GOODPUT, **labels, traffic="tcp")
        row |= {"goodput_p25_bps": goodput.low, "goodput_p75_bps": goodput.high, "n": goodput.count}
        row["share"] = goodput.median / _capacity(outcomes, world, situation)
        if np.isnan(row["in_order_p95_s"]):
            row["in_order_p95_s"] = row["tunnel_in_order_p95_s"]  # what an emulated flow cannot know, its tunnel does
        if situation == LOST and goodput.count:
            row |= _never(row)
        rows.append(row)
    return rows


def _never(row: Mapping[str, Any]) -> dict[str, float]:
    """Give what was not within 10 s (null), and what cannot be: a run without a tunnel knows of one link alone."""
    if row["system"] == BEST_LINK:
        return {"recovery_s": np.inf, "longest_gap_s": np.inf}
    return {"recovery_s": np.inf} if np.isnan(row["recovery_s"]) else {}


def _capacity(outcomes: Sequence[Outcome], world: str, situation: str) -> float:
    """Give the summed capacity of a situation's links (bit/s), which a run by one link alone does not know."""
    found = values_of(outcomes, CAPACITY, world=world, situation=situation, traffic="tcp")
    return max(found, default=np.nan)


class Systems:
    """Every known system in every situation."""

    title = "all known systems side by side: equal and unequal links, delays, loss, a lost link, mobile links"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write runs.csv, summary.csv and a figure for each world to ``out``, and give the table."""
        timings = QUICK if quick else FULL
        worlds = worlds_of(world)
        outcomes = run_trials(trials_of(timings, worlds, out / "traces"), out, "systems", strict=False)
        rows = summarise(outcomes)
        write_runs(out, outcomes, NUMBERS)
        write_table(out / "summary.csv", rows)
        _, recorded = fluctuating.pair(out / "traces")
        written = []
        for one in worlds:
            files = draw([row for row in rows if row["world"] == one], out / f"systems-{one}", timings[one], recorded)
            written += [f"{name}: {path}" for name, path in files.items()]
        written.append(f"CSV: {out / 'summary.csv'} (every run: {out / 'runs.csv'})")
        return "\n".join([table(rows), *left_out(outcomes), *written])


def grids(rows: Sequence[Mapping[str, Any]]) -> list[matrix.Grid]:
    """Give the figure's quantities."""
    columns = list(dict.fromkeys(str(row["situation"]) for row in rows))

    def values(key: str, factor: float) -> dict[tuple[str, str], float]:
        return {(row["system"], row["situation"]): factor * row[key] for row in rows}

    lost = {
        (row["system"], column): row[key]
        for row in rows
        if row["situation"] == LOST
        for column, key in (("recovers after", "recovery_s"), ("longest gap", "longest_gap_s"))
    }
    return [
        matrix.Grid("TCP goodput, % of the capacity", columns, values("share", 100), best=95, worst=20),
        matrix.Grid("delay in order, 95 %, ms (UDP)", columns, values("in_order_p95_s", MS_PER_S), best=10, worst=300),
        matrix.Grid("packets lost, % (UDP)", columns, values("loss_ratio", 100), best=0, worst=20, digits=1),
        matrix.Grid("a link is lost, s (TCP)", ["recovers after", "longest gap"], lost, best=0, worst=3, digits=1),
    ]


def draw(rows: Sequence[Mapping[str, Any]], path: Path, timing: Timing, recorded: bool) -> dict[str, Path]:
    """Draw one world's grids."""
    from mpsim import plot

    shown = list(dict.fromkeys(str(row["system"]) for row in rows))
    count = max((row["n"] for row in rows), default=0)
    runs = f"{count} runs" if count > 1 else "one run"
    mobile = "two recorded LTE links" if recorded else "two links drawn to fluctuate as LTE does"
    note = (
        f"Medians of {runs} of {timing.duration:g} s. Two links, 10 ms one way and 100 packets of queue where "
        f"nothing else is said; the lost one is the first, silently.\nUDP: {100 * UDP_SHARE:.0f} % of 16 Mbit/s, "
        f"the delay until all before have come; without a tunnel over the first link. Mobile: {mobile}."
    )
    return plot.save(matrix.draw(shown, grids(rows), note), path)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Give the table for a terminal."""
    headings = ("world", "situation", "system", "goodput Mbit/s", "share", "in order p95 ms", "lost", "recovery s")
    lines = []
    for row in sorted(rows, key=lambda row: (row["world"], row["situation"], -np.nan_to_num(row["goodput_bps"]))):
        numbers = (
            f"{row['goodput_bps'] / BPS_PER_MBIT:.2f}",
            f"{row['share']:.2f}",
            f"{row['in_order_p95_s'] * MS_PER_S:.0f}",
            f"{100 * row['loss_ratio']:.1f} %",
            f"{row['recovery_s']:.1f}" if row["situation"] == LOST else "-",
        )
        lines.append((row["world"], row["situation"], row["system"], *numbers))
    return as_text(headings, lines)


experiment = Systems()
