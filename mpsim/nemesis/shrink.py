"""Cuts a failing script down: fewer faults, then shorter and weaker ones, as long as the same invariant breaks.

Delta debugging (Zeller and Hildebrandt, IEEE Transactions on Software Engineering 28(2), 2002) over the list of faults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mpsim.nemesis.script import Fault, Script
from mpsim.nemesis.world import Verdict, play

MOST_RUNS = 200
SHORTEST = 0.02  # s


class _Search:
    """Tries scripts, so many at most."""

    def __init__(self, script: Script, verdict: Verdict, run: Callable[[Script], Verdict], most: int) -> None:
        self.best, self.verdict = script, verdict
        self._run, self.left = run, most

    def fails(self, faults: Sequence[Fault]) -> bool:
        """Try other faults; keep them if the same invariant breaks."""
        if not self.left:
            return False
        self.left -= 1
        script = self.best.with_faults(faults)
        verdict = self._run(script)
        if verdict.invariant != self.verdict.invariant:
            return False
        self.best, self.verdict = script, verdict
        return True


def shrink(
    script: Script, verdict: Verdict, run: Callable[[Script], Verdict] = play, most: int = MOST_RUNS
) -> tuple[Script, Verdict]:
    """Return a smaller script that breaks the same invariant, and how it does; most: runs that this may take."""
    search = _Search(script, verdict, run, most)
    _drop(search)
    for number in range(len(search.best.faults)):
        _weaken(search, number)
    return search.best, search.verdict


def _drop(search: _Search) -> None:
    """Leave out ever smaller parts of the list."""
    parts = 2
    while search.best.faults:
        faults = search.best.faults
        size = max(1, len(faults) // parts)
        if any(search.fails(faults[:begin] + faults[begin + size :]) for begin in range(0, len(faults), size)):
            parts = max(2, parts - 1)
        elif size == 1:
            return
        else:
            parts *= 2


def _weaken(search: _Search, number: int) -> None:
    """Halve how long and how much, while that breaks it, too."""
    while search.best.faults[number].lasts > SHORTEST and _change(search, number, lasts=0.5):
        pass
    while search.best.faults[number].amount > SHORTEST and _change(search, number, amount=0.5):
        pass


def _change(search: _Search, number: int, *, lasts: float = 1.0, amount: float = 1.0) -> bool:
    faults = list(search.best.faults)
    fault = faults[number]
    faults[number] = replace(fault, lasts=round(fault.lasts * lasts, 3), amount=round(fault.amount * amount, 3))
    return search.fails(faults)
