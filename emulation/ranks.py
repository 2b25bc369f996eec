"""Percentiles without numpy, for the programs of the data path: they start faster and hold less memory."""

from __future__ import annotations

from collections.abc import Sequence


def percentiles(values: Sequence[float], *shares: float) -> dict[str, float] | None:
    """Return {"p50": ...} for shares like 50, 99 (nearest rank), or None if there is nothing."""
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    return {f"p{share:g}": ordered[round(share / 100 * last)] for share in shares}
