"""Writes a scenario's plain data as TOML: one key a line, tables in the order of the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TABLES = ("tunnel", "topology", "sweep")
_LISTS = ("link", "flow", "event")


def write(data: Mapping[str, Any]) -> str:
    """Write the data of ``Scenario.as_dict``; what it writes loads back to the same scenario."""
    blocks = [_lines({key: value for key, value in data.items() if key not in (*_TABLES, *_LISTS)})]
    for key, value in data.items():
        if key in _TABLES:
            blocks.append([f"[{key}]", *_lines(value)])
        elif key in _LISTS:
            blocks += [[f"[[{key}]]", *_lines(table)] for table in value]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    # JSON's escapes are a subset of TOML's, but for DEL, which TOML wants escaped and JSON does not.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _enclosed("{ ", (f"{_key(key)} = {_value(item)}" for key, item in value.items()), " }")
    if isinstance(value, list | tuple):
        return _enclosed("[", map(_value, value), "]")
    if isinstance(value, str):
        return _text(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _enclosed(opening: str, items: Iterable[str], closing: str) -> str:
    return f"{opening}{', '.join(items)}{closing}"
