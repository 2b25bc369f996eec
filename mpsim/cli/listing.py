"""``mpsim list``: what there is, a line each, parameters below with their unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points

from mpsim.errors import Fault, InputError
from mpsim.registry import Registry, unknown

EXPERIMENTS = "mpsim.experiments"
EVALUATIONS = "mpsim.evaluations"


def show(what: str) -> int:
    """Print one of the lists."""
    if what not in LISTS:
        raise InputError([Fault("list", unknown("list", what, LISTS))])
    rows = list(LISTS[what]())
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, summary, below in rows:
        print(f"{name:<{width}}  {summary}".rstrip())
        for line in below:
            print(f"{'':<{width}}    {line}")
    return 0


Row = tuple[str, str, list[str]]


def _algorithms(registry: Registry[object]) -> Iterable[Row]:
    for name in registry.names():
        try:
            told = registry.describe(name)
        except (ValueError, ImportError) as error:
            yield name, f"(does not load: {' '.join(str(error).split())})", []
            continue
        parameters = [f"{one.name} = {one.default!r}: {one.doc}".rstrip(": ") for one in told.parameters]
        yield name, told.summary, parameters


def _schedulers() -> Iterable[Row]:
    from mpsim.tunnel.schedulers import schedulers

    return _algorithms(schedulers)  # type: ignore[arg-type]  # only read from


def _congestion() -> Iterable[Row]:
    from mpsim.tunnel.congestion import controllers

    return _algorithms(controllers)  # type: ignore[arg-type]  # only read from


def _repairs() -> Iterable[Row]:
    from mpsim.tunnel.repair import repairs

    return _algorithms(repairs)  # type: ignore[arg-type]  # only read from


def _systems() -> Iterable[Row]:
    from mpsim.systems import SYSTEMS

    return ((name, system.imitates, []) for name, system in SYSTEMS.items())


def _experiments() -> Iterable[Row]:
    for point in sorted(entry_points(group=EXPERIMENTS), key=lambda one: one.name):
        try:
            found = point.load()
        except (ImportError, AttributeError) as error:
            yield point.name, f"(does not load: {' '.join(str(error).split())})", []
            continue
        yield point.name, str(getattr(found, "title", "") or (found.__doc__ or "").strip().partition("\n")[0]), []


def _criteria() -> Iterable[Row]:
    for point in entry_points(group=EVALUATIONS):
        for number, name, question in point.load().criteria():
            yield name, f"{number}. {question}", []


LISTS: dict[str, Callable[[], Iterable[Row]]] = {
    "schedulers": _schedulers,
    "congestion": _congestion,
    "repairs": _repairs,
    "systems": _systems,
    "experiments": _experiments,
    "criteria": _criteria,
}
