"""Every repair keeps its contract, and the contract notices what does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpsim.contract import ContractError
from mpsim.contract.repairing import CHECKS, live, play, survives_random_lives
from mpsim.tunnel.datagrams import Data
from mpsim.tunnel.repair import Repair, repairs

LIVES = st.lists(st.integers(0, 10**6), max_size=300)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", repairs.names())
def test_every_repair_keeps_its_contract(name: str, check: Any) -> None:
    check(repairs.find(name))


@pytest.mark.parametrize("name", repairs.names())
@given(numbers=LIVES, count=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_repair_survives_any_life(name: str, numbers: list[int], count: int) -> None:
    play(repairs.create(name), count, numbers)


class Promises(Repair):
    """Says that it sends again, and does not."""

    name = "promises"

    def on_lost(self, lost: Data, now: float) -> bool:
        return True


class Hot(Repair):
    """Wants to be called at once, always."""

    name = "hot"

    def next_timeout(self) -> float:
        return 0.0


class Late(Repair):
    """Asks for copies that come too late."""

    name = "late"

    def on_sent(self, sent: Data, now: float) -> None:
        self.outlet.send_copy(sent, now - 1.0)


@pytest.mark.parametrize(
    ("found", "told"), [(Promises, "asked for 0 repetitions"), (Hot, "still something due"), (Late, "too late")]
)
def test_what_does_not_keep_it_is_named(found: type[Repair], told: str) -> None:
    with pytest.raises(ContractError, match=told):
        survives_random_lives(found)
    with pytest.raises(ContractError, match=told):
        live(found, 10)


def test_a_repair_that_does_nothing_is_one() -> None:
    class Idle(Repair):
        """Does nothing."""

        name = "idle"

    for check in CHECKS[:2]:
        check(Idle)
    assert play(Idle(), 2, range(200)) == []
