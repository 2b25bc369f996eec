"""Which class makes which kind of flow."""

from __future__ import annotations

from collections.abc import Callable

from mpsim.scenario import FlowSpec, Scenario
from mpsim.sim.asking import EchoFlow, PingFlow
from mpsim.sim.calls import CallFlow
from mpsim.sim.flows import Flow, ReplayFlow, TcpFlow, UdpFlow

KINDS: dict[str, Callable[[Scenario, FlowSpec, int], Flow]] = {
    "tcp": TcpFlow,
    "udp": UdpFlow,
    "ping": PingFlow,
    "echo": EchoFlow,
    "voip": CallFlow,
    "pcap": ReplayFlow,
    "scapy": ReplayFlow,
}


def build_flow(scenario: Scenario, spec: FlowSpec, key: int) -> Flow:
    """Return the agents of a flow; `key` and `key` + 1 are the flow keys of its two directions."""
    return KINDS[spec.kind](scenario, spec, key)
