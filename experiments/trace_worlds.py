"""The same trace drives a simulated link and an emulated one: what each delivers, second by second.

One link without a tunnel, filled by UDP packets of 1500 bytes at three times its mean rate, so that every opportunity
of the trace finds one waiting: what the link delivers is then the trace. Criterion, for 60 s: the totals of the two
worlds are within 2 %, and those of each second within the larger of 2 % and 3 packets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.base import (
    EMULATION,
    Outcome,
    Timing,
    Trial,
    left_out,
    run_trials,
    scenario_of,
    worlds_of,
)
from experiments.generated_traces import SHIPPED, recordings
from experiments.tables import as_markdown, as_text, write_table
from mpsim.metrics import BIN
from mpsim.traces.playing import opportunities
from mpsim.units import BITS_PER_BYTE, format_rate
from mpsim.worlds import SIMULATION

FULL = Timing(warmup=3.0, duration=60.0, repetitions=1)
QUICK = Timing(warmup=2.0, duration=10.0, repetitions=1)
SHARE, PACKETS = 0.02, 3
PACKET = 1500  # IP bytes, one opportunity
PAYLOAD = 1472
OVERLOAD = 3.0  # times the mean rate
LINK, DIRECTION = "traced", "inbound"
SHIPPED_NAMES = ("lte-driving-a", "lte-driving-c", "lte-walking")
RECORDED = "mahimahi/Verizon-LTE-short.down"
Seconds = list[float]  # IP bytes that a link delivered in each


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two worlds' seconds of one trace."""

    total: float  # emulated over simulated, less one
    worst: float  # difference of a second, packets
    beyond: int  # seconds further apart than allowed
    count: int

    @property
    def met(self) -> bool:
        """Whether the criterion holds."""
        return abs(self.total) <= SHARE and not self.beyond


def compare(simulated: Seconds, emulated: Seconds) -> Comparison:
    """Hold the seconds of two worlds beside each other. Raises ValueError where they are not equally many."""
    pairs = list(zip(simulated, emulated, strict=True))
    apart = [abs(one - other) for one, other in pairs]
    allowed = [max(SHARE * one, PACKETS * PACKET) for one, _ in pairs]
    beyond = sum(found > most for found, most in zip(apart, allowed, strict=True))
    total = sum(emulated) / sum(simulated) - 1 if sum(simulated) else float("inf")
    return Comparison(total, max(apart, default=0.0) / PACKET, beyond, len(pairs))


def seconds(rows: Iterable[Sequence[Any]], begin: float, duration: float) -> Seconds:
    """Add up what the link delivered in each second of the measured interval; rows: those of series.csv."""
    found = [0.0] * round(duration)
    for time, entity, direction, metric, value in rows:
        if (entity, direction, metric) == (f"link/{LINK}", DIRECTION, "throughput_bps"):
            number = int((time - begin + BIN / 2) // 1)
            if time - begin > -BIN / 2 and number < len(found):
                found[number] += value * BIN / BITS_PER_BYTE
    return found


def raw_scenario(trace: Path) -> dict[str, Any]:
    """Give one scenario as a mapping."""
    times = opportunities(trace)
    rate = OVERLOAD * len(times) * PACKET * BITS_PER_BYTE / times[-1]
    link = {
        "name": LINK,
        "rate": "100Mbit",
        "trace": {"down": str(trace.resolve())},
        "delay": "20ms",
        "queue": "1000p",
    }
    flow = {
        "name": "filling",
        "kind": "udp",
        "rate": format_rate(round(rate, -3)),
        "packet_size": PAYLOAD,
        "direction": DIRECTION,
    }
    return {"name": "trace-worlds", "link": [link], "flow": [flow]}


def traces() -> dict[str, Path]:
    """Give the traces: shipped ones, and a recording where it is at hand."""
    found = {name: SHIPPED / f"{name}.down.csv" for name in SHIPPED_NAMES}
    folder = recordings()
    if folder is not None and (folder / RECORDED).is_file():
        found["Verizon LTE, recorded"] = folder / RECORDED
    return found


def summarise(outcomes: Sequence[Outcome | None]) -> list[dict[str, Any]]:
    """Give one row a trace: both worlds' totals, and how far their seconds are apart."""
    known = [one for one in outcomes if one is not None]
    rows = []
    for name in dict.fromkeys(str(one.trial.labels["trace"]) for one in known):
        found: dict[str, Seconds] = {}
        row: dict[str, Any] = {"trace": name}
        for one in known:
            if one.believed and one.has({"trace": name}):
                scenario = one.trial.scenario
                lines = one.series().itertuples(index=False)
                found[one.trial.world] = seconds(lines, scenario.warmup, scenario.duration)
                mean = sum(found[one.trial.world]) * BITS_PER_BYTE / scenario.duration
                row[f"{one.trial.world}_bps"] = mean
        if len(found) == 2:
            both = compare(found[SIMULATION], found[EMULATION])
            row |= {"total": both.total, "worst_packets": both.worst, "beyond": both.beyond, "n": both.count}
            row["verdict"] = "met" if both.met else "not met"
        rows.append(row)
    return rows


HEADINGS = ("trace", "simulated Mbit/s", "emulated Mbit/s", "total apart", "worst second", "seconds beyond", "")


def cells_of(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Give the table's cells."""
    lines = []
    for row in rows:
        means = [f"{row[key] / 1e6:.3f}" if key in row else "-" for key in (f"{SIMULATION}_bps", f"{EMULATION}_bps")]
        if "total" in row:
            apart = (f"{row['total']:+.2%}", f"{row['worst_packets']:.1f} packets", f"{row['beyond']} of {row['n']}")
        else:
            apart = ("-", "-", "-")
        lines.append((row["trace"], *means, *apart, row.get("verdict", "one world only")))
    return lines


class TraceWorlds:
    """The seconds of a saturated link that plays a trace, in both worlds."""

    title = "one trace, two worlds: what a saturated link delivers in each second"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write trace-worlds.csv and trace-worlds.md to ``out``, and give the table."""
        timing = QUICK if quick else FULL
        trials = [
            Trial({"trace": name}, one, scenario_of(raw_scenario(trace), timing, seed=1))
            for one in (SIMULATION, EMULATION)
            for name, trace in traces().items()
        ]
        outcomes: list[Outcome | None] = []
        for one in (SIMULATION, EMULATION):
            own = [trial for trial in trials if trial.world == one]
            outcomes += run_trials(own, out, f"trace-worlds: {one}", strict=False, run=one in worlds_of(world))
        rows = summarise(outcomes)
        write_table(out / "trace-worlds.csv", rows)
        told = f"{timing.duration:g} s each; allowed: 2 % in all, and in each second the larger of 2 % and 3 packets."
        page = ["# One trace in both worlds", "", told, "", as_markdown(HEADINGS, cells_of(rows)), ""]
        (out / "trace-worlds.md").write_text("\n".join(page), encoding="utf-8")
        return "\n".join([as_text(HEADINGS, cells_of(rows)), told, *left_out([one for one in outcomes if one])])


experiment = TraceWorlds()
