"""One arm of LinUCB: ridge regression of a reward on a context, with a bound on how sure it is.

Li, Chu, Langford and Schapire, "A Contextual-Bandit Approach to Personalized News Article Recommendation",
WWW 2010, algorithm 1: A = I + sum x x', b = sum r x, theta = A^-1 b, score = theta'x + alpha sqrt(x' A^-1 x).
What was learnt fades by `memory` with every reward (D-LinUCB; Russac, Vernade and Cappe, NeurIPS 2019), because
networks change. The contexts here have six entries; that is small enough to be written out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = list[float]


class LinearArm:
    """What is known of one action's reward.

    Parameters
        size: entries of a context
        memory: what one more reward leaves of all before it, ratio
    """

    def __init__(self, size: int, memory: float) -> None:
        self._memory = memory
        self._gram = [[float(row == column) for column in range(size)] for row in range(size)]  # A
        self._moment = [0.0] * size  # b
        self._inverse = [row[:] for row in self._gram]
        self.theta = [0.0] * size

    def score(self, context: Sequence[float], alpha: float) -> float:
        """Return the reward to expect at most: its estimate, and `alpha` standard deviations."""
        spread = dot(context, [dot(row, context) for row in self._inverse])
        return dot(self.theta, context) + alpha * math.sqrt(max(spread, 0.0))

    def learn(self, context: Sequence[float], reward: float) -> None:
        """Take note of what the action has brought in this context."""
        memory = self._memory
        for row, (line, one) in enumerate(zip(self._gram, context, strict=True)):
            for column, other in enumerate(context):
                line[column] = memory * line[column] + one * other + (1 - memory) * (row == column)
            self._moment[row] = memory * self._moment[row] + reward * one
        self._inverse = inverted(self._gram)
        self.theta = [dot(line, self._moment) for line in self._inverse]


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the inner product."""
    return sum(one * other for one, other in zip(left, right, strict=True))


def inverted(matrix: Sequence[Sequence[float]]) -> list[Vector]:
    """Return the inverse of a positive definite matrix (Gauss and Jordan; such a one needs no pivoting)."""
    size = len(matrix)
    rows = [[*line, *(float(row == column) for column in range(size))] for row, line in enumerate(matrix)]
    for pivot, line in enumerate(rows):
        head = line[pivot]
        scaled = rows[pivot] = [one / head for one in line]
        for other in range(size):
            if other != pivot:
                factor = rows[other][pivot]
                rows[other] = [one - factor * two for one, two in zip(rows[other], scaled, strict=True)]
    return [line[size:] for line in rows]
