"""Single values laid over a scenario: ``--set link[0].delay=40ms``, and the grid points of a sweep."""

from __future__ import annotations

import itertools
import re
import tomllib
from typing import Any

from mpsim.errors import Fault
from mpsim.scenario.faults import shown

_PART = re.compile(r"([A-Za-z_][\w-]*)((?:\[\d{1,6}\])*)", re.ASCII)
# Keys whose single value stands for a table: setting one side or parameter keeps the rest.
_SIDED = ("rate", "delay", "queue", "loss")
_NAMED = ("scheduler", "congestion")
_SIDES = ("down", "up")


class BadKeyError(ValueError):
    """A dotted key that leads nowhere."""


def apply(raw: dict[str, Any], text: str) -> list[Fault]:
    """Lay ``KEY=VALUE`` over a scenario's mapping."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        return [Fault("--set", f"KEY=VALUE is needed, as in tunnel.scheduler=ecf; given {shown(text)}")]
    return put(raw, key, literal(value.strip()))


def put(raw: dict[str, Any], key: str, value: Any) -> list[Fault]:
    """Set one dotted key; tables on the way are made where they are missing."""
    try:
        steps = steps_of(key)
        _put(raw, steps, value)
    except BadKeyError as error:
        return [Fault(key, str(error))]
    return []


def literal(text: str) -> Any:
    """Read a value as TOML writes it; what is no TOML value is a text as it stands."""
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = found.get("value")
    plain = found.keys() == {"value"} and isinstance(value, (str, bool, int, float, list, dict))
    return value if plain else text


def steps_of(key: str) -> list[str | int]:
    """Take ``link[0].delay`` apart."""
    steps: list[str | int] = []
    for part in key.split("."):
        found = _PART.fullmatch(part)
        if found is None:
            raise BadKeyError("a dotted key is needed, such as link[0].delay")
        steps += [found[1], *(int(index) for index in re.findall(r"\d+", found[2]))]
    return steps


def _put(raw: dict[str, Any], steps: list[str | int], value: Any) -> None:
    here: Any = raw
    for step, following in itertools.pairwise(steps):
        _check(here, step)
        if isinstance(here, dict) and step not in here:
            if isinstance(following, int):
                raise BadKeyError(f'no list "{step}" in the scenario')
            here[step] = {}
        below = here[step]
        if not isinstance(below, dict | list):
            here[step] = _opened(str(step), below, following)
        here = here[step]
    _check(here, steps[-1])
    here[steps[-1]] = value


def _check(here: Any, step: str | int) -> None:
    if isinstance(step, int) != isinstance(here, list):
        needed = "an index such as [0] is needed" if isinstance(here, list) else "not a list"
        raise BadKeyError(f"{needed} at {shown(step)}")
    if isinstance(step, int) and step >= len(here):
        raise BadKeyError(f"max index [{len(here) - 1}]; given [{step}]" if here else "the list is empty")


def _opened(step: str, value: Any, following: str | int) -> dict[str, Any]:
    if step in _SIDED and following in _SIDES:
        return dict.fromkeys(_SIDES, value)
    if step in _NAMED and isinstance(following, str):
        return {"name": value}
    raise BadKeyError(f'"{step}" is a single value, not a table')
