"""The simulated world: SimPy plays the clock for the same links and endpoints that the emulation uses.

from mpsim.scenario import load
from mpsim.sim import run

result = run(load(Path("two-equal.toml")))
"""

from __future__ import annotations

import time  # noqa: TID251  # for wall_s alone
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

from mpsim.access_links import apply_event, build_link
from mpsim.build import (
    DIRECTIONS,
    Direction,
    Side,
    build_endpoint,
    ends_at_proxies,
    is_multipath,
    one_path,
    session_epoch,
    tunnel_overhead,
)
from mpsim.captures import Captures
from mpsim.hosts.mptcp import MptcpSender
from mpsim.metrics import BIN
from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate
from mpsim.result import Result
from mpsim.scenario import EventSpec, FlowSpec, Scenario
from mpsim.sim.capturing import synthesizer
from mpsim.sim.clock import Clock
from mpsim.sim.flows import Flow
from mpsim.sim.kinds import build_flow
from mpsim.sim.multipath import MptcpFlow, build_multipath, negotiation, senders, tell
from mpsim.sim.outcome import outcome
from mpsim.sim.proxies import Lines, ProxiedFlow, connect
from mpsim.sim.recorder import Recorder
from mpsim.sim.stream import build_streams, sorted_by_stream
from mpsim.sim.ways import Everywhere, Way, after, sorted_by_kind, spread
from mpsim.sim.wiring import PortalStation, Station, Wire
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import Datagram, recode

# What is still under way when the measured interval ends has this long to arrive (s), so that a
# packet in a queue is not counted as lost.
DRAIN = 3.0
# The link between remote portal and server, where it has a delay: no bottleneck.
SERVER_RATE = 100e9
# Which direction each portal sends in.
SENDS: dict[Side, Direction] = {"remote": "inbound", "local": "outbound"}


class Simulation:
    """One scenario on the clock.

    Parameters
        scenario: what to run
        pcap: folder for captures of every link and both ends of the tunnel
        through_bytes: encode and decode every datagram (the result is the same; a check)
    """

    def __init__(self, scenario: Scenario, *, pcap: Path | None = None, through_bytes: bool = False) -> None:
        self.scenario = scenario
        self.captures = Captures(pcap, synthesizer(scenario)) if pcap is not None else None
        self.clock = Clock()
        self.wires: dict[tuple[int, Direction], Wire] = {}
        for index in range(len(scenario.link)):
            for direction in DIRECTIONS:
                link = build_link(scenario, index, direction)
                tap = self.captures.link(link.name, direction) if self.captures is not None else None
                self.wires[index, direction] = Wire(self.clock, link, tap)
        self.receivers: dict[object, Way] = {}  # by flow key, both hosts'
        self._at_portal: set[object] = set()  # flow keys that a proxy at the remote portal answers
        self.portals: dict[Side, PortalStation] = {}
        self._server_in, self._server_out = self._server_lines()
        if scenario.tunnel is not None:
            through = partial(recode, overhead=tunnel_overhead(scenario)) if through_bytes else None
            self._build_portals(through)
        self.streams = build_streams(self.clock, scenario, self.portals, self.wires)
        self._connect()
        self.multipath: list[tuple[MptcpSender, Station]] = [
            (stream.sender, stream.sending) for stream in self.streams if isinstance(stream.sender, MptcpSender)
        ]
        self.flows = [self._add_flow(number) for number in range(len(scenario.flow))]
        self.recorder = self._recorder()
        for event in scenario.event:
            self.clock.process(self._happen(event))

    # Building.

    def _recorder(self) -> Recorder:
        recorder = Recorder(self.flows, [wire.link for wire in self.wires.values()])
        for side, direction in SENDS.items():
            if side in self.portals:
                portal = self.portals[side]
                recorder.add_endpoint(portal.endpoint, direction, portal.delays)
        for flow in self.flows:
            if isinstance(flow, MptcpFlow):
                recorder.add_subflows(flow.sender.subflows, flow.spec.direction)
            elif isinstance(flow, ProxiedFlow):
                recorder.add_subflows(flow.multipath.subflows, flow.spec.direction)
        return recorder

    def _build_portals(self, through: Callable[[Datagram], Datagram] | None) -> None:
        count = range(len(self.scenario.link))
        there = self._server_in
        to_server = self.receivers if there is None else Everywhere(there.emit)
        deliver = {"local": self.receivers, "remote": to_server}
        for side in SENDS:
            endpoint = build_endpoint(
                self.scenario,
                side,
                epoch=session_epoch(self.scenario, side),
            )
            wires = [self.wires[index, SENDS[side]] for index in count]
            taps = None
            if self.captures is not None:
                taps = (self.captures.tunnel(side, "in"), self.captures.tunnel(side, "out"))
            portal = PortalStation(self.clock, endpoint, wires, deliver[side], recode=through, taps=taps)
            self.portals[side] = portal
            self.clock.call_at(0.0, portal.poke)

    def _connect(self) -> None:
        """Say where the packets of each link go at its far end."""
        beside = self.scenario.tunnel is None or any(flow.via != "tunnel" for flow in self.scenario.flow)
        for (_, direction), wire in self.wires.items():
            host = self._to_client if direction == "inbound" else self._to_server
            if not self.portals:
                wire.receive = host
                if direction == "inbound" or self._server_in is None:
                    wire.receivers = self.receivers
                continue
            if self.streams:
                wire.receive = sorted_by_stream(self.streams, host)
                continue
            portal = self.portals["local" if direction == "inbound" else "remote"]
            wire.receive = sorted_by_kind(portal, host) if beside else portal.receive

    def _server_lines(self) -> tuple[Wire | None, Wire | None]:
        """Return the lines to and from the server, where it is some way off."""
        delay = self.scenario.topology.server_delay
        if not delay:
            return None, None
        there = Wire(self.clock, Link(ConstantRate(SERVER_RATE), delay=delay))
        back = Wire(self.clock, Link(ConstantRate(SERVER_RATE), delay=delay))
        there.receive = self._to_client  # the same table of stations
        back.receive = lambda item, now: item[1](item[0], now)
        return there, back

    def _add_flow(self, number: int) -> Flow:
        spec = self.scenario.flow[number]
        multipath = is_multipath(self.scenario, spec)
        if multipath and spec.kind == "tcp" and self._server_in is not None and ends_at_proxies(self.scenario):
            return self._add_proxied(spec, 2 * number)
        flow = (build_multipath if multipath else build_flow)(self.scenario, spec, 2 * number)
        client_sends, server_sends = self._all_ways() if multipath else self._ways(spec.via)
        forward, backward = (server_sends, client_sends) if flow.origin == "inbound" else (client_sends, server_sends)
        source = Station(self.clock, flow.source, forward)
        sink = Station(self.clock, flow.sink, backward)
        # What only listens needs nobody to carry its answers.
        self.receivers[2 * number] = flow.sink.receive if flow.sink.silent else sink.receive
        self.receivers[2 * number + 1] = source.receive
        for agent, sender in senders(flow):
            self.multipath.append((sender, source if agent is flow.source else sink))
            for subflow in sender.subflows:
                self.receivers[2 * number, subflow.index] = sink.receive
                self.receivers[2 * number + 1, subflow.index] = source.receive
        begin = self.scenario.warmup + spec.start if spec.start is not None else 0.0
        begin += negotiation(self.scenario) if multipath else 0.0
        end = self.scenario.warmup + (spec.stop if spec.stop is not None else self.scenario.duration)

        def start(now: float) -> None:
            flow.source.start(now)
            source.flush(now)

        self.clock.call_at(begin, start)
        self.clock.call_at(end, flow.source.stop)
        return flow

    def _add_proxied(self, spec: FlowSpec, key: int) -> Flow:
        """Add a flow whose TCP ends at a proxy between the links and the server."""
        there, back = self._server_in, self._server_out
        assert there is not None  # otherwise nothing is between
        assert back is not None
        flow = ProxiedFlow(self.scenario, spec, key)
        lines = Lines(self.wires, there, back, self.receivers, self._at_portal)
        self.multipath.append((flow.multipath, connect(flow, key, self.scenario, self.clock, lines)))
        end = self.scenario.warmup + (spec.stop if spec.stop is not None else self.scenario.duration)
        self.clock.call_at(end, flow.source.stop)
        return flow

    def _ways(self, via: str) -> tuple[Way, Way]:
        """Return how the client and the server send: through the tunnel, or by one link."""
        if via == "tunnel" and self.portals:
            client, server = self.portals["local"].inject, self.portals["remote"].inject
        else:
            names = [link.name for link in self.scenario.link]
            index = names.index(via) if via != "tunnel" else 0
            client, server = self.wires[index, "outbound"].emit, self.wires[index, "inbound"].emit
        back = self._server_out
        if back is None:
            return client, server
        return client, after(back, server)

    def _all_ways(self) -> tuple[Way, Way]:
        """Return how the client and the server send over all links, each subflow over its own."""
        ways = [self._ways(link.name) for link in self.scenario.link]
        return spread([client for client, _ in ways]), spread([server for _, server in ways])

    # Running.

    def _to_client(self, packet: Packet, now: float) -> None:
        self.receivers[packet.flow](packet, now)

    def _to_server(self, packet: Packet, now: float) -> None:
        if self._server_in is None or packet.flow in self._at_portal:
            self.receivers[packet.flow](packet, now)
        else:
            self._server_in.emit(packet, now)

    def _happen(self, event: EventSpec) -> Generator[Any, Any, None]:
        """A scripted event, as a SimPy process."""
        yield self.clock.timeout(self.scenario.warmup + event.at)
        now = self.clock.now
        index = [link.name for link in self.scenario.link].index(event.link)
        for direction in DIRECTIONS:
            wire = self.wires[index, direction]
            apply_event(wire.link, event, self.scenario, now)
            wire.arm()
        if (event.up is not None and event.how == "carrier") or event.up:
            for portal in self.portals.values() if not one_path(self.scenario) else ():
                if event.up:
                    portal.endpoint.on_path_available(index, now)
                else:
                    portal.endpoint.on_path_unavailable(index, now)
                portal.poke(now)
            for sender, station in self.multipath:
                tell(sender, station, index, bool(event.up), now)

    def run(self) -> None:
        """Run from the warm-up to the end, and let the last packets arrive."""
        scenario, recorder = self.scenario, self.recorder
        begin, end = scenario.warmup, scenario.warmup + scenario.duration
        number = 0
        started = False
        while True:
            following = round((number + 1) * BIN, 6)
            if not started and begin < following:
                self.clock.run_until(begin)
                recorder.drain(measured=False)
                recorder.on_begin()
                started = True
            if following > end + 1e-9:
                break
            self.clock.run_until(following)
            recorder.sample(following, measured=started)
            number += 1
        self.clock.run_until(end)
        recorder.drain(measured=True)
        recorder.on_end()
        self.clock.run_until(end + DRAIN)

    def result(self, wall_s: float) -> Result:
        """Return what the run gave."""
        extra: dict[str, Any] = {"simulation": {"events": self.clock.calls}}
        if self.captures is not None:
            self.captures.close()
            extra["captures"] = self.captures.counts()
        portals = list(self.portals.values())
        return outcome(self.scenario, self.recorder, self.flows, list(self.wires), portals, wall_s=wall_s, extra=extra)


def run(scenario: Scenario, *, pcap: Path | None = None, through_bytes: bool = False) -> Result:
    """Run a scenario in simulation.

    pcap: a folder for captures of every link and both ends of the tunnel; through_bytes: encode and
    decode every datagram on its way, which must not change the result.
    """
    began = time.perf_counter()
    simulation = Simulation(scenario, pcap=pcap, through_bytes=through_bytes)
    simulation.run()
    return simulation.result(time.perf_counter() - began)
