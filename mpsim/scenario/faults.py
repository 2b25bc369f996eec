"""From what pydantic found to one line a fault: the key as written in the file, what is allowed, what was given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mpsim.errors import Fault
from mpsim.registry import unknown
from mpsim.scenario import limits

LONGEST_SHOWN = 60  # characters of a given value

_PLAIN = {
    "missing": "is missing",
    "model_type": "a table is needed",
    "dict_type": "a table is needed",
    "tuple_type": "a list of tables ([[...]]) is needed",
    "list_type": "a list is needed",
    "string_type": "a text is needed",
}


class KeyFaults(ValueError):  # noqa: N818  # several faults, as InputError holds them
    """Several faults of one value, each under a key inside it ("" is the value itself)."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(message for _, message in faults))


def shown(value: Any) -> str:
    """Write a given value as the file would, short and on one line."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def key_of(location: Iterable[str | int]) -> str:
    """Write a location as users do: ``link[1].rate``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def faults_of(error: ValidationError, models: Mapping[str, type[BaseModel]]) -> list[Fault]:
    """Translate every fault pydantic found; ``models`` gives the known keys of each table."""
    details = error.errors()
    inside = {detail["loc"][0] for detail in details if len(detail["loc"]) > 1}
    # Pydantic counts only the entries that are right: a list whose only entry is wrong is not too short.
    told = [detail for detail in details if detail["type"] != "too_short" or detail["loc"][0] not in inside]
    return [fault for detail in told for fault in _translate(detail, models)]


def _translate(detail: Any, models: Mapping[str, type[BaseModel]]) -> list[Fault]:
    key, kind, given = key_of(detail["loc"]), detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return [Fault(key, _unknown_key(detail["loc"], models))]
    if kind in ("too_short", "too_long"):
        return [Fault(key, _wrong_count(detail))]
    raised = detail.get("ctx", {}).get("error")
    if isinstance(raised, KeyFaults):
        return [Fault(_below(key, inner), message) for inner, message in raised.faults]
    if raised is not None:
        return [Fault(key, str(raised))]
    message = _PLAIN.get(kind) or detail["msg"]
    return [Fault(key, message if kind == "missing" else f"{message}; given {shown(given)}")]


def _below(key: str, inner: str) -> str:
    return f"{key}.{inner}" if key and inner else key or inner


def _wrong_count(detail: Any) -> str:
    context = detail["ctx"]
    if detail["type"] == "too_short":
        return f"min {context['min_length']} entry; given {context['actual_length']}"
    return f"max {context['max_length']} entries; given {context['actual_length']}"


def _unknown_key(location: Sequence[str | int], models: Mapping[str, type[BaseModel]]) -> str:
    table = ".".join(str(part) for part in location[:-1] if isinstance(part, str))
    key = str(location[-1])
    known = [field.alias or name for name, field in models[table].model_fields.items() if not field.exclude]
    if key in limits.LATER_KEYS.get(table, ()):
        return f"not in this version; known: {', '.join(known)}"
    return unknown("key", key, known)
