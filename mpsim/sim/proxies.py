"""TCP that ends at proxies, where the server is some way off: its own TCP to the proxy, Multipath TCP from there on.

    server --TCP--> proxy at the remote portal --Multipath TCP over all links--> proxy at the client = client

and the other way round. A proxy reads as long as what it holds has room, and tells the server of new room as TCP does
with its window: half a round trip later. With no delay to the server there is nothing to end (`multipath.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpsim.build import OUTER_MTU, Direction, kernel_controller, tcp_headers
from mpsim.hosts.echo import EchoEnd, Written
from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.scenario import FlowSpec, Scenario
from mpsim.sim.clock import Clock
from mpsim.sim.flows import Flow, TcpFlow
from mpsim.sim.multipath import mptcp_receiver, mptcp_sender, negotiation
from mpsim.sim.ways import Way, spread
from mpsim.sim.wiring import Receivers, Station, Wire
from mpsim.tunnel.packet import Packet


class Proxy(EchoEnd):
    """One proxy: what arrives over one connection leaves by the other.

    Parameters
        sender, receiver: of the two connections
        written: the sender's source
    """

    def __init__(
        self, sender: TcpSender | MptcpSender, receiver: TcpReceiver | MptcpReceiver, written: Written
    ) -> None:
        super().__init__(sender, receiver, written)
        self.taken = 0  # bytes, from the one connection
        self.on_room: Callable[[float], object] = _nobody  # told when some were passed on

    @property
    def passed_on(self) -> int:
        """Bytes that the other connection has taken."""
        return self.taken - self.written.available

    def start(self, now: float) -> None:
        """Open the connection that it sends by."""
        self.sender.start(now)

    def receive(self, packet: Packet, now: float) -> None:
        before = self.passed_on
        super().receive(packet, now)
        if self.passed_on > before:
            self.on_room(now)

    def read(self, size: int, now: float) -> None:
        if size:
            self.taken += size
            self.write(size, now)


def _nobody(_: float) -> None:
    """Nobody waits for room."""


class Supply:
    """What the server has to send, as far as the proxy has room for it.

    Parameters
        total: bytes, or None: without end
        room: most bytes that were sent and that the proxy has not passed on
    """

    def __init__(self, total: int | None, room: int) -> None:
        self._left = total
        self._room = room
        self._taken = 0
        self.proxy: Proxy | None = None
        self.starved = False  # there would be more, had the proxy room

    @property
    def available(self) -> int:
        """Bytes that may go now."""
        assert self.proxy is not None  # set by the flow that makes both
        room = max(0, self._room - (self._taken - self.proxy.passed_on))
        self.starved = room == 0
        return room if self._left is None else min(room, self._left)

    def take(self, most: int) -> int:
        """Take up to `most` bytes."""
        size = min(most, self.available)
        self._taken += size
        if self._left is not None:
            self._left -= size
        return size


class ProxiedFlow(TcpFlow):
    """A bulk transfer, or one of a given size, over two connections; what is counted of packets is Multipath TCP's."""

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        Flow.__init__(self, scenario, spec)
        assert scenario.mptcp is not None  # is_multipath
        header = tcp_headers(scenario)
        congestion = kernel_controller(spec.congestion or "cubic", Path(scenario.folder))
        self.leg = f"leg {key}"  # flow key of the server's connection, of both directions
        written = Written()
        if spec.direction == "inbound":
            supply = Supply(spec.bytes, scenario.mptcp.receive_window)
            self.source = TcpSender(self.leg, congestion, mss=OUTER_MTU - header, header=header, source=supply)
            self.multipath = mptcp_sender(scenario, spec, key, source=written)
            self.proxy = Proxy(self.multipath, TcpReceiver(self.leg, header=header), written)
            self.receiver = self.sink = mptcp_receiver(scenario, key + 1)
            self.supply: Supply | None = supply
            supply.proxy = self.proxy
        else:
            self.source = self.multipath = mptcp_sender(scenario, spec, key, total_bytes=spec.bytes)
            to_server = TcpSender(self.leg, congestion, mss=OUTER_MTU - header, header=header, source=written)
            self.proxy = Proxy(to_server, mptcp_receiver(scenario, key + 1), written)
            self.receiver = self.sink = TcpReceiver(self.leg, header=header)
            self.supply = None
        self.sender = self.multipath
        self._watch()

    def counts(self) -> dict[str, Any]:
        return {**super().counts(), "one_way_delay_s": None}  # of the last of two connections it would be


@dataclass(frozen=True, slots=True)
class Lines:
    """What there is between client, proxies and server."""

    wires: Mapping[tuple[int, Direction], Wire]
    to_server: Wire
    from_server: Wire
    receivers: Receivers  # where packets go, by flow key
    at_portal: set[object]  # flow keys that the remote portal's proxy answers, not the server

    def over_links(self, direction: Direction) -> Way:
        """Return the way that subflows take, each over its own link."""
        count = len(self.wires) // 2
        return spread([self.wires[index, direction].emit for index in range(count)])


def connect(flow: ProxiedFlow, key: int, scenario: Scenario, clock: Clock, lines: Lines) -> Station:
    """Join a flow's ends and its proxy, and let them begin; return the station of what speaks Multipath TCP."""
    inbound = flow.spec.direction == "inbound"
    proxy = Station(clock, flow.proxy, _either(lines.over_links("inbound"), lines.to_server.emit))

    def to_proxy(packet: Packet, now: float) -> None:
        lines.from_server.send((packet, proxy.receive), packet.size, now)

    if inbound:
        server = Station(clock, flow.source, to_proxy)
        client = Station(clock, flow.sink, lines.over_links("outbound"))
        flow.proxy.on_room = _window_updates(flow, server, clock, scenario.topology.server_delay)
    else:
        server = Station(clock, flow.sink, to_proxy)
        client = Station(clock, flow.source, lines.over_links("outbound"))
    lines.receivers[flow.leg] = server.receive
    to_client, back = (key, key + 1) if inbound else (key + 1, key)
    for index in range(len(scenario.link)):
        lines.receivers[to_client, index] = client.receive
        lines.receivers[back, index] = proxy.receive
        lines.at_portal.add((back, index))
    begin = scenario.warmup + flow.spec.start if flow.spec.start is not None else 0.0
    first = scenario.link[0].delay
    asked = begin + negotiation(scenario)
    if inbound:
        _start(clock, begin, flow.proxy, proxy)
        # The server is asked once the proxies' connection is there and the questions are answered.
        _start(clock, asked + first.down + first.up, flow.source, server)
    else:
        _start(clock, asked, flow.proxy, proxy)
        _start(clock, asked + 2 * scenario.topology.server_delay, flow.source, client)
    return proxy if inbound else client


def _start(clock: Clock, at: float, agent: Any, station: Station) -> None:
    def start(now: float) -> None:
        agent.start(now)
        station.flush(now)

    clock.call_at(at, start)


def _either(links: Way, line: Way) -> Way:
    """Return a way that takes subflows' packets over the links, and those of the server's connection over its line."""

    def send(packet: Packet, now: float) -> None:
        (links if isinstance(packet.flow, tuple) else line)(packet, now)

    return send


def _window_updates(flow: ProxiedFlow, server: Station, clock: Clock, delay: float) -> Callable[[float], None]:
    """Return what lets the server know of room at the proxy, if it waits for some."""
    supply, source = flow.supply, flow.source
    assert supply is not None  # what comes from the server has one
    assert isinstance(source, TcpSender)

    def push(now: float) -> None:
        source.push(now)
        server.flush(now)

    def on_room(now: float) -> None:
        if supply.starved:
            supply.starved = False
            clock.call_at(now + delay, push)

    return on_room
