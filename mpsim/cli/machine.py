"""``mpsim doctor`` and ``mpsim clean``: this machine, and what was left on it."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from mpsim.errors import WorldError
from mpsim.worlds import SIMULATION, Check, World, find, names


def examine() -> int:
    """Print every check of every world; a gap is told with its remedy and is no error."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "check", "found", "remedy")
    for check in _checks():
        # As text: a remedy such as mpsim[emulation] is not markup.
        table.add_row("ok" if check.ok else "--", *map(Text, (check.name, check.detail, check.remedy)))
    Console().print(table)
    return 0


def clean_up() -> int:
    """Print what was removed, a line each."""
    removed = [line for world in _installed() for line in world.clean()]
    for line in removed or ["nothing to remove"]:
        print(line)
    return 0


def _checks() -> Iterator[Check]:
    yield Check("Python", ok=True, detail=f"{platform.python_version()} on {platform.system()} {platform.release()}")
    for name in names():
        try:
            yield from find(name).doctor()
        except WorldError as error:
            yield Check(name, ok=False, detail=str(error))


def _installed() -> Iterator[World]:
    for name in names():
        if name != SIMULATION:
            yield find(name)
