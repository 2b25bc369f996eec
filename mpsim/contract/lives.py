"""Random lives: what every kind of algorithm is led through, as numbers that mean the same the next time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from random import Random
from typing import Any

from mpsim.contract.common import ContractError, variants

SEEDS = range(20)
MOST_STEPS = 120  # of one of many lives

# How an object of a class lives through the numbers of a seed; raises ContractError.
Lead = Callable[[Any, Sequence[int], int], object]


def numbers_of(seed: int, count: int) -> list[int]:
    """Return `count` numbers, one for each step of a life."""
    random = Random(seed)  # a reproducible life
    return [random.randrange(10**6) for _ in range(count)]


def survive(found: type, lead: Lead, steps: int) -> None:
    """Lead objects with each of the class's parameters through every seed's life of so many steps."""
    for given in variants(found):
        for seed in SEEDS:
            _one(found, given, lead, seed, steps)


def survive_many(found: type, lead: Lead, lives: int) -> None:
    """Lead objects through so many lives of random lengths, their parameters in turn."""
    for seed, given in zip(range(lives), cycle(variants(found)), strict=False):
        _one(found, given, lead, seed, 1 + seed % MOST_STEPS)


def _one(found: type, given: dict[str, Any], lead: Lead, seed: int, steps: int) -> None:
    try:
        lead(found(**given), numbers_of(seed, steps), seed)
    except ContractError as broken:
        raise ContractError(f"{found.__name__}({given}), life {seed}: {broken}") from None
