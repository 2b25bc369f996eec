"""The files a scenario is made of: reading TOML, ``extends``, and names relative to where a file lies."""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mpsim.errors import Fault, InputError
from mpsim.scenario import limits
from mpsim.scenario.faults import shown

_ALGORITHMS = ("scheduler", "congestion", "repair")
_SIDES = ("down", "up")


def read(path: Path) -> dict[str, Any]:
    """Read one TOML file, or raise InputError with its name as the key."""

    def wrong(message: str) -> InputError:
        return InputError([Fault(str(path), message)])

    try:
        with path.open("rb") as file:
            content = file.read(limits.SCENARIO_FILE_BYTES + 1)
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise wrong(f"cannot be read: {error}") from None
    if len(content) > limits.SCENARIO_FILE_BYTES:
        raise wrong(f"max {limits.SCENARIO_FILE_BYTES} bytes")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise wrong("is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise wrong(f"is not TOML: {' '.join(str(error).split())}") from None
    except (RecursionError, ValueError) as error:
        raise wrong(f"is not readable as TOML: {type(error).__name__}") from None


def with_bases(raw: Mapping[str, Any], folder: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Lay a mapping over what it extends, and that over what it extends in turn."""
    over = copy.deepcopy(dict(raw))
    base_name = over.pop("extends", None)
    if base_name is None:
        return over
    if not isinstance(base_name, str) or not base_name:
        raise InputError([Fault("extends", f"a file name is needed; given {shown(base_name)}")])
    path = (folder / base_name).resolve()
    if path in seen:
        circle = " > ".join(one.name for one in (*seen[seen.index(path) :], path))
        raise InputError([Fault("extends", f"a file that does not extend itself; given {circle}")])
    try:
        found = read(path)
    except InputError as error:
        raise InputError(Fault("extends", f"{shown(base_name)} {one.message}") for one in error.faults) from None
    base = with_bases(found, path.parent, (*seen, path))
    return merged(rebase(base, path.parent, folder), over)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge tables key by key; anything else, lists of tables too, replaces what was there."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        # A table with a name or a model is one value: parameters of one algorithm mean nothing to another.
        if isinstance(below, Mapping) and isinstance(value, Mapping) and not {"name", "model"} & value.keys():
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def rebase(raw: Mapping[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """Rewrite the relative file names of a scenario so that they mean the same from another folder."""
    if old.resolve() == new.resolve():
        return copy.deepcopy(dict(raw))

    def move(text: str) -> str:
        return text if Path(text).is_absolute() else os.path.relpath(old.resolve() / text, new.resolve())

    data = copy.deepcopy(dict(raw))
    _visit(data, move)
    return data


def _visit(data: dict[str, Any], change: Callable[[str], str]) -> None:
    """Change every file name in a scenario's data, in place."""
    for table in (data.get("tunnel"), data.get("mptcp"), *_tables(data, "flow")):
        _change(table, _ALGORITHMS, lambda spec: _moved_spec(spec, change))
    for flow in _tables(data, "flow"):
        _change(flow, ("file",), change)
    for link in _tables(data, "link"):
        _change(link.get("trace"), _SIDES, change)
    _visit_sweep(data.get("sweep"), "", change)


def _visit_sweep(table: Any, place: str, change: Callable[[str], str]) -> None:
    """Change the file names among the values of a sweep, whose keys may be dotted or tables in tables."""
    if not isinstance(table, dict):
        return
    for key, values in table.items():
        whole = f"{place}{key}"
        if isinstance(values, list):
            table[key] = [_moved_value(whole.split("."), value, change) for value in values]
        else:
            _visit_sweep(values, f"{whole}.", change)


def _moved_value(steps: list[str], value: Any, change: Callable[[str], str]) -> Any:
    steps = [step.partition("[")[0] for step in steps]
    if steps[-1] in _ALGORITHMS or (steps[-1] == "name" and steps[-2:-1] and steps[-2] in _ALGORITHMS):
        return _moved_spec(value, change)
    if steps[-1] == "trace":
        _change(value, _SIDES, change)
    elif isinstance(value, str) and (steps[-1] == "file" or (steps[-1] in _SIDES and steps[-2:-1] == ["trace"])):
        return change(value)
    return value


def _tables(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = data.get(key)
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


def _change(table: Any, keys: Sequence[str], change: Callable[[Any], Any]) -> None:
    for key in keys:
        if isinstance(table, dict) and isinstance(table.get(key), str | dict | list):
            table[key] = change(table[key])


def _moved_spec(spec: Any, move: Callable[[str], str]) -> Any:
    if isinstance(spec, list):
        return [_moved_spec(one, move) for one in spec]
    if isinstance(spec, dict):
        return {**spec, "name": _moved_spec(spec.get("name"), move)} if "name" in spec else spec
    return move(spec) if isinstance(spec, str) and ".py:" in spec else spec


def named_files(data: Mapping[str, Any]) -> list[str]:
    """Give the names of all files that a scenario's data mentions, without a class or function after them."""
    names: list[str] = []

    def note(text: str) -> str:
        file, _, _ = text.partition(".py:")
        names.append(f"{file}.py" if ".py:" in text else text)
        return text

    _visit(copy.deepcopy(dict(data)), note)
    return list(dict.fromkeys(names))
