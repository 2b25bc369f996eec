"""The scenario file: what to run, validated. ``model.py`` shows every key, ``read.py`` the way from text to model."""

from mpsim.scenario.fields import Both
from mpsim.scenario.linkfields import Trace
from mpsim.scenario.model import EventSpec, FlowSpec, IngressQueue, LinkSpec, Reorder, Scenario, Topology, Tunnel
from mpsim.scenario.read import load, parse

__all__ = [
    "Both",
    "EventSpec",
    "FlowSpec",
    "IngressQueue",
    "LinkSpec",
    "Reorder",
    "Scenario",
    "Topology",
    "Trace",
    "Tunnel",
    "load",
    "parse",
]
