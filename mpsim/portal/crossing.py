"""What no key of a portal's configuration can know alone: names that occur twice, ports that two want, who listens.

Works on the mapping as the file has it, so that every fault is told in one go; a value that is wrong in itself has
been told already and is passed over here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from mpsim.errors import Fault
from mpsim.scenario.cross import tables
from mpsim.scenario.faults import shown

Raw = Mapping[str, Any]


def cross_faults(raw: Raw) -> list[Fault]:
    """Find every fault that concerns more than one key."""
    portals = list(tables(raw, "portal"))
    return [
        *_repeated((f"{key}.name", portal.get("name")) for key, portal in portals),
        *(fault for key, portal in portals for fault in _paths(key, portal)),
        *_repeated(
            (f"{key}.routes[{number}]", _prefix(route))
            for key, portal in portals
            for number, route in enumerate(_list(portal.get("routes")))
        ),
        *_shared_ports(raw),
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _prefix(text: Any) -> Any:
    try:
        return str(ipaddress.ip_network(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def _repeated(found: Iterator[tuple[str, Any]]) -> Iterator[Fault]:
    first: dict[Any, str] = {}
    for key, value in found:
        if not isinstance(value, str):
            continue
        if value in first:
            yield Fault(key, f"one that is not {first[value]}'s; given {shown(value)}")
        first.setdefault(value, key)


def _paths(key: str, portal: Raw) -> Iterator[Fault]:
    paths = list(tables(portal, "path"))
    yield from _repeated((f"{key}.{path_key}.name", path.get("name")) for path_key, path in paths)
    for path_key, path in paths:
        if "remote" not in path and "local_port" not in path:
            yield Fault(f"{key}.{path_key}.local_port", "is missing: without remote this path listens")


def _shared_ports(raw: Raw) -> Iterator[Fault]:
    """In mode "none" nothing tells portals apart but the port that they come to."""
    host = raw.get("host")
    if not isinstance(host, Mapping) or host.get("mode", "aead") != "none":
        return
    first: dict[tuple[Any, ...], tuple[str, str]] = {}
    for key, portal in tables(raw, "portal"):
        for path_key, path in tables(portal, "path"):
            port = path.get("local_port")
            if not isinstance(port, int):
                continue
            place = (str(path.get("interface")), str(path.get("local_address")), port)
            other, other_key = first.setdefault(place, (key, f"{key}.{path_key}"))
            if other != key:
                told = f'a port of its own in mode "none"; given {port}, which is {other_key}\'s'
                yield Fault(f"{key}.{path_key}.local_port", told)
