"""What a trace is like: mean, variation at two scales, memory, outages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpsim.traces.recording import Recording, Steps
from mpsim.traces.spreading import OPPORTUNITY_BITS

Rates = NDArray[np.float64]
SHORT, LONG = 0.1, 1.0  # s: the two scales
# Below this a link is out: not a packet of 1500 bytes in 100 ms.
OUTAGE_BPS = 0.1e6
LAGS = (1, 5)  # s
# A float that is a hair short of a whole number of bins has that many.
_GRAIN = 1e-6


@dataclass(frozen=True, slots=True)
class Character:
    """The numbers of one trace."""

    duration: float  # s
    mean: float  # bit/s
    cv_short: float | None  # coefficient of variation in bins of 100 ms; None: the recording is coarser
    cv_long: float  # in bins of 1 s
    autocorrelation: tuple[float | None, ...]  # of bins of 1 s, at each of LAGS; None: too short or constant
    outage_share: float  # of bins of 1 s below 0.1 Mbit/s
    longest_outage: float  # s, in bins of 100 ms below 0.1 Mbit/s, of 1 s where the recording is coarser


def character(recording: Recording) -> Character:
    """Measure a recording over all its windows. Raises ValueError where it has no capacity, or none of a second."""
    parts = [binned(recording, window, LONG) for window in _windows(recording)]
    seconds = np.concatenate(parts) if parts else np.empty(0)
    if not seconds.size:
        raise ValueError("at least one second of capacity is needed")
    short = [] if _coarse(recording) else [binned(recording, window, SHORT) for window in _windows(recording)]
    longest = max(parts, key=len)
    return Character(
        duration=_duration(recording),
        mean=float(seconds.mean()),
        cv_short=_variation(np.concatenate(short)) if short else None,
        cv_long=_variation(seconds),
        autocorrelation=tuple(autocorrelation(longest, lag) for lag in LAGS),
        outage_share=float((seconds < OUTAGE_BPS).mean()),
        longest_outage=_longest(short, SHORT) if short else _longest(parts, LONG),
    )


def binned(recording: Recording, window: Steps | None, width: float) -> Rates:
    """Return bit/s in whole bins of `width` seconds, of one window or of the opportunities."""
    if window is None:
        times = np.asarray(recording.opportunities)
        count = int(times[-1] / width + _GRAIN)
        # An opportunity on an edge belongs to the bin that ends there, as mahimahi's milliseconds are meant.
        index = np.ceil(times / width - _GRAIN).astype(int) - 1
        held = np.bincount(index.clip(min=0), minlength=count)[:count]
        return held * OPPORTUNITY_BITS / width
    edges = np.asarray(window.edges) - window.edges[0]
    total = np.concatenate(([0.0], np.cumsum(np.diff(edges) * np.asarray(window.values))))
    count = int(edges[-1] / width + _GRAIN)
    return np.asarray(np.diff(np.interp(np.arange(count + 1) * width, edges, total)) / width)


def autocorrelation(rates: Rates, lag: int) -> float | None:
    """Return the autocorrelation at a lag in bins (Box and Jenkins: about the whole mean); None: not defined."""
    if len(rates) <= 2 * lag:
        return None
    centred = rates - rates.mean()
    power = float(centred @ centred)
    return float(centred[lag:] @ centred[:-lag]) / power if power > 0 else None


def _windows(recording: Recording) -> list[Steps | None]:
    return [None] if recording.opportunities else list(recording.windows)


def _duration(recording: Recording) -> float:
    if recording.opportunities:
        return recording.opportunities[-1]
    return sum(window.duration for window in recording.windows)


def _coarse(recording: Recording) -> bool:
    """Return whether values are further apart than the short scale."""
    if recording.opportunities:
        return False
    return float(np.median(np.diff(recording.longest().edges))) > SHORT * (1 + _GRAIN)


def _variation(rates: Rates) -> float:
    mean = float(rates.mean())
    return float(rates.std()) / mean if mean > 0 else 0.0


def _longest(parts: list[Rates], width: float) -> float:
    best = 0
    for rates in parts:
        run = 0
        for out in rates < OUTAGE_BPS:
            run = run + 1 if out else 0
            best = max(best, run)
    return best * width
