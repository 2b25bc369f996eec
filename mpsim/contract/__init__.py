"""What every scheduler, congestion control and repair must keep, as checks that anyone can run on their own.

    python -m mpsim.contract mine.py:Mine        # and ten thousand random lives of it; --lives 1000: fewer

    from mpsim.contract import checks_of          # in a test file of one's own

    @pytest.mark.parametrize("check", checks_of(Mine), ids=lambda check: check.__name__)
    def test_contract(check):
        check(Mine)

A check takes the class and raises `ContractError` with one sentence where the contract is not kept. Our own
tests run the same checks over everything that is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpsim.contract import congestion, repairing, scheduling
from mpsim.contract.common import ContractError
from mpsim.tunnel.congestion import CongestionController
from mpsim.tunnel.repair import Repair
from mpsim.tunnel.schedulers import Scheduler

__all__ = ["ContractError", "checks_of", "live"]


def checks_of(found: type) -> Sequence[Callable[[type], None]]:
    """Return the checks for a class; raises TypeError if it is no kind that has a contract."""
    if issubclass(found, Scheduler):
        return scheduling.CHECKS
    if issubclass(found, CongestionController):
        return congestion.CHECKS
    if issubclass(found, Repair):
        return repairing.CHECKS
    raise TypeError(f"{found.__name__} is neither a scheduler nor a congestion control nor a repair")


def live(found: type, lives: int) -> None:
    """Lead objects of a class through so many random lives; raises ContractError, or TypeError as `checks_of`."""
    if issubclass(found, Scheduler):
        scheduling.live(found, lives)
    elif issubclass(found, CongestionController):
        congestion.live(found, lives)
    elif issubclass(found, Repair):
        repairing.live(found, lives)
    else:
        raise TypeError(f"{found.__name__} is neither a scheduler nor a congestion control nor a repair")
