"""Our congestion control beside Linux's: what the kernel did, run by run, and the verdict of each cell."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import bootstrap
from experiments.base import EMULATION, Outcome, Spread, spread_of, values_of
from mpsim.worlds import SIMULATION

DIRECTION = "inbound"
GOODPUT, DELAY = "flow.download.goodput_bps", f"link.link.{DIRECTION}.queue_delay_s.p50"
NUMBERS = {"goodput_bps": GOODPUT, "queue_delay_s": DELAY}
PLACE = ("congestion", "round_trip_ms", "loss", "queue")
LIMITS = {"newreno": 0.10, "cubic": 0.10, "bbr": 0.15}
JUDGED_LOSS = 0.01  # at most

Place = tuple[str, int, float, str]


class Measured:
    """What the kernel did, run by run, as kernel.csv holds it."""

    def __init__(self, rows: Sequence[Mapping[str, str]] = ()) -> None:
        self.rows = rows

    @classmethod
    def read(cls, *paths: Path) -> Measured:
        """Read the first of these files that is there; nothing, if none is."""
        for path in paths:
            if path.exists():
                with path.open(newline="", encoding="utf-8") as file:
                    return cls(list(csv.DictReader(file)))
        return cls()

    def values(self, place: Place, column: str) -> list[float]:
        """Give a number of each run at a place."""
        control, round_trip, loss, queue = place
        return [
            float(row[column])
            for row in self.rows
            if (row["congestion"], row["queue"]) == (control, queue)
            and int(row["round_trip_ms"]) == round_trip
            and math.isclose(float(row["loss"]), loss)
        ]

    @property
    def kernels(self) -> str:
        """The kernels that were measured."""
        return ", ".join(dict.fromkeys(row["kernel"] for row in self.rows))


def measured_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Give the rows of kernel.csv: the believed runs in emulation."""
    return [
        {
            "kernel": one.data["versions"]["kernel"],
            **one.trial.labels,
            **{column: one.number(key) for column, key in NUMBERS.items()},
        }
        for one in outcomes
        if one.trial.world == EMULATION and one.believed
    ]


def compare(places: Iterable[Place], outcomes: Sequence[Outcome], kernel: Measured) -> list[dict[str, Any]]:
    """Give one row a cell: both sides' medians, their difference, its interval, and a verdict."""
    return [_row(place, outcomes, kernel) for place in places]


def _row(place: Place, outcomes: Sequence[Outcome], kernel: Measured) -> dict[str, Any]:
    labels = dict(zip(PLACE, place, strict=True))
    goodput = values_of(outcomes, GOODPUT, world=SIMULATION, **labels)
    theirs = kernel.values(place, "goodput_bps")
    low, high = bootstrap.interval(goodput, theirs)
    row = {
        **labels,
        "goodput_bps": Spread.of(goodput).median,
        "queue_delay_s": spread_of(outcomes, DELAY, world=SIMULATION, **labels).median,
        "n": len(goodput),
        "kernel_goodput_bps": Spread.of(theirs).median,
        "kernel_queue_delay_s": Spread.of(kernel.values(place, "queue_delay_s")).median,
        "kernel_n": len(theirs),
        "difference": bootstrap.relative_difference(goodput, theirs),
        "low": low,
        "high": high,
    }
    return {**row, "verdict": verdict(row)}


def verdict(row: Mapping[str, Any]) -> str:
    """Judge a cell: "within" its limit, "not shown" to be beyond it, or "BEYOND"; empty if not judged."""
    apart = row["difference"]
    if math.isnan(apart) or row["loss"] > JUDGED_LOSS:
        return ""
    if abs(apart) <= LIMITS[row["congestion"]]:
        return "within"
    return "not shown" if row["low"] <= 0 <= row["high"] else "BEYOND"
