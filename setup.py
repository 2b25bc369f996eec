"""Packaging is in pyproject.toml; this file only adds the compiled core, if MPSIM_COMPILE=1 asks for it.

The packet path (tunnel, network, hosts, the wiring of the simulator) is typed strictly, so mypyc turns
the very same sources into C extensions: two to three times as fast, with equal results. Schedulers,
congestion control and repairs stay interpreted, so that a user's own file can derive from them.
"""

import os
from pathlib import Path

from setuptools import setup

# mypyc's classes cannot be derived from in Python; these packages are made for that.
INTERPRETED = ("mpsim/tunnel/schedulers/", "mpsim/tunnel/congestion/", "mpsim/tunnel/repair/")
# What of a portal every packet passes; the rest is set-up.
PORTAL = (
    "association",
    "driving",
    "hub",
    "inner",
    "interface",
    "joining",
    "port",
    "portal",
    "routing",
    "segmenting",
    "sums",
    "way",
)


def sources() -> list[str]:
    """Return the files to compile."""
    found = [Path("mpsim/sim/wiring.py"), *(Path("mpsim/portal", f"{name}.py") for name in PORTAL)]
    for folder in ("tunnel", "network", "hosts"):
        found.extend(Path("mpsim", folder).rglob("*.py"))
    texts = sorted(path.as_posix() for path in found if path.name != "__init__.py")
    return [text for text in texts if not text.startswith(INTERPRETED)]


def extensions() -> list[object]:
    """Return the C extensions; none unless asked for."""
    if os.environ.get("MPSIM_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # needs mypy, which an ordinary installation does not

    options = ["--config-file", os.devnull, "--follow-imports=skip", "--ignore-missing-imports"]
    return list(mypycify([*options, *sources()], opt_level="3"))


setup(ext_modules=extensions())
