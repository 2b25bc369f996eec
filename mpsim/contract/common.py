"""What every kind of algorithm must keep: documentation, repr, pickling."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from mpsim.registry import may_be_zero, parameter_docs, parameters_of

# What a parameter's line ends with, before a source in brackets.
UNITS = re.compile(
    r"\b(s|seconds|bytes|packets|count|ratio|probability|percent|index|round trips|rounds|1/s|bit/s|Mbit/s|"
    r"bytes/s|packets/s|packets/s\^3)\s*(\([^()]*\))?$"
)


class ContractError(AssertionError):
    """A contract that is not kept, in one sentence."""


def demand(kept: bool, sentence: str) -> None:
    """Raise ContractError with `sentence` unless the contract is kept."""
    if not kept:
        raise ContractError(sentence)


def variants(found: type) -> list[dict[str, Any]]:
    """Return parameters to create the class with: none, each one changed a little, and 0 where that is allowed."""
    changed: list[dict[str, Any]] = [{}]
    for name, default in parameters_of(found).items():
        if isinstance(default, bool):
            changed.append({name: not default})
        elif isinstance(default, int):
            changed.append({name: default + 1})
        elif isinstance(default, float):
            changed.append({name: default * 0.9})
    return changed + [given for given in _zeros(found) if given not in changed]


def _zeros(found: type) -> list[dict[str, Any]]:
    zeros: list[dict[str, Any]] = []
    for name, default in parameters_of(found).items():
        if isinstance(default, bool) or not isinstance(default, int | float) or not may_be_zero(found, name):
            continue
        with suppress(ValueError):  # the class refuses it itself
            found(**{name: type(default)()})
            zeros.append({name: type(default)()})
    return zeros


def is_documented(found: type) -> None:
    """A name, a summary, and a line with its unit for each parameter."""
    name = getattr(found, "name", None)
    demand(isinstance(name, str) and bool(name), f"{found.__name__} has no `name`")
    demand(bool((found.__doc__ or "").strip()), f"{found.__name__} has no docstring")
    lines = parameter_docs(found)
    for parameter, default in parameters_of(found).items():
        demand(parameter in lines, f'parameter {parameter} has no line below "Parameters" in the docstring')
        number = isinstance(default, int | float) and not isinstance(default, bool)
        demand(not number or bool(UNITS.search(lines[parameter])), f"parameter {parameter}: its line names no unit")


def keeps_its_parameters(found: type) -> None:
    """Every parameter is stored under its own name, and a repr that can be evaluated recreates the object."""
    for given in variants(found):
        made = found(**given)
        for name, value in {**parameters_of(found), **given}.items():
            demand(getattr(made, name, None) == value, f"parameter {name} is not kept as attribute `{name}`")
        again = eval(repr(made), {found.__name__: found})  # noqa: S307  # the class under test wrote it
        demand(repr(again) == repr(made), f"repr does not recreate the object: {made!r} became {again!r}")


def is_picklable(found: type) -> None:
    """Runs are sent to worker processes, so a fresh object survives pickling with its parameters."""
    for given in variants(found):
        made = found(**given)
        again = pickle.loads(pickle.dumps(made))  # noqa: S301  # our own bytes
        demand(repr(again) == repr(made), f"pickling changes {made!r} to {again!r}")


CHECKS: Sequence[Callable[[type], None]] = (is_documented, keeps_its_parameters, is_picklable)
