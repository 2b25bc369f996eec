"""What captures of a simulation are made with."""

from __future__ import annotations

from mpsim.build import DATA_SEQUENCE_SIGNAL, OUTER_MTU, inner_mtu, is_multipath, tcp_headers
from mpsim.scenario import Scenario
from mpsim.sim.stream import stream_links
from mpsim.synthetic import Named, Synthesizer


def synthesizer(scenario: Scenario) -> Synthesizer:
    """Return what makes real bytes of the simulated packets, for captures."""
    named: dict[object, Named] = {}
    for number, spec in enumerate(scenario.flow):
        mtu = inner_mtu(scenario) if spec.via == "tunnel" else OUTER_MTU
        named[2 * number] = named[2 * number + 1] = Named(number, mtu - tcp_headers(scenario))
        if is_multipath(scenario, spec):
            mss = OUTER_MTU - tcp_headers(scenario) - DATA_SEQUENCE_SIGNAL
            for index in range(len(scenario.link)):
                named[2 * number, index] = named[2 * number + 1, index] = Named(number, mss, index)
    transport = scenario.tunnel.transport if scenario.tunnel is not None else "udp"
    topology = scenario.topology
    return Synthesizer(
        named, streams=stream_links(scenario), inner=topology.inner, outer=topology.outer, transport=transport
    )
