"""A Multipath TCP connection, and perhaps a TCP beside it, over links of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.supply import Source
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate
from mpsim.registry import Spec
from mpsim.sim.clock import Clock
from mpsim.sim.ways import spread
from mpsim.sim.wiring import Receivers, Station, Wire
from mpsim.tunnel.congestion import CongestionController, controllers
from mpsim.tunnel.schedulers import schedulers

MSS = 1428


class Net:
    """Links there, each with a fast one back."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.clock = Clock()
        self.receivers: Receivers = {}
        self.links = list(links)
        self.backs = [Link(ConstantRate(1e9), delay=link.delay) for link in self.links]
        self.there = [self._wire(link) for link in self.links]
        self.back = [self._wire(link) for link in self.backs]

    def _wire(self, link: Link) -> Wire:
        wire = Wire(self.clock, link)
        wire.receivers = self.receivers
        return wire

    def cut(self, index: int, up: bool, at: float) -> None:
        """Cut a link in silence, or give it back."""

        def happen(now: float) -> None:
            for wire in (self.there[index], self.back[index]):
                wire.link.set_up(up, now)
                wire.arm()

        self.clock.call_at(at, happen)

    def begin(self, station: Station, at: float) -> None:
        def start(now: float) -> None:
            station.agent.start(now)  # type: ignore[attr-defined]
            station.flush(now)

        self.clock.call_at(at, start)


class Multipath:
    """One connection; `over` says which link each subflow takes."""

    def __init__(
        self,
        net: Net,
        over: Sequence[int],
        *,
        congestion: str | Callable[[], CongestionController] = "cubic",
        scheduler: Spec = "min-rtt",
        receive_window: int = 6 << 20,
        total_bytes: int | None = None,
        source: Source | None = None,
        start: float = 0.0,
    ) -> None:
        self.sender = MptcpSender(
            "data",
            [controllers.create(congestion) if isinstance(congestion, str) else congestion() for _ in over],
            schedulers.create(scheduler),
            Random(1),
            mss=MSS,
            receive_window=receive_window,
            total_bytes=total_bytes,
            source=source,
        )
        self.receiver = MptcpReceiver("acks", len(over), mss=MSS, receive_window=receive_window)
        self.station = Station(net.clock, self.sender, spread([net.there[link].emit for link in over]))
        answering = Station(net.clock, self.receiver, spread([net.back[link].emit for link in over]))
        for index in range(len(over)):
            net.receivers["data", index] = answering.receive
            net.receivers["acks", index] = self.station.receive
        net.begin(self.station, start)


def add_tcp(net: Net, link: int, start: float) -> TcpReceiver:
    """Let a plain TCP compete; return its receiving end."""
    receiver = TcpReceiver("plain acks")
    sending = Station(net.clock, TcpSender("plain", controllers.create("newreno"), mss=MSS), net.there[link].emit)
    answering = Station(net.clock, receiver, net.back[link].emit)
    net.receivers["plain"], net.receivers["plain acks"] = answering.receive, sending.receive
    net.begin(sending, start)
    return receiver


def share_against_tcp(link: Link, congestion: str, until: float) -> float:
    """Two subflows against one TCP over the same link, from 10 s on: how many times its rate they take."""
    net = Net([link])
    connection = Multipath(net, [0, 0], congestion=congestion)
    other = add_tcp(net, 0, 0.5)
    net.clock.run_until(10)
    before, others = connection.receiver.delivered_bytes, other.delivered_bytes
    net.clock.run_until(until)
    return (connection.receiver.delivered_bytes - before) / (other.delivered_bytes - others)
