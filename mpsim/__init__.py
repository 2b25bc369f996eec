"""mpsim: one multipath layer-3 tunnel, run in a simulated and in an emulated network.

The same from Python as on the command line: ``mpsim.run(mpsim.load("two-equal.toml"))`` gives a Result. Everything
heavy is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpsim.errors import InputError, MpsimError, WorldError

if TYPE_CHECKING:
    from mpsim.result import Result
    from mpsim.scenario import Scenario

__all__ = ["InputError", "MpsimError", "Result", "Scenario", "WorldError", "emulate", "load", "run"]

_ELSEWHERE = {"Result": "mpsim.result", "Scenario": "mpsim.scenario"}


def load(path: Path | str, overrides: Sequence[str] = (), seed: int | None = None) -> Scenario:
    """Read a scenario file; ``overrides`` are texts such as ``"link[0].delay=40ms"``. Raises InputError."""
    from mpsim.scenario import load as read

    return read(path, overrides, seed)


def run(scenario: Scenario | Path | str, *, seed: int | None = None, pcap: Path | None = None) -> Result:
    """Run a scenario, or the file of one, in simulation; ``pcap`` is a folder for captures."""
    return _run_in("simulation", scenario, seed, pcap)


def emulate(scenario: Scenario | Path | str, *, seed: int | None = None, pcap: Path | None = None) -> Result:
    """Run a scenario, or the file of one, on real interfaces (root). Raises WorldError where that cannot be."""
    return _run_in("emulation", scenario, seed, pcap)


def _run_in(world: str, scenario: Scenario | Path | str, seed: int | None, pcap: Path | None) -> Result:
    from mpsim.worlds import find

    if isinstance(scenario, Path | str):
        scenario = load(scenario)
    if seed is not None:
        scenario = scenario.model_copy(update={"seed": seed})
    return find(world).run(scenario, pcap=pcap)


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        from importlib import import_module

        return getattr(import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module 'mpsim' has no attribute {name!r}")
