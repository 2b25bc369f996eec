"""Random loss on a link, each from a stream of its own."""

from __future__ import annotations

from random import Random
from typing import Protocol


class Loss(Protocol):
    """A loss process: asked once for each packet that a link transmits."""

    def loses(self) -> bool:
        """Return whether the next packet is lost."""


class Bernoulli:
    """Independent loss with a fixed probability.

    Parameters
        probability: 0 to 1
        random: the link's own stream
    """

    __slots__ = ("_draw", "probability")

    def __init__(self, probability: float, random: Random) -> None:
        self.probability = probability
        self._draw = random.random

    def loses(self) -> bool:
        return self._draw() < self.probability


class GilbertElliott:
    """Two-state bursty loss (Gilbert 1960, Elliott 1963), one step a packet.

    Parameters
        p: probability to go from good to bad
        r: probability to go from bad to good
        good_loss: loss probability in the good state
        bad_loss: loss probability in the bad state
        random: the link's own stream
    """

    __slots__ = ("_bad", "_draw", "bad_loss", "good_loss", "p", "r")

    def __init__(self, *, p: float, r: float, random: Random, good_loss: float = 0.0, bad_loss: float = 1.0) -> None:
        self.p, self.r = p, r
        self.good_loss, self.bad_loss = good_loss, bad_loss
        self._draw = random.random
        self._bad = False

    def loses(self) -> bool:
        draw = self._draw
        if self._bad:
            self._bad = draw() >= self.r
        else:
            self._bad = draw() < self.p
        return draw() < (self.bad_loss if self._bad else self.good_loss)
