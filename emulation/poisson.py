"""UDP with Poisson arrivals: iperf3 has none, so the packets are drawn beforehand and replayed (replayed.py)."""

from __future__ import annotations

from pathlib import Path

from emulation.replay import KINDS, destination, schedule_file
from emulation.traffic import FIRST_CLIENT_PORT, FIRST_SERVER_PORT
from mpsim.build import stream
from mpsim.flow_sources import number_on_wire
from mpsim.headers import UDP, ipv4, udp
from mpsim.pcap import PcapWriter
from mpsim.scenario import FlowSpec, Scenario
from mpsim.synthetic import replay_source
from mpsim.units import BITS_PER_BYTE


def is_replayed(spec: FlowSpec) -> bool:
    """Return whether a flow's packets are known beforehand."""
    return spec.kind in KINDS or is_poisson(spec)


def is_poisson(spec: FlowSpec) -> bool:
    """Return whether a flow is UDP with exponential gaps."""
    return spec.kind == "udp" and spec.arrivals == "poisson"


def write_poisson(scenario: Scenario, folder: Path) -> None:
    """Write the packets of all such flows, drawn from the same streams as in simulation."""
    for index, spec in enumerate(scenario.flow):
        if is_poisson(spec):
            _write(scenario, index, spec, folder)


def _write(scenario: Scenario, index: int, spec: FlowSpec, folder: Path) -> None:
    assert spec.rate is not None
    assert spec.packet_size is not None
    begin = -scenario.warmup if spec.start is None else spec.start
    length = (scenario.duration if spec.stop is None else spec.stop) - begin
    most = -(-spec.bytes // spec.packet_size) if spec.bytes is not None else None
    random = stream(scenario.seed, "flow", spec.name)
    ports = (FIRST_SERVER_PORT + index, FIRST_CLIENT_PORT + index)
    body = udp(ports if spec.direction == "inbound" else ports[::-1], bytes(spec.packet_size))
    source, target = replay_source(index), destination(scenario, spec)
    when, number = 0.0, 0
    with PcapWriter(schedule_file(folder, index)) as writer:
        while when < length and (most is None or number < most):
            writer.write(when, ipv4(source, target, UDP, body, number=number_on_wire(number)))
            number += 1
            when += random.expovariate(spec.rate / (spec.packet_size * BITS_PER_BYTE))
