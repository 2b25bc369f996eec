"""Scenarios in a line, for tests that run the simulated world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mpsim.result import Result
from mpsim.scenario import Scenario, parse
from mpsim.sim import run

Table = dict[str, Any]


def link(rate: str, delay: str = "10ms", name: str = "a", **more: Any) -> Table:
    """One access link."""
    return {"name": name, "rate": rate, "delay": delay, **more}


def links(*rates: str, delay: str = "10ms") -> list[Table]:
    """Links called a, b, c ... of the same delay."""
    return [link(rate, delay, name) for rate, name in zip(rates, "abcdefgh", strict=False)]


def tcp(congestion: str | Mapping[str, Any] = "cubic", **more: Any) -> Table:
    return {"name": "tcp", "kind": "tcp", "congestion": congestion, **more}


def udp(rate: str, **more: Any) -> Table:
    return {"name": "udp", "kind": "udp", "rate": rate, "packet_size": 1200, **more}


def build(
    wires: Sequence[Table],
    *flows: Table,
    tunnel: Mapping[str, Any] | None = None,
    warmup: str = "5s",
    duration: str = "10s",
    seed: int = 1,
    events: Sequence[Table] = (),
) -> Scenario:
    """Make a scenario; without `tunnel` traffic goes over the first link."""
    table: Table = {
        "schema": 1,
        "name": "test",
        "warmup": warmup,
        "duration": duration,
        "seed": seed,
        "link": list(wires),
        "flow": list(flows),
        "event": list(events),
    }
    if tunnel is not None:
        table["tunnel"] = dict(tunnel)
    return parse(table)


def simulate(wires: Sequence[Table], *flows: Table, **more: Any) -> Result:
    """Make a scenario and run it."""
    return run(build(wires, *flows, **more))
