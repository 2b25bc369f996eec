"""Scenarios that tests of the real world share, and the plan of a flow of theirs."""

from __future__ import annotations

from typing import Any

from simulating import build, links

from emulation.traffic import Plan, plan
from mpsim.scenario import Scenario, parse


def planned(kind: str, *, duration: str = "2s", **flow: Any) -> Plan:
    """The plan of one flow over one link; it is measured from 1 s on."""
    return plan(build(links("8Mbit"), {"kind": kind, **flow}, warmup="1s", duration=duration))[0]


def multipath_tcp(**more: Any) -> Scenario:
    """One flow of Multipath TCP over two equal links; `more` are tables and keys that replace these."""
    table = {
        "schema": 1,
        "name": "joined",
        "warmup": "1s",
        "duration": "2s",
        "tunnel": {"system": "mptcp"},
        "link": links("8Mbit", "8Mbit"),
        "flow": [{"kind": "tcp"}],
    }
    return parse({**table, **more})
