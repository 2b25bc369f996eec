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
ROUND_TRIPS = {20: "rtt20", 50: "rtt50", 100: "rtt100"}  # ms: the link's name, and its flow's
RUN = ("congestion", "loss", "queue")  # what tells one run from another
PLACE = ("congestion", "round_trip_ms", "loss", "queue")  # and one cell
LIMITS = {"newreno": 0.10, "cubic": 0.10, "bbr": 0.15}
JUDGED_LOSS = 0.01  # at most

Place = tuple[str, int, float, str]


def numbers_of(round_trip_ms: int) -> dict[str, str]:
    """Give the keys of one round-trip time's numbers in a run, by column."""
    name = ROUND_TRIPS[round_trip_ms]
    return {"goodput_bps": f"flow.{name}.goodput_bps", "queue_delay_s": f"link.{name}.{DIRECTION}.queue_delay_s.p50"}


RUN_NUMBERS = {f"{key}_rtt{ms}": number for ms in ROUND_TRIPS for key, number in numbers_of(ms).items()}


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
            "round_trip_ms": round_trip,
            **{column: one.number(key) for column, key in numbers_of(round_trip).items()},
        }
        for one in outcomes
        if one.trial.world == EMULATION and one.believed
        for round_trip in ROUND_TRIPS
    ]


def compare(places: Iterable[Place], outcomes: Sequence[Outcome], kernel: Measured) -> list[dict[str, Any]]:
    """Give one row a cell: both sides' medians, their difference, its interval, and a verdict."""
    return [_row(place, outcomes, kernel) for place in places]


def _row(place: Place, outcomes: Sequence[Outcome], kernel: Measured) -> dict[str, Any]:
    labels = dict(zip(PLACE, place, strict=True))
    keys = numbers_of(place[1])
    told = {"world": SIMULATION, **{name: labels[name] for name in RUN}}
    goodput = values_of(outcomes, keys["goodput_bps"], **told)
    theirs = kernel.values(place, "goodput_bps")
    low, high = bootstrap.interval(goodput, theirs)
    row = {
        **labels,
        "goodput_bps": Spread.of(goodput).median,
        "queue_delay_s": spread_of(outcomes, keys["queue_delay_s"], **told).median,
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
