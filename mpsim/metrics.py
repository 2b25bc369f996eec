"""From records to the numbers of a result: percentiles, aggregation benefit, failover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsim.units import BITS_PER_BYTE

# Aggregated goodput counts as recovered at this share of what could be carried (algorithms: failover).
RECOVERED = 0.9
RECOVERY_HORIZON = 10.0  # seconds after the event
SMOOTHING_BINS = 3  # 300 ms
BIN = 0.1  # seconds of a bin in series.csv

_PRECISION = 0.001  # relative width of a histogram bin
_SMALLEST = 1e-6  # seconds; below it a delay counts as this


class DelayHistogram:
    """Delays in bins of 0.1 % width: memory does not grow with the run, percentiles are exact to 0.05 %."""

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.count = 0

    def add(self, delays: Sequence[float]) -> None:
        """Take samples in seconds."""
        if not delays:
            return
        values = np.maximum(np.asarray(delays, dtype=np.float64), _SMALLEST)
        bins = np.floor(np.log(values / _SMALLEST) / _PRECISION).astype(np.int64)
        found = np.bincount(bins)
        if len(found) > len(self._counts):
            found[: len(self._counts)] += self._counts
            self._counts = found
        else:
            self._counts[: len(found)] += found
        self.count += len(delays)

    def percentile(self, percent: float) -> float | None:
        """Return a percentile in seconds; None without samples."""
        if not self.count:
            return None
        rank = max(1, int(np.ceil(percent / 100 * self.count)))
        position = int(np.searchsorted(np.cumsum(self._counts), rank))
        if position == 0:
            return 0.0  # at or below a microsecond
        return float(_SMALLEST * np.exp((position + 0.5) * _PRECISION))

    def summary(self, *percents: int) -> dict[str, float] | None:
        """Return {"p50": ..., ...} in seconds, or None without samples."""
        if not self.count:
            return None
        return {f"p{percent}": round(self.percentile(percent) or 0.0, 9) for percent in percents}


def percentiles(samples: Sequence[float], *percents: int) -> dict[str, float] | None:
    """Return {"p50": ..., ...} of a few samples, exactly; None without samples."""
    if not samples:
        return None
    return {f"p{percent}": round(float(np.percentile(np.asarray(samples), percent)), 9) for percent in percents}


def answers_row(
    asked: Sequence[float], answered: Sequence[float], interval: tuple[float, float], payload: int
) -> dict[str, Any]:
    """Return what a flow of requests and answers counts, in the contract's names.

    asked, answered: when each request left and its answer came, s; answers come in order, those that
    never did are missing at the end. interval: [begin, end) in which requests count, and the answers
    that make the goodput; payload: bytes of an answer.
    """
    begin, end = interval
    times = [late - early for early, late in zip(asked, answered, strict=False) if begin <= early < end]
    sent = sum(begin <= when < end for when in asked)
    lost = sent - len(times)
    arrived = sum(begin <= when < end for when in answered)
    found = percentiles(times, 50, 95, 99)
    return {
        "goodput_bps": arrived * payload * BITS_PER_BYTE / (end - begin),
        "sent_packets": sent,
        "lost_packets": lost,
        "loss_ratio": lost / sent if sent else None,
        "one_way_delay_s": None,
        "retransmitted_packets": None,
        "out_of_order_ratio": None,
        "rtt_s": {**found, "max": round(max(times), 9)} if found else None,
    }


def answer_times(asked: Sequence[float], answered: Sequence[float], end: float) -> list[tuple[float, float]]:
    """Return (beginning of the bin, longest time to the answer) by when requests left, s; no bin without an answer."""
    longest: dict[int, float] = {}
    for early, late in zip(asked, answered, strict=False):
        if early < end:
            position = int(early / BIN)
            longest[position] = max(longest.get(position, 0.0), late - early)
    return [(round(position * BIN, 1), time) for position, time in sorted(longest.items())]


def aggregation_benefit(goodput: float, capacities: Sequence[float]) -> float | None:
    """Return the aggregation benefit (Kaspar 2012; Paasch et al., CoNEXT 2013), -1 to 1.

    0: as good as the best single path; 1: their full sum. None where there is nothing to gain.
    """
    best, total = max(capacities), sum(capacities)
    if goodput < best:
        return (goodput - best) / best
    return (goodput - best) / (total - best) if total > best else None


def aggregate(
    direction: str,
    flows: Sequence[tuple[float, float]],
    capacities: Sequence[float],
) -> dict[str, Any] | None:
    """Return the aggregation row of one direction; None if no flow carries payload in it.

    flows: (goodput in bit/s, framing limit) of each; capacities: of each link, bit/s of IP packets.
    """
    goodput = sum(rate for rate, _ in flows)
    if not flows:
        return None
    on_wire = sum(rate / limit for rate, limit in flows)
    limit = goodput / on_wire if on_wire else flows[0][1]
    capacity = sum(capacities)
    ratio = goodput / capacity if capacity else 0.0
    return {
        "direction": direction,
        "capacity_bps": capacity,
        "goodput_bps": goodput,
        "ratio": ratio,
        "framing_limit": limit,
        "efficiency": ratio / limit,
        "benefit": aggregation_benefit(goodput, [value * limit for value in capacities]) if capacity else None,
        "best_link_bps": max(capacities),
    }


def recovery(at: float, begin: float, goodput: Sequence[float], wanted: Sequence[float]) -> tuple[float | None, float]:
    """Return recovery_s (None: not within 10 s) and the longest gap (s) after an event.

    at: of the event; begin: of the first bin; goodput: bit/s in bins of 0.1 s; wanted: bit/s that
    would be full recovery in each bin.
    """
    first = max(0, round((at - begin) / BIN))
    horizon = min(len(goodput), first + round(RECOVERY_HORIZON / BIN))
    gap = longest = 0
    last_bad = None
    for position in range(first, horizon):
        gap = gap + 1 if goodput[position] <= 0 and wanted[position] > 0 else 0
        longest = max(longest, gap)
        low = max(first, position - SMOOTHING_BINS + 1)
        window = slice(low, position + 1)
        count = position + 1 - low
        if sum(goodput[window]) / count < RECOVERED * sum(wanted[window]) / count:
            last_bad = position
    longest_gap = round(longest * BIN, 6)
    if last_bad is None:
        return 0.0, longest_gap
    if last_bad == horizon - 1:
        return None, longest_gap
    return round((last_bad + 1) * BIN + begin - at, 6), longest_gap


def failover_row(
    event: Mapping[str, Any],
    begin: float,
    directions: Sequence[tuple[Sequence[float], Sequence[float], Sequence[float]]],
) -> dict[str, Any]:
    """Return the row of one event; of several directions the worse counts.

    event: link, at_s, up, lost_packets; directions: (arrived, goodput, wanted) in bins of 0.1 s from `begin`.
    Recovery is about what was carried, in whatever order it arrived; gaps are the application's. Otherwise
    each retransmission of an inner TCP would count: what comes behind its hole is carried, and delivered late.
    """
    recoveries = [recovery(event["at"], begin, arrived, wanted)[0] for arrived, _, wanted in directions]
    gaps = [recovery(event["at"], begin, goodput, wanted)[1] for _, goodput, wanted in directions]
    return {
        "link": event["link"],
        "at_s": event["at_s"],
        "up": event["up"],
        "recovery_s": None
        if not recoveries or None in recoveries
        else max(value for value in recoveries if value is not None),
        "longest_gap_s": max(gaps, default=None),
        "lost_packets": event["lost_packets"],
    }
