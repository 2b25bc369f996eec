"""A nemesis that finds nothing proves nothing: bugs planted in memory are found, each by what it breaks."""

from __future__ import annotations

import pytest
from planting import BUGS, Bug, planted

from mpsim.nemesis import INVARIANTS, draw, play
from mpsim.tunnel import path


@pytest.mark.skipif(not str(path.__file__).endswith(".py"), reason="compiled code has no source to change")
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    script = draw(bug.seed)
    with planted(bug):
        verdict = play(script)
    assert verdict.invariant == bug.invariant, str(verdict)
    assert play(script).invariant is None


def test_there_are_enough_of_them() -> None:
    assert len({bug.where + bug.old for bug in BUGS}) == len(BUGS) >= 12
    assert all(bug.seed < 50 for bug in BUGS)
    assert len({bug.invariant for bug in BUGS} & set(INVARIANTS)) >= 10
