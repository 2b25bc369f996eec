"""The throughput of a flow whose ends tell when they received what."""

from __future__ import annotations

from collections.abc import Iterable

from mpsim.metrics import BIN
from mpsim.result import SeriesRow
from mpsim.scenario import FlowSpec
from mpsim.units import BITS_PER_BYTE


def throughput(spec: FlowSpec, arrivals: Iterable[tuple[float, int]], end: float) -> list[SeriesRow]:
    """Return a flow's throughput in bins, each named by its beginning.

    arrivals: when (s of run time) how many bytes of payload came; end: of the last bin, s of run time.
    """
    bins = [0] * round(end / BIN)
    for when, size in arrivals:
        position = int(when / BIN)
        if when >= 0 and position < len(bins):
            bins[position] += size
    name = f"flow/{spec.name}"
    return [
        (round(number * BIN, 1), name, spec.direction, "throughput_bps", size * BITS_PER_BYTE / BIN)
        for number, size in enumerate(bins)
    ]
