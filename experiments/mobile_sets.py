"""The sets of fluctuating links that a tunnel is to sum: recordings where they are at hand, and the shipped ones.

Recordings belong to their authors (the README says where they are to be had): they are looked for in the folder that
MPSIM_TRACES names, or in ../shared/traces beside the project. What is not there is left out, and said.

The parameters of our own systems were chosen on recordings of three operators; a set with any of these counts as used
for tuning, at whatever offset, and tables keep them apart from those that were not looked at. Recordings of one value a
second fluctuate inside it as LTE does (docs/traces.md), and are scaled
down, so that what a set carries in sum stays near that of LTE: shape is what is asked about, not speed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from experiments.generated_traces import SHIPPED, recordings
from mpsim.traces import mahimahi
from mpsim.traces.converting import Change, opportunities
from mpsim.traces.formats import read
from mpsim.traces.joining import joined
from mpsim.traces.recording import Choice, Recording

DELAYS = ("20ms", "28ms", "35ms")  # one way, of the first, second and third link
QUEUE = "1000p"
UNCONGESTED = "100Mbit"  # of what has no trace
CUT_S = 75.0  # of a recording of one value a second: a run and what is left in its queues
PAIR, TRIPLE, OPERATORS, WIFI, STARLINK, GENERATED = (
    "LTE pairs", "LTE triples", "operators in one car", "Wi-Fi + cellular", "Starlink + cellular", "generated",
)  # fmt: skip
TUNED_ON = "mahimahi/"
FREE, OWN = "uncongested", "own trace"  # the way back


@dataclass(frozen=True, slots=True)
class Leg:
    """One link: its files below the set's folder, and where in them it begins (s)."""

    name: str
    down: str
    up: str | None = None
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Together:
    """How recordings made side by side become traces: which of their common windows, and the column meant."""

    choice: Choice | None = None
    window: int = 1  # the longest is 1


@dataclass(frozen=True, slots=True)
class LinkSet:
    """Links that are to be summed."""

    name: str
    kind: str
    legs: tuple[Leg, ...]
    scale: float = 1.0  # of the capacity
    together: Together | None = None
    shipped: bool = False

    @property
    def tuning(self) -> bool:
        """Whether a recording of it was used for tuning."""
        return any(leg.down.startswith(TUNED_ON) for leg in self.legs)


def _verizon(offset: float) -> Leg:
    return Leg("verizon", "mahimahi/Verizon-LTE-short.down", "mahimahi/Verizon-LTE-short.up", offset)


def _att(offset: float) -> Leg:
    return Leg("att", "mahimahi/ATT-LTE-driving.down", "mahimahi/ATT-LTE-driving.up", offset)


def _tmobile(offset: float) -> Leg:
    return Leg("tmobile", "mahimahi/TMobile-LTE-driving.down", None, offset)


def _taxi(offset: float) -> Leg:
    return Leg("taxi", "nyc-lte/trace-2768760-taxi3", None, offset)


def _bus(offset: float) -> Leg:
    return Leg("bus", "nyc-lte/trace-3114405-bus", None, offset)


def _square(offset: float) -> Leg:
    return Leg("square", "nyc-lte/trace-3199718-timessquare", None, offset)


def _corner(offset: float) -> Leg:
    return Leg("corner", "nyc-lte/trace-3201037-timessquare", None, offset)


LTE = (
    LinkSet("verizon@0 + att@0", PAIR, (_verizon(0), _att(0))),
    LinkSet("verizon@0 + tmobile@0", PAIR, (_verizon(0), _tmobile(0))),
    LinkSet("att@100 + tmobile@60", PAIR, (_att(100), _tmobile(60))),
    LinkSet("verizon@70 + att@300", PAIR, (_verizon(70), _att(300))),
    LinkSet("tmobile@200 + att@500", PAIR, (_tmobile(200), _att(500))),
    LinkSet("verizon@35 + tmobile@350", PAIR, (_verizon(35), _tmobile(350))),
    LinkSet("att@680 + tmobile@280", PAIR, (_att(680), _tmobile(280))),
    LinkSet("taxi@0 + bus@0", PAIR, (_taxi(0), _bus(0))),
    LinkSet("taxi@35 + square@60", PAIR, (_taxi(35), _square(60))),
    LinkSet("bus@120 + corner@0", PAIR, (_bus(120), _corner(0))),
    LinkSet("bus@240 + verizon@20", PAIR, (_bus(240), _verizon(20))),
    LinkSet("corner@90 + att@200", PAIR, (_corner(90), _att(200))),
    LinkSet("verizon@0 + att@400 + tmobile@120", TRIPLE, (_verizon(0), _att(400), _tmobile(120))),
    LinkSet("verizon@60 + att@600 + tmobile@400", TRIPLE, (_verizon(60), _att(600), _tmobile(400))),
    LinkSet("taxi@20 + bus@60 + square@100", TRIPLE, (_taxi(20), _bus(60), _square(100))),
    LinkSet("corner@40 + att@50 + verizon@70", TRIPLE, (_corner(40), _att(50), _verizon(70))),
)

_CAR = "satellite-vs-cellular/UDP-DL"
_MBIT = Choice("throughput", "Mbit/s")


def _car(kind: str, window: int, offset: float, *names: str) -> LinkSet:
    legs = tuple(Leg(name, f"{_CAR}/{name}.csv", None, offset) for name in names)
    told = f"{' + '.join(names)} ({window}@{offset:g})"
    return LinkSet(told, kind, legs, scale=0.1, together=Together(_MBIT, window))


def _walk(trial: str, scale: float) -> LinkSet:
    files = {"wifi": f"wifi-cell-pairs/{trial}_wifi.csv", "cellular": f"wifi-cell-pairs/{trial}_cellular.csv"}
    legs = tuple(Leg(name, file) for name, file in files.items())
    return LinkSet(f"walk {trial}", WIFI, legs, scale=scale, together=Together())


# "mob" is Starlink's mobile dish. In the windows of the last four it is out for 19 to 55 of 65 s.
CARS = (
    _car(OPERATORS, 1, 195, "att", "vz", "tm"),
    _car(OPERATORS, 4, 195, "att", "tm"),
    _car(OPERATORS, 5, 260, "vz", "tm"),
    _car(STARLINK, 1, 130, "mob", "att"),
    _car(STARLINK, 4, 455, "mob", "vz"),
    _car(STARLINK, 5, 65, "mob", "att"),
    _car(STARLINK, 2, 570, "mob", "vz"),
)
WALKS = (_walk("13_1", 1.0), _walk("13_3", 1.0), _walk("7_2", 0.5))


def _generated(name: str, *links: str, scale: float = 1.0, offset: float = 0.0) -> LinkSet:
    legs = tuple(Leg(link, f"{link}.down.csv", f"{link}.up.csv", offset) for link in links)
    return LinkSet(name, GENERATED, legs, scale=scale, shipped=True)


SHIPPED_SETS = (
    _generated("driving a + b", "lte-driving-a", "lte-driving-b"),
    _generated("driving b + c", "lte-driving-b", "lte-driving-c", offset=40),
    _generated("driving a + b + c", "lte-driving-a", "lte-driving-b", "lte-driving-c", offset=20),
    _generated("Wi-Fi + LTE, walking", "wifi-walk", "lte-walking"),
    _generated("Starlink + 5G", "starlink", "5g-midband", scale=0.2),
    _generated("DSL + driving a", "dsl", "lte-driving-a"),
)
ALL = (*LTE, *CARS, *WALKS, *SHIPPED_SETS)
# One of each kind that says most in a short time.
QUICK_NAMES = ("verizon@0 + att@0", "taxi@0 + bus@0", "driving a + b", "Wi-Fi + LTE, walking")


def at_hand(sets: Sequence[LinkSet] = ALL) -> tuple[list[LinkSet], list[str]]:
    """Give the sets whose files are there, and say for each other one why it is left out."""
    folder = recordings()
    found, missing = [], []
    for one in sets:
        root = SHIPPED if one.shipped else folder
        lost = [leg.down for leg in one.legs if root is None or not (root / leg.down).is_file()]
        if lost:
            missing.append(f"{one.name}: no {', '.join(lost)} ({_WHERE})")
        else:
            found.append(one)
    return found, missing


_WORDS = re.compile(r"[a-z0-9]+", re.IGNORECASE)
_WHERE = "recordings are not shipped; MPSIM_TRACES names their folder"


def has_uplinks(one: LinkSet) -> bool:
    """Return whether any of its links has a trace of the way back."""
    return any(leg.up is not None for leg in one.legs)


def link_tables(
    one: LinkSet, folder: Path, reverse: str = FREE, *, delays: Sequence[str] = DELAYS, queue: str = QUEUE
) -> list[dict[str, Any]]:
    """Give the scenario's [[link]] tables of a set; folder: where traces are written that have to be cut.

    reverse: of links without a trace for it the way back is uncongested in any case.
    """
    traces = _cut(one, folder) if one.together is not None else _as_they_are(one)
    found = []
    for leg, trace, delay in zip(one.legs, traces, delays, strict=False):
        own = dict(trace)
        if reverse == FREE:
            own.pop("up", None)
        rate = {} if "up" in own else {"rate": UNCONGESTED}  # of the side without a trace
        found.append({"name": leg.name, **rate, "trace": own, "delay": delay, "queue": queue})
    return found


def _root(one: LinkSet) -> Path:
    root = SHIPPED if one.shipped else recordings()
    assert root is not None  # at_hand left the others out
    return root


def _as_they_are(one: LinkSet) -> list[Mapping[str, Any]]:
    root = _root(one)
    traces: list[Mapping[str, Any]] = []
    for leg in one.legs:
        sides = {"down": leg.down} | ({"up": leg.up} if leg.up is not None else {})
        files = {side: str((root / file).resolve()) for side, file in sides.items()}
        traces.append({**files, "offset": f"{leg.offset:g}s", "scale": one.scale})
    return traces


def _cut(one: LinkSet, folder: Path) -> list[Mapping[str, Any]]:
    """Write what the recordings have in common from the set's offset on."""
    assert one.together is not None
    root = _root(one)
    parts = joined([read(root / leg.down, None, one.together.choice) for leg in one.legs])[one.together.window - 1]
    folder.mkdir(parents=True, exist_ok=True)
    traces: list[Mapping[str, Any]] = []
    for number, (leg, part) in enumerate(zip(one.legs, parts, strict=True)):
        seed = Random(f"{one.name}/{leg.name}").getrandbits(32)
        change = Change(leg.offset, CUT_S, one.scale, "fluctuating", seed)
        file = folder / f"{'-'.join(_WORDS.findall(one.name))}-{number}.down"
        mahimahi.write(file, opportunities(Recording("series", windows=(part,)), change))
        traces.append({"down": str(file.resolve())})
    return traces
