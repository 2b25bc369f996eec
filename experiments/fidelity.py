"""How far the emulated world is from the simulated one, over the same scenarios.

Criterion: medians of 5 differ by less than 5 % in goodput, 2 ms in an idle ping and 10 % in a ping under load. Direct
runs take the first link of the tunnel's scenarios. Runs that the machine disturbed are tried once more; if that does
not help they are shown, and stay out of the medians.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.base import EMULATION, Outcome, Spread, Timing, Trial, run_trials, scenario_of, values_of, write_runs
from experiments.reproduce import Options, answer
from experiments.tables import as_markdown, as_text, write_table
from experiments.targets import differences
from mpsim.errors import WorldError
from mpsim.summary import flow_limit
from mpsim.units import format_rate
from mpsim.worlds import SIMULATION

BPS_PER_MBIT = 1e6
MS_PER_S = 1e3
DELAY = "10ms"
DIRECTIONS = ("inbound", "outbound")
TRAFFIC = ("tcp", "udp")
IDLE = "idle"
UDP_SHARE = 0.9  # of what payload can be
FULL = Timing(warmup=5.0, duration=10.0, repetitions=5)
QUICK = Timing(warmup=2.0, duration=3.0, repetitions=1)
# What does not change with time needs no long run: constant rates, and nothing at all (s).
SHORTER = {"udp": (2.0, 5.0), IDLE: (1.0, 4.0)}  # warm-up, duration at most
GOODPUT, PING = "flow.load.goodput_bps", "flow.ping.rtt_s.p50"


@dataclass(frozen=True, slots=True)
class Setup:
    """Links of which rates (bit/s), and whether a tunnel runs over them."""

    label: str
    rates: tuple[float, ...]
    tunnel: bool


SETUPS = (
    Setup("direct, 8", (8e6,), tunnel=False),
    Setup("direct, 16", (16e6,), tunnel=False),
    Setup("tunnel, 8+8", (8e6, 8e6), tunnel=True),
    Setup("tunnel, 16+16", (16e6, 16e6), tunnel=True),
    Setup("tunnel, 8+16", (8e6, 16e6), tunnel=True),
)


@dataclass(frozen=True, slots=True)
class Limit:
    """How far two medians may be apart: relative to the simulated one, or in its own unit."""

    quantity: str
    key: str
    unit: str
    factor: float  # from the result's unit to the table's
    most: float
    relative: bool

    def difference(self, simulated: float, emulated: float) -> float:
        """Give emulated minus simulated, signed, in the limit's terms."""
        apart = (emulated - simulated) * self.factor
        return apart / (simulated * self.factor) if self.relative else apart

    @property
    def allowed(self) -> str:
        """Write the limit with its unit."""
        return f"{100 * self.most:.0f} %" if self.relative else f"{self.most:.0f} {self.unit}"

    def shown(self, difference: float) -> str:
        """Write a difference with its unit."""
        return f"{100 * difference:+.1f} %" if self.relative else f"{difference:+.2f} {self.unit}"


GOODPUT_LIMIT = Limit("goodput", GOODPUT, "Mbit/s", 1 / BPS_PER_MBIT, 0.05, relative=True)
LOADED_LIMIT = Limit("ping under load", PING, "ms", MS_PER_S, 0.10, relative=True)
IDLE_LIMIT = Limit("idle ping", PING, "ms", MS_PER_S, 2.0, relative=False)
LIMITS = (GOODPUT_LIMIT, LOADED_LIMIT, IDLE_LIMIT)


class Fidelity:
    """The same scenarios in both worlds, and how far the medians are apart."""

    title = "how far the emulated world is from the simulated one (goodput, ping; needs root)"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run both worlds, whichever is named; write runs.csv, fidelity.csv and fidelity.md; give the table."""
        if os.geteuid() != 0:
            raise WorldError("fidelity compares both worlds, and emulation needs root: use sudo")
        timing = QUICK if quick else FULL
        trials = trials_of(timing)
        outcomes = run_trials(trials, out, "fidelity")
        write_runs(out, outcomes, {"goodput_bps": GOODPUT, "ping_p50_s": PING, "tries": "tries"})
        return "\n".join([report(outcomes, out, timing), evaluated(out, quick)])


def raw_scenario(setup: Setup, traffic: str, direction: str) -> dict[str, Any]:
    """Give one scenario as a mapping: the flow ``load`` (none when idle) and a ping beside it."""
    links = [
        {"name": name, "rate": format_rate(rate), "delay": DELAY} for name, rate in zip("ab", setup.rates, strict=False)
    ]
    load = {"name": "load", "kind": traffic, "direction": direction}
    if traffic == "tcp":
        load["congestion"] = "cubic"
    flows = [{"name": "ping", "kind": "ping", "interval": "100ms"}]
    tunnel: dict[str, Any] = {"tunnel": {}} if setup.tunnel else {}
    raw = {"name": "fidelity", **tunnel, "link": links, "flow": flows if traffic == IDLE else [load, *flows]}
    if traffic == "udp":
        raw["flow"] = [{**load, "rate": format_rate(_udp_rate(raw, setup))}, *flows]
    return raw


def _udp_rate(raw: Mapping[str, Any], setup: Setup) -> float:
    """Give a share of the payload that the links can carry in such packets, bit/s."""
    load, *others = raw["flow"]
    tried = scenario_of({**raw, "flow": [{**load, "rate": "1Mbit"}, *others]}, QUICK, seed=1)
    return round(UDP_SHARE * sum(setup.rates) * flow_limit(tried, tried.flow[0]))


def trials_of(timing: Timing) -> list[Trial]:
    """Give every run of both worlds; a repetition is complete before the next begins."""
    cases = [(traffic, direction) for traffic in TRAFFIC for direction in DIRECTIONS] + [(IDLE, DIRECTIONS[0])]
    trials = []
    for world in (SIMULATION, EMULATION):
        for repetition in range(1, timing.repetitions + 1):
            for traffic, direction in cases:
                warmup, duration = SHORTER.get(traffic, (timing.warmup, timing.duration))
                times = Timing(min(warmup, timing.warmup), min(duration, timing.duration), 1)
                for setup in SETUPS:
                    raw = raw_scenario(setup, traffic, direction)
                    labels = {"setup": setup.label, "traffic": traffic, "direction": direction}
                    trials.append(Trial.of(raw, labels, times, world, repetition))
    return trials


def compare(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Give one row a median: both worlds' values, their difference, and whether it is within its limit."""
    rows = []
    for limit, setup, traffic, direction in _places():
        labels = {"setup": setup.label, "traffic": traffic, "direction": direction}
        values = [values_of(outcomes, limit.key, world=world, **labels) for world in (SIMULATION, EMULATION)]
        simulated, emulated = (Spread.of(one) for one in values)
        known = bool(simulated.count and emulated.count)
        difference = limit.difference(simulated.median, emulated.median) if known else None
        rows.append(
            {
                "quantity": limit.quantity,
                **labels,
                "unit": limit.unit,
                "simulated": simulated.median * limit.factor,
                "emulated": emulated.median * limit.factor,
                "emulated_p25": emulated.low * limit.factor,
                "emulated_p75": emulated.high * limit.factor,
                "n_simulated": simulated.count,
                "n_emulated": emulated.count,
                "difference": difference,
                "limit": limit.most,
                "relative": limit.relative,
                "within": None if difference is None else abs(difference) < limit.most,
            }
        )
    return rows


def _places() -> Iterator[tuple[Limit, Setup, str, str]]:
    for limit in (GOODPUT_LIMIT, LOADED_LIMIT):
        for traffic in TRAFFIC:
            for setup in SETUPS:
                for direction in DIRECTIONS:
                    yield limit, setup, traffic, direction
    for setup in SETUPS:
        yield IDLE_LIMIT, setup, IDLE, DIRECTIONS[0]


def report(outcomes: Sequence[Outcome], out: Path, timing: Timing) -> str:
    """Write fidelity.csv and fidelity.md to ``out`` and give the table as text."""
    rows = compare(outcomes)
    write_table(out / "fidelity.csv", rows)
    headings = (
        "quantity",
        "setup Mbit/s",
        "traffic",
        "direction",
        "simulated",
        "emulated",
        "n",
        "difference",
        "limit",
        "",
    )
    lines = [_line(row) for row in rows]
    invalid = [outcome for outcome in outcomes if not outcome.believed]
    within = sum(row["within"] is True for row in rows)
    verdict = (
        f"{within} of {len(rows)} medians are within their limits; "
        f"{len(invalid)} of {len(outcomes)} runs stay out of them (not to be believed, after a second try)."
    )
    method = (
        f"Medians of at most {timing.repetitions} runs (n: simulated/emulated); links of "
        f"{DELAY.replace('ms', ' ms')} one way and 100 packets. TCP is CUBIC, {timing.duration:g} s after a warm-up of "
        f"{timing.warmup:g} s; UDP is {100 * UDP_SHARE:.0f} % of what payload can be, and as steady as the idle ping: "
        "a few seconds."
    )
    page = ["# Two worlds, one scenario", "", verdict, method, "", _summary(rows), "", as_markdown(headings, lines), ""]
    out.mkdir(parents=True, exist_ok=True)
    (out / "fidelity.md").write_text("\n".join(page), encoding="utf-8")
    return "\n".join([as_text(headings, lines), verdict, method, f"table: {out / 'fidelity.md'} (CSV beside it)"])


def evaluated(out: Path, quick: bool) -> str:
    """Compare every throughput row of the evaluation by its finished runs in ``out``; add it to fidelity.md.

    Criterion: the median of all differences below 5 %, the worst below 10 %.
    """
    rows = list(differences(answer(Options((), "both", out, quick, run=False))))
    if not rows:
        return "no runs of the evaluation in both worlds are here: mpsim reproduce --world both with the same --out"
    write_table(out / "fidelity-evaluation.csv", rows)
    apart = [row["difference"] for row in rows]
    told = (
        f"Goodput of the evaluation's {len(rows)} cells, emulated against simulated: median size of the difference "
        f"{100 * _median_size(apart):.1f} % (limit 5 %), largest {100 * _largest(apart):+.1f} % (limit 10 %)."
    )
    lines = [[_cell(value) for value in row.values()] for row in rows]
    page = ["## The evaluation's throughput rows", "", told, "", as_markdown(list(rows[0]), lines), ""]
    with (out / "fidelity.md").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", *page]))
    return told


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for limit in LIMITS:
        own = [row for row in rows if row["quantity"] == limit.quantity]
        known = [row["difference"] for row in own if row["difference"] is not None]
        within = f"{sum(row['within'] is True for row in own)} of {len(own)}"
        worst, middle = (limit.shown(pick(known)) if known else "-" for pick in (_largest, _median_size))
        lines.append((limit.quantity, limit.allowed, within, middle.lstrip("+"), worst))
    return as_markdown(("quantity", "limit", "medians within", "median size", "largest difference"), lines)


def _largest(differences: Sequence[float]) -> float:
    return max(differences, key=abs)


def _median_size(differences: Sequence[float]) -> float:
    return Spread.of([abs(one) for one in differences]).median


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    limit = next(one for one in LIMITS if one.quantity == row["quantity"])
    apart = "-" if row["difference"] is None else limit.shown(row["difference"])
    verdict = {True: "within", False: "BEYOND", None: "unknown"}[row["within"]]
    values = (f"{row[world]:.2f} {row['unit']}" if row[f"n_{world}"] else "-" for world in ("simulated", "emulated"))
    place = (row["quantity"], row["setup"], row["traffic"], row["direction"] if row["traffic"] != IDLE else "")
    return (*place, *values, f"{row['n_simulated']}/{row['n_emulated']}", apart, limit.allowed, verdict)


experiment = Fidelity()
