"""Check one algorithm: python -m mpsim.contract mine.py:Mine (or a registered name)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial

from mpsim.contract import ContractError, checks_of, live
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.repair import repairs
from mpsim.tunnel.schedulers import schedulers

KEPT, BROKEN, WRONG_INPUT = 0, 1, 2
LIVES = 10_000


def find(spec: str) -> type:
    """Return the class a spec names, of either kind. Raises ValueError."""
    refusals: dict[str, None] = {}
    for registry in (schedulers, controllers, repairs):
        try:
            return registry.find(spec)
        except ValueError as error:
            refusals[str(error)] = None
    raise ValueError("\n".join(refusals))


def main(arguments: list[str]) -> int:
    """Run every check, a line each; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mpsim.contract", description="Check one algorithm.")
    parser.add_argument("spec", metavar="FILE.py:CLASS", help="or a registered name")
    parser.add_argument("--lives", type=int, default=LIVES, help="random lives to lead it through (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        found = find(options.spec)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_INPUT
    checks: list[tuple[str, Callable[[type], None]]] = [
        (check.__name__.replace("_", " "), check) for check in checks_of(found)
    ]
    checks.append((f"survives {options.lives} random lives", partial(live, lives=options.lives)))
    status = KEPT
    for name, check in checks:
        said = "kept"
        try:
            check(found)
        except ContractError as broken:
            said, status = f"BROKEN: {broken}", BROKEN
        except Exception as error:  # noqa: BLE001  # the code under test may raise anything
            said, status = f"BROKEN: {type(error).__name__}: {error}", BROKEN
        sys.stdout.write(f"{name}: {said}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
