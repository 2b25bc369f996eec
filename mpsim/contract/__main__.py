"""Check one algorithm: python -m mpsim.contract mine.py:Mine (or a registered name)."""

from __future__ import annotations

import sys

from mpsim.contract import ContractError, checks_of
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.schedulers import schedulers

KEPT, BROKEN, WRONG_INPUT = 0, 1, 2


def find(spec: str) -> type:
    """Return the class a spec names, of either kind. Raises ValueError."""
    refusals: dict[str, None] = {}
    for registry in (schedulers, controllers):
        try:
            return registry.find(spec)
        except ValueError as error:
            refusals[str(error)] = None
    raise ValueError("\n".join(refusals))


def main(arguments: list[str]) -> int:
    """Run every check, a line each; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m mpsim.contract FILE.py:CLASS\n")
        return WRONG_INPUT
    try:
        found = find(arguments[0])
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_INPUT
    status = KEPT
    for check in checks_of(found):
        said = "kept"
        try:
            check(found)
        except ContractError as broken:
            said, status = f"BROKEN: {broken}", BROKEN
        except Exception as error:  # noqa: BLE001  # the code under test may raise anything
            said, status = f"BROKEN: {type(error).__name__}: {error}", BROKEN
        sys.stdout.write(f"{check.__name__.replace('_', ' ')}: {said}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
