"""Are generated traces like recorded ones? The table of both, and the traces that this project ships.

    .venv/bin/python -m experiments.generated_traces [--ship] [--quick]

Writes results/traces.md where the recordings are at hand: in the folder that MPSIM_TRACES names, or in ../shared/traces
beside the project; else it says so and ends. `--ship` writes experiments/traces/*.csv instead, which needs none.

Criterion: of each profile the mean within 5 % of the recordings' mean, coefficients of variation within 20 %,
autocorrelations within 0.1, the share of seconds in outage within the larger of a quarter and 0.005.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from experiments.fluctuating import VARIABLE
from mpsim.traces.formats import read
from mpsim.traces.generator import generate
from mpsim.traces.profiles import PROFILES
from mpsim.traces.recording import Choice, Recording, Steps
from mpsim.traces.statistics import Character, character
from mpsim.traces.tables import write_series

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "results" / "traces.md"
SHIPPED = ROOT / "experiments" / "traces"
SECONDS, SEEDS = 1800.0, 5
SHIPPED_SECONDS = 120.0
_BPS_PER_MBIT, _BPS_PER_KBIT = 1e6, 1e3

_SATELLITE = Choice("throughput", "Mbit/s")


@dataclass(frozen=True, slots=True)
class Reference:
    """Recordings that a profile is held against: a pattern of files, and the column that is meant."""

    pattern: str
    choice: Choice | None = None


REFERENCES: Mapping[str, tuple[Reference, ...]] = {
    "lte-driving": (
        Reference("mahimahi/*driving.down"),
        Reference("mahimahi/Verizon-LTE-short.down"),
        Reference("nyc-lte/*taxi*"),
        Reference("nyc-lte/*bus*"),
    ),
    "lte-walking": (Reference("nyc-lte/*timessquare*"),),
    "5g-midband": (Reference("satellite-vs-cellular/UDP-DL/tm.csv", _SATELLITE),),
    "5g-mmwave": (Reference("lumos5g/5G/*"),),
    "starlink": (
        Reference("leocc-example/bw_example.txt"),
        Reference("starlink-on-the-road/iperf.csv", Choice("download_mbps")),
        Reference("satellite-vs-cellular/UDP-DL/mob.csv", _SATELLITE),
    ),
    "wifi-walk": (Reference("wifi-cell-pairs/*_wifi.csv"),),
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """One column of the table."""

    title: str
    of: Callable[[Character], float | None]
    digits: int
    tolerance: float
    relative: bool
    least: float = 0.0  # tolerance, of a relative one


QUANTITIES = (
    Quantity("mean, Mbit/s", lambda one: one.mean / _BPS_PER_MBIT, 1, 0.05, relative=True),
    Quantity("CV 100 ms", lambda one: one.cv_short, 2, 0.20, relative=True),
    Quantity("CV 1 s", lambda one: one.cv_long, 2, 0.20, relative=True),
    Quantity("autocorrelation 1 s", lambda one: one.autocorrelation[0], 2, 0.1, relative=False),
    Quantity("autocorrelation 5 s", lambda one: one.autocorrelation[1], 2, 0.1, relative=False),
    Quantity("outage", lambda one: one.outage_share, 3, 0.25, relative=True, least=0.005),
    Quantity("longest outage, s", lambda one: one.longest_outage, 1, float("inf"), relative=False),
)

# Name, profile, mean of down and up (bit/s; None: the profile's), seed. Uplinks fluctuate as their downlinks do.
SHIPPED_LINKS = (
    ("lte-driving-a", "lte-driving", 8e6, 4e6, 1),
    ("lte-driving-b", "lte-driving", 12e6, 5e6, 2),
    ("lte-driving-c", "lte-driving", 5e6, 3e6, 3),
    ("lte-walking", "lte-walking", 12e6, 6e6, 4),
    ("wifi-walk", "wifi-walk", 30e6, 20e6, 5),
    ("starlink", "starlink", 100e6, 15e6, 6),
    ("5g-midband", "5g-midband", 100e6, 20e6, 7),
    ("dsl", "dsl", 16e6, 2e6, 8),
)


def recordings() -> Path | None:
    """Return the folder of the recordings, or None."""
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else ROOT.parent / "shared" / "traces"
    return folder if folder.is_dir() else None


def recorded(folder: Path, profile: str) -> list[Character]:
    """Measure the recordings of a profile; what is not there is left out."""
    return [
        character(read(path, None, reference.choice))
        for reference in REFERENCES.get(profile, ())
        for path in sorted(folder.glob(reference.pattern))
    ]


def generated(profile: str, seconds: float, seeds: int) -> list[Character]:
    """Measure generated traces of a profile, one a seed."""
    drawn = (generate(PROFILES[profile], seconds, seed) for seed in range(1, seeds + 1))
    return [character(Recording(profile, windows=(steps,))) for steps in drawn]


def mean_of(quantity: Quantity, found: list[Character]) -> float | None:
    """Return a quantity's mean over traces, None if any of them does not show it."""
    values = [value for one in found if (value := quantity.of(one)) is not None]
    return fmean(values) if values and len(values) == len(found) else None


def agrees(quantity: Quantity, real: float | None, drawn: float | None) -> bool:
    """Return whether a generated value is as near as the criterion asks; what is not known is not held against it."""
    if real is None or drawn is None:
        return True
    return abs(drawn - real) <= max(quantity.least, quantity.tolerance * (real if quantity.relative else 1.0))


def table(folder: Path, seconds: float, seeds: int) -> Iterator[str]:
    """Yield the lines of the table, two rows a profile."""
    yield "| profile | traces | " + " | ".join(one.title for one in QUANTITIES) + " | within |"
    yield "|---|---|" + "--:|" * len(QUANTITIES) + "---|"
    for profile in PROFILES:
        real, drawn = recorded(folder, profile), generated(profile, seconds, seeds)
        pairs = [(one, mean_of(one, real), mean_of(one, drawn)) for one in QUANTITIES]
        if real:
            cells = " | ".join(_cell(one, value) for one, value, _ in pairs)
            yield f"| {profile} | {len(real)} recorded | {cells} | |"
        wrong = [one.title for one, left, right in pairs if not agrees(one, left, right)]
        verdict = ("yes" if not wrong else f"not {', '.join(wrong)}") if real else "not compared"
        cells = " | ".join(_cell(one, value) for one, _, value in pairs)
        yield f"| {profile} | {len(drawn)} generated | {cells} | {verdict} |"


def _cell(quantity: Quantity, value: float | None) -> str:
    return "-" if value is None else f"{value:.{quantity.digits}f}"


def ship(folder: Path) -> list[Path]:
    """Write the traces that the project ships; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, _, _, _, _ in SHIPPED_LINKS:
        for side in ("down", "up"):
            path = folder / f"{name}.{side}.csv"
            write_series(path, shipped(name, side))
            written.append(path)
    return written


def shipped(name: str, side: str) -> Steps:
    """Draw one of them again, in whole kbit/s."""
    _, profile, down, up, seed = next(one for one in SHIPPED_LINKS if one[0] == name)
    number = 2 * seed + (side == "up")
    steps = generate(PROFILES[profile], SHIPPED_SECONDS, number, mean=down if side == "down" else up)
    return replace(steps, values=tuple(round(value / _BPS_PER_KBIT) * _BPS_PER_KBIT for value in steps.values))


HEAD = """# Generated traces beside recorded ones

Made by `.venv/bin/python -m experiments.generated_traces`, which needs the recordings (the README says where they are
to be had). Means over the traces of a row; CV is standard deviation over mean in bins of that length, outage the share
of seconds below 0.1 Mbit/s. "-" in a recorded row: not every recording is fine enough to show it. Generated are
{seeds} traces of {seconds:.0f} s.

Within: the mean within 5 %, CVs within 20 %, autocorrelations within 0.1, outage within the larger of a quarter and
0.005. The longest outage is shown and not held against a profile: it grows with the length of a recording, and one of
Starlink's is nothing but outage for ten minutes. `dsl` is not compared: no recording of a DSL line's capacity is at
hand.
"""


def main() -> None:
    """Read the options and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ship", action="store_true", help="write experiments/traces instead")
    parser.add_argument("--quick", action="store_true", help="shorter traces, and only print the table")
    options = parser.parse_args()
    if options.ship:
        for path in ship(SHIPPED):
            print(path.relative_to(ROOT))
        return
    folder = recordings()
    if folder is None:
        print(f"skipped: no recordings; {VARIABLE} names their folder")
        return
    seconds, seeds = (300.0, 2) if options.quick else (SECONDS, SEEDS)
    lines = list(table(folder, seconds, seeds))
    print("\n".join(lines))
    if not options.quick:
        TABLE.write_text(HEAD.format(seeds=seeds, seconds=seconds) + "\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
