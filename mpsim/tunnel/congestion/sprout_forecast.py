"""Sprout's model of a link (Winstein, Sivaraman and Balakrishnan, NSDI 2013, section 3.1), with numpy.

Packets are delivered at a rate that wanders like a Brownian motion between 0 and `fastest`; a rate of 0 is an outage,
which ends with a probability of its own. What is believed of the rate is a probability for each of its bins. A
count of deliveries changes it by Bayes' rule. The forecast adds up the ticks to come, with each of them as uncertain
as the rate has become by then, and with at most 1.5 times what the fastest rate delivers in a tick (the authors' 30).
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, erf, exp, lgamma, sqrt

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_PER_TICK = 1.5  # times what the fastest rate delivers in a tick


class RateModel:
    """How a rate wanders, and what it delivers.

    Parameters
        fastest: fastest rate, packets/s
        bins: rates that are distinguished, from 0 to the fastest
        volatility: standard deviation of the rate's change in a second, packets/s
        escape: how often an outage ends, 1/s
        tick: seconds
        ticks: how many the forecast adds up
    """

    def __init__(self, fastest: float, bins: int, volatility: float, escape: float, tick: float, ticks: int) -> None:
        self.rates: Array = np.linspace(0.0, fastest, bins)
        self._means: Array = self.rates * tick  # packets in a tick
        with np.errstate(divide="ignore"):
            self._logarithms: Array = np.log(self._means)
        self._step = _wandering(self.rates, volatility * sqrt(tick), 1 - exp(-escape * tick))
        self._forecast = self._add_up(ceil(MOST_PER_TICK * fastest * tick), ticks)

    def anything(self) -> Array:
        """Return the belief of somebody who knows nothing: each rate is as likely."""
        return np.full(len(self.rates), 1.0 / len(self.rates))

    def evolved(self, belief: Array) -> Array:
        """Return what is believed a tick later, before anything is seen of it."""
        later: Array = belief @ self._step
        return later

    def observed(self, belief: Array, count: int) -> Array:
        """Return what is believed once `count` packets were delivered in a tick."""
        # Up to a factor that all bins share; 0 log 0 is 0.
        logarithm = count * self._logarithms - self._means if count else -self._means
        likely = belief * np.exp(logarithm - logarithm.max())
        total = likely.sum()
        return likely / total if total > 0 else self.anything()

    def least_deliveries(self, belief: Array, doubt: float) -> int:
        """Return how many packets will be delivered in the forecast's ticks: that it is fewer has this probability."""
        return int(np.searchsorted(self._forecast @ belief, doubt))

    def _add_up(self, most: int, ticks: int) -> Array:
        """Return the probability of at most so many deliveries (row) from a rate now (column)."""
        single = poisson(self._means, most)
        now = np.eye(len(self.rates))
        total = np.ones((len(self.rates), 1))
        for _ in range(ticks):
            tick = now @ single
            longer = np.zeros((len(self.rates), total.shape[1] + most - 1))
            for count in range(most):
                longer[:, count : count + total.shape[1]] += tick[:, count : count + 1] * total
            total = longer
            now = now @ self._step
        forecast: Array = np.ascontiguousarray(np.cumsum(total, axis=1).T)
        return forecast


def poisson(means: Array, most: int) -> Array:
    """Return the probabilities of 0, 1 ... most - 1 events (columns) for each mean (row)."""
    counts = np.arange(most)
    factorials = np.array([lgamma(count + 1) for count in counts])
    positive = np.where(means > 0, means, 1.0)[:, None]
    logarithm = counts * np.log(positive) - positive - factorials
    probability: Array = np.where(means[:, None] > 0, np.exp(logarithm), counts == 0)
    return probability


def _wandering(rates: Array, deviation: float, escape: float) -> Array:
    """Return the probability of each rate (column) a tick after each rate (row)."""
    count = len(rates)
    step = np.eye(count)
    if deviation > 0:
        width = rates[1] - rates[0]
        edges = (np.arange(-count, count + 1) - 0.5) * width / deviation
        below = np.array([0.5 * (1 + erf(edge / sqrt(2))) for edge in edges])
        near = np.diff(below)  # by the distance, from -count bins to count - 1
        rows, columns = np.indices((count, count))
        step = near[columns - rows + count]
    # Whatever would leave the range stays in it; of an outage the normal distribution is what it ends with.
    outage = step[0].copy()
    outage[0] = 0.0
    risen = outage.sum()
    step[0] = escape * outage / risen if risen > 0 else 0.0
    step[0, 0] = 1 - step[0, 1:].sum()
    total: Array = step / step.sum(axis=1, keepdims=True)
    return total


@lru_cache(maxsize=16)
def rate_model(fastest: float, bins: int, volatility: float, escape: float, tick: float, ticks: int) -> RateModel:
    """Return the model of these parameters, made once."""
    return RateModel(fastest, bins, volatility, escape, tick, ticks)
