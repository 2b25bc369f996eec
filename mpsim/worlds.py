"""The worlds a scenario can run in: the simulation, and what is installed under ``mpsim.worlds``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mpsim.errors import WorldError

if TYPE_CHECKING:
    from mpsim.result import Result
    from mpsim.scenario import Scenario

GROUP = "mpsim.worlds"
SIMULATION = "simulation"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a world needs of this machine."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""  # how to mend it, empty if there is nothing to mend


class World(Protocol):
    """Where scenarios run."""

    def run(self, scenario: Scenario, *, pcap: Path | None = None) -> Result:
        """Run once; captures go to the folder ``pcap``."""

    def doctor(self) -> list[Check]:
        """Say what this machine can do."""

    def clean(self) -> list[str]:
        """Remove what a killed run left, and tell what that was."""


class Simulation:
    """The simulated world."""

    def run(self, scenario: Scenario, *, pcap: Path | None = None) -> Result:
        """Run once in SimPy's time."""
        from mpsim.sim import run

        return run(scenario, pcap=pcap)

    def doctor(self) -> list[Check]:
        """Simulation needs nothing but what is installed with mpsim."""
        from importlib.metadata import version

        return [Check("simulation", ok=True, detail=f"SimPy {version('simpy')}")]

    def clean(self) -> list[str]:
        """Nothing outlives a simulation."""
        return []


def find(name: str) -> World:
    """Give a world by name. Raises WorldError if this installation has none of that name."""
    if name == SIMULATION:
        return Simulation()
    for point in entry_points(group=GROUP, name=name):
        try:
            found: World = point.load()
        except ImportError as error:
            reason = " ".join(str(error).split())
            raise WorldError(
                f"the {name} is not installed completely ({reason}): pip install 'mpsim[{name}]'"
            ) from error
        return found
    raise _unknown(name)


def package(name: str) -> Path:
    """Give the folder of the sources that an installed world is made of. Raises WorldError if there is none."""
    for point in entry_points(group=GROUP, name=name):
        found = find_spec(point.module.partition(".")[0])
        if found is not None and found.submodule_search_locations:
            return Path(found.submodule_search_locations[0])
    raise _unknown(name)


def _unknown(name: str) -> WorldError:
    return WorldError(f"no world {name!r} is installed; known: {', '.join(names())}")


def names() -> list[str]:
    """All worlds there are, the simulation first."""
    return [SIMULATION, *sorted(point.name for point in entry_points(group=GROUP))]
