"""How sure the difference of two medians is: the percentile bootstrap (Efron and Tibshirani, 1993, chapter 13)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
SEED = 1  # the same values give the same interval
CONFIDENCE = 95.0  # percent


def relative_difference(values: Sequence[float], reference: Sequence[float]) -> float:
    """Give the median of the values over that of the reference, less one; NaN where one of them has none."""
    if not values or not reference:
        return float("nan")
    return float(np.median(values) / np.median(reference) - 1)


def interval(values: Sequence[float], reference: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % interval of that difference, both sides drawn anew with replacement; NaN like it."""
    if not values or not reference:
        return float("nan"), float("nan")
    random = np.random.default_rng(SEED)
    medians = [
        np.median(random.choice(np.asarray(side, dtype=float), (RESAMPLES, len(side))), axis=1)
        for side in (values, reference)
    ]
    edge = (100 - CONFIDENCE) / 2
    low, high = np.percentile(medians[0] / medians[1] - 1, (edge, 100 - edge))
    return float(low), float(high)
