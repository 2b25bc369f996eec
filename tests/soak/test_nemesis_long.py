"""Two thousand runs of the nemesis, other ones than in make test."""

from __future__ import annotations

import pytest

from mpsim.nemesis import draw, play, shrink

SEEDS = 2000
PART = 100


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(50, 50 + SEEDS, PART))
def test_every_invariant_holds(first: int) -> None:
    for seed in range(first, first + PART):
        script = draw(seed)
        verdict = play(script)
        if verdict.invariant is not None:
            smaller, why = shrink(script, verdict)
            pytest.fail(f"{smaller}\n{why}\n{smaller.to_json()}")
