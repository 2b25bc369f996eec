"""A transfer of 100 MB over two ADSL lines: the table of a blog of 2013, made again.

"How I am using two Internet connections simultaneously", part 4. Its author had 8.4 and 8.7 Mbit/s down, 0.79 and 0.75
up, and measured each line alone, Multipath TCP (1.9 times the better line, with HTTP proxies that spoke it), bonded
VPNs (1.5 times) and proxies of SOCKS (little more than these). A VPN over TCP on Multipath TCP hung and jumped, and got
no number. He says nothing of delays and queues; ours are usual ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.base import EMULATION, Outcome, Timing, Trial, left_out, run_trials, spread_of, worlds_of, write_runs
from experiments.drawing import bar_rows
from experiments.tables import as_text, write_table
from mpsim.units import BITS_PER_BYTE, format_rate, format_size

LINES = {"adsl1": (8.4e6, 0.79e6), "adsl2": (8.7e6, 0.75e6)}  # bit/s down, up
DELAY = "15ms"  # one way, of an interleaved ADSL line and the way to a near server; a choice of ours
QUEUE = "100p"
FLOW = "transfer"
COMPLETION = f"flow.{FLOW}.completion_s"
ALONE = ("line 1 alone", "line 2 alone")
DOWNLOAD, UPLOAD = "inbound", "outbound"
TOLD = {DOWNLOAD: "download", UPLOAD: "upload"}
BPS_PER_MBIT = 1e6
PATIENCE = 1.5  # times what the slower line alone needs, and a run ends


@dataclass(frozen=True, slots=True)
class Case:
    """One row: which lines, what stands in [tunnel], the blog's own Mbit/s down and up."""

    label: str
    tunnel: Mapping[str, Any] | None
    lines: tuple[str, ...] = tuple(LINES)
    down: float = np.nan
    up: float = np.nan
    emulated: bool = True


CASES = (
    Case(ALONE[0], None, ("adsl1",), 8.41, 0.786),
    Case(ALONE[1], None, ("adsl2",), 8.76, 0.746),
    Case("MPTCP, CUBIC as Linux's", {"system": "mptcp", "congestion": "cubic"}, down=16.16, up=1.65),
    Case("MPTCP, LIA", {"system": "mptcp", "congestion": "lia"}, emulated=False),
    Case("SOCKS proxies over MPTCP", {"system": "socks-over-mptcp"}, emulated=False),
    Case("OpenVPN over MPTCP", {"system": "openvpn-over-mptcp"}, emulated=False),
    Case("round robin (as bonded VPNs)", {"system": "tuntuntun"}, down=1.5 * 8.76),  # "1.5x", without a number
    Case("gobonding", {"system": "gobonding"}),
    Case("netcombiner (the dissertation's)", {"system": "netcombiner"}),
    Case("mpsim's default tunnel", {}),
)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is transferred, and how often."""

    megabytes: Mapping[str, float]  # by direction; of 2^20 bytes, as iperf counts
    repetitions: int
    warmup: float = 2.0

    def timing(self, direction: str) -> Timing:
        """Give times in which the slower line alone is done."""
        slowest = min(rates[direction == UPLOAD] for rates in LINES.values())
        seconds = PATIENCE * self.megabytes[direction] * 2**20 * BITS_PER_BYTE / slowest
        return Timing(self.warmup, float(np.ceil(seconds)), self.repetitions)


# An upload of 100 MB takes twenty minutes of a clock that cannot be turned: emulated it is one of 10 MB.
FULL = {"simulation": Extent({DOWNLOAD: 100, UPLOAD: 100}, 5), EMULATION: Extent({DOWNLOAD: 100, UPLOAD: 10}, 3)}
QUICK = dict.fromkeys(FULL, Extent({DOWNLOAD: 5, UPLOAD: 0.5}, 1))


def raw_scenario(case: Case, direction: str, megabytes: float) -> dict[str, Any]:
    """Give one scenario as a mapping."""
    links = [
        {
            "name": name,
            "rate": {"down": format_rate(LINES[name][0]), "up": format_rate(LINES[name][1])},
            "delay": DELAY,
            "queue": QUEUE,
        }
        for name in case.lines
    ]
    flow = {
        "name": FLOW,
        "kind": "tcp",
        "congestion": "cubic",
        "direction": direction,
        "bytes": format_size(round(megabytes * 2**20)),
    }
    tunnel = {} if case.tunnel is None else {"tunnel": dict(case.tunnel)}
    return {"name": "adsl-transfer", **tunnel, "link": links, "flow": [flow]}


def trials_of(extents: Mapping[str, Extent], worlds: Sequence[str]) -> list[Trial]:
    """Give every run; a repetition is complete before the next begins."""
    return [
        Trial.of(
            raw_scenario(case, direction, extents[world].megabytes[direction]),
            {"direction": direction, "case": case.label},
            extents[world].timing(direction),
            world,
            repetition,
        )
        for world in worlds
        for repetition in range(1, extents[world].repetitions + 1)
        for direction in TOLD
        for case in CASES
        if world != EMULATION or case.emulated
    ]


def summarise(
    outcomes: Sequence[Outcome], extents: Mapping[str, Extent], worlds: Sequence[str]
) -> list[dict[str, Any]]:
    """Give one row for each case, direction and world; gain: over the better line alone."""
    rows: list[dict[str, Any]] = []
    for world in worlds:
        for direction, told in TOLD.items():
            bits = extents[world].megabytes[direction] * 2**20 * BITS_PER_BYTE
            known = [case for case in CASES if world != EMULATION or case.emulated]
            place = {"world": world, "direction": direction}
            times = {one.label: spread_of(outcomes, COMPLETION, **place, case=one.label) for one in known}
            best = min(spread.median for name, spread in times.items() if name in ALONE)
            blog = max(_blog(case, direction) for case in CASES if case.label in ALONE)
            rows += [
                {
                    "world": world,
                    "direction": told,
                    "case": case.label,
                    "time_s": (spread := times[case.label]).median,
                    "time_p25_s": spread.low,
                    "time_p75_s": spread.high,
                    "n": spread.count,
                    "goodput_bps": bits / spread.median,
                    "gain": best / spread.median,
                    "blog_bps": _blog(case, direction) * BPS_PER_MBIT,
                    "blog_gain": _blog(case, direction) / blog,
                }
                for case in known
            ]
    return rows


def _blog(case: Case, direction: str) -> float:
    """Give the blog's own rate, Mbit/s."""
    return case.up if direction == UPLOAD else case.down


class AdslTransfer:
    """The blog's table of transfers over two ADSL lines."""

    title = "100 MB over two ADSL lines: each alone, Multipath TCP, proxies, tunnels (a blog's table of 2013)"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write runs.csv, summary.csv and the figure to ``out``, and give the table."""
        extents = QUICK if quick else FULL
        worlds = worlds_of(world)
        outcomes = run_trials(trials_of(extents, worlds), out, "ADSL transfer", strict=False)
        rows = summarise(outcomes, extents, worlds)
        write_runs(out, outcomes, {"completion_s": COMPLETION})
        write_table(out / "summary.csv", rows)
        written = [f"{name}: {path}" for name, path in draw(rows, out).items()]
        written.append(f"CSV: {out / 'summary.csv'} (every run: {out / 'runs.csv'})")
        return "\n".join([table(rows), *left_out(outcomes), *written])


def draw(rows: Sequence[Mapping[str, Any]], out: Path) -> dict[str, Path]:
    """Draw how many times the better line alone each is; dashed: the blog's."""
    from mpsim import plot

    bars = [
        plot.Bar(
            panel="times the better line alone",
            group=row["direction"],
            label=row["case"],
            world=row["world"],
            median=row["gain"],
            low=row["gain"] * row["time_s"] / row["time_p75_s"],
            high=row["gain"] * row["time_s"] / row["time_p25_s"],
            limit=None if np.isnan(row["blog_gain"]) else row["blog_gain"],
        )
        for row in rows
    ]
    return plot.save(bar_rows(bars, axis="gain (dashed: the blog's)", digits=2), out / "adsl-transfer")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Give the table for a terminal."""
    headings = ("world", "direction", "", "time s", "Mbit/s", "gain", "the blog's Mbit/s", "gain")

    def number(value: float, digits: int) -> str:
        return "-" if np.isnan(value) else f"{value:.{digits}f}"

    lines = [
        (
            row["world"],
            row["direction"],
            row["case"],
            number(row["time_s"], 1),
            number(row["goodput_bps"] / BPS_PER_MBIT, 2),
            number(row["gain"], 2),
            number(row["blog_bps"] / BPS_PER_MBIT, 2),
            number(row["blog_gain"], 2),
        )
        for row in rows
    ]
    return as_text(headings, lines)


experiment = AdslTransfer()
