"""From a file, or a mapping like it, to a Scenario; every fault is found before any is reported."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mpsim.errors import Fault, InputError
from mpsim.network.rate import TraceRate
from mpsim.network.traces import read_mahimahi
from mpsim.registry import unknown
from mpsim.scenario import files, limits
from mpsim.scenario.cross import cross_faults, largest_payload, tables
from mpsim.scenario.faults import faults_of, shown
from mpsim.scenario.model import TABLES, LinkSpec, Mptcp, Scenario
from mpsim.scenario.overrides import apply, put
from mpsim.systems import (
    BEST_LINK,
    DEFAULT_TUNNEL,
    INGRESS_QUEUE,
    SYSTEMS,
    TRANSPORT_TUNNEL,
    WITHOUT_TUNNEL,
)

UDP_PAYLOAD_BYTES = 1200
_FLOW_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "tcp": {"congestion": "cubic"},
    "udp": {"arrivals": "constant"},
    "ping": {"interval": "200ms", "size": 56},
    "echo": {"interval": "100ms", "congestion": "cubic"},
    "voip": {"playout": "60ms", "hangup": "5s", "concealment": True},
}


def load(path: Path | str, overrides: Sequence[str] = (), seed: int | None = None) -> Scenario:
    """Read a scenario file; ``overrides`` are ``KEY=VALUE`` texts laid over it. Raises InputError."""
    path = Path(path)
    raw = files.with_bases(files.read(path), path.parent, (path.resolve(),))
    return parse(raw, path.parent, overrides, seed)


def parse(
    mapping: Mapping[str, Any], folder: Path | str = ".", overrides: Sequence[str] = (), seed: int | None = None
) -> Scenario:
    """Make a Scenario of a mapping shaped like the file; relative names start at ``folder``. Raises InputError."""
    folder = Path(folder)
    raw = files.with_bases(mapping, folder)
    faults = [fault for text in overrides for fault in apply(raw, text)]
    if seed is not None:
        raw["seed"] = seed
    return _validated(raw, folder, faults)


def expand(scenario: Scenario, raw: dict[str, Any]) -> list[Scenario]:
    """Give every point of a scenario's sweep; one without a sweep is its own only point."""
    grid = scenario.sweep
    if not grid:
        return [scenario]
    points = math.prod(len(values) for values in grid.values())
    if points > limits.SWEEP_RUNS[1]:
        raise InputError([Fault("sweep", f"max {limits.SWEEP_RUNS[1]} points; given {points}")])
    raw = {**raw, "seed": scenario.seed}
    raw.pop("sweep", None)
    found: list[Scenario] = []
    faults: dict[Fault, None] = {}
    for values in itertools.product(*grid.values()):
        try:
            found.append(_at_point(raw, dict(zip(grid, values, strict=True)), scenario.folder))
        except InputError as error:
            faults |= dict.fromkeys(error.faults)
    if faults:
        raise InputError(faults)
    return found


def _at_point(raw: Mapping[str, Any], values: Mapping[str, Any], folder: Path) -> Scenario:
    point = copy.deepcopy(dict(raw))
    faults = [fault for key, value in values.items() for fault in put(point, key, copy.deepcopy(value))]
    return _validated(point, folder, faults)


def _validated(raw: dict[str, Any], folder: Path, faults: list[Fault]) -> Scenario:
    original = copy.deepcopy(raw)
    faults += _own_keys(raw)
    faults += _fill(raw)
    try:
        scenario = Scenario.model_validate(raw, context={"folder": folder})
    except ValidationError as error:
        scenario = None
        faults += faults_of(error, TABLES)
    faults += cross_faults(raw, folder)
    if scenario is None or faults:
        raise InputError(dict.fromkeys(faults))
    scenario = scenario.model_copy(update={"folder": folder})
    scenario = scenario.model_copy(update=_without_tunnel(scenario))
    scenario._raw = original
    return scenario


def _without_tunnel(scenario: Scenario) -> dict[str, Any]:
    system = scenario.tunnel.system if scenario.tunnel is not None else None
    if system not in WITHOUT_TUNNEL:
        return {}
    if system == BEST_LINK:
        # What runs without a tunnel takes the first one.
        links = sorted(scenario.link, key=lambda link: -_capacity(scenario, link))
        return {"tunnel": None, "link": tuple(links)}
    return {"tunnel": None}


def _capacity(scenario: Scenario, link: LinkSpec) -> float:
    """Return a link's mean capacity in the first flow's direction, bit/s."""
    direction = scenario.flow[0].direction
    trace = link.trace.of(direction) if link.trace is not None else None
    if link.trace is not None and trace is not None:
        seconds = scenario.warmup + scenario.duration
        return TraceRate(read_mahimahi(trace), link.trace.offset).capacity_bits(0.0, seconds) / seconds
    return link.rate.of(direction) if link.rate is not None else 0.0


def _own_keys(raw: dict[str, Any]) -> list[Fault]:
    """Refuse what the model has but a file may not, and flatten a sweep written with bare dotted keys."""
    faults = [Fault(key, "unknown key") for key in ("folder", "schema_") if raw.pop(key, None) is not None]
    sweep = raw.get("sweep")
    if isinstance(sweep, Mapping):
        raw["sweep"] = flat = _flat(sweep)
        faults += [
            Fault(f"sweep.{key}", f"a list of at least one value is needed; given {shown(values)}")
            for key, values in flat.items()
            if isinstance(values, list) and not values
        ]
    return faults


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _fill(raw: dict[str, Any]) -> list[Fault]:
    """Write the defaults into the mapping that depend on other keys: the system's parts, the flow's kind."""
    for _, event in tables(raw, "event"):
        if event.get("up") is False and isinstance(event, dict):
            event.setdefault("how", "silent")
    numbers: dict[str, int] = {}
    for _, flow in tables(raw, "flow"):
        kind = flow.get("kind")
        if isinstance(kind, str) and isinstance(flow, dict):
            numbers[kind] = numbers.get(kind, 0) + 1
            _fill_flow(flow, kind, numbers[kind], raw)
    return _fill_tunnel(raw)


def _fill_tunnel(raw: dict[str, Any]) -> list[Fault]:
    tunnel = raw.get("tunnel")
    if not isinstance(tunnel, Mapping):
        return []
    system = tunnel.get("system")
    known = SYSTEMS.get(system) if isinstance(system, str) else None
    if known is not None and known.mptcp is not None:
        return _fill_mptcp(raw, tunnel, known.mptcp)
    parts = files.merged(known.tunnel if known else {}, tunnel)
    transport = parts.get("transport")
    ours = TRANSPORT_TUNNEL.get(transport, {}) if isinstance(transport, str) else {}
    raw["tunnel"] = filled = files.merged(files.merged(DEFAULT_TUNNEL, ours), parts)
    queue = filled.get("queue")
    kind = queue.get("kind") if isinstance(queue, Mapping) else None
    if isinstance(queue, Mapping) and isinstance(kind, str):
        filled["queue"] = {**INGRESS_QUEUE.get(kind, {}), **queue}
    if system is None or known is not None:
        return []
    raw["tunnel"].pop("system")
    return [Fault("tunnel.system", unknown("system", str(system), SYSTEMS))]


def _fill_mptcp(raw: dict[str, Any], tunnel: Mapping[str, Any], parts: Mapping[str, Any]) -> list[Fault]:
    """Turn a [tunnel] table that asks for Multipath TCP into the table that says what it is made of."""
    own = {key: value for key, value in tunnel.items() if key != "system"}
    known = Mptcp.model_fields
    faults = [
        Fault(f"tunnel.{key}", f"not of the system {tunnel['system']}, only {', '.join(known)}; given {shown(value)}")
        for key, value in own.items()
        if key not in known
    ]
    del raw["tunnel"]
    raw["mptcp"] = {**parts, **raw.get("mptcp", {}), **{key: value for key, value in own.items() if key in known}}
    return faults


def _fill_flow(flow: dict[str, Any], kind: str, number: int, raw: Mapping[str, Any]) -> None:
    flow.setdefault("name", f"{kind}{number}")
    if kind == "udp":
        flow.setdefault("packet_size", min(UDP_PAYLOAD_BYTES, largest_payload(flow, raw)))
    for key, value in _FLOW_DEFAULTS.get(kind, {}).items():
        flow.setdefault(key, value)
