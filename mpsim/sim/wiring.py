"""The clock's side of links, portals and agents: each carries what its sans-IO object wants carried.

Timers are lazy: an object is asked for its next time after it was told something, and only an earlier
one is put on the heap; being called early is harmless by contract.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from mpsim.hosts.agent import Agent
from mpsim.network.link import Link
from mpsim.sim.clock import Clock
from mpsim.tunnel.datagrams import Sealed
from mpsim.tunnel.endpoint import Endpoint, pump
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import Datagram

NEVER = float("inf")
Receive = Callable[[Any, float], object]
Tap = Callable[[float, Any], None]  # (time in s, packet or datagram)
Receivers = dict[object, Receive]


class Wire:
    """A link on the clock: one event for each packet, at its arrival."""

    __slots__ = ("_fire", "_tap", "_time", "clock", "idle", "link", "receive", "receivers")

    def __init__(self, clock: Clock, link: Link, tap: Callable[[float, Any], None] | None = None) -> None:
        self.clock = clock
        self.link = link
        self.receive: Receive = _nowhere
        self.receivers: Receivers | None = None  # by flow key, instead of `receive`
        self.idle = True  # no event of ours is on the clock
        self._time = NEVER  # of that event
        self._fire = self.fire
        self._tap = tap

    def send(self, packet: Any, size: int, now: float) -> None:
        """Send a packet of `size` IP bytes."""
        if self.link.send(packet, size, now) and self.idle:
            self.arm()

    def emit(self, packet: Packet, now: float) -> None:
        """Send an inner packet as it is, beside the tunnel or without one."""
        if self.link.send(packet, packet.size, now) and self.idle:
            self.arm()

    def arm(self) -> None:
        """Ask the link for its next arrival (again, after it was changed)."""
        time = self.link.next_timeout()
        if time is not None and (self.idle or time < self._time):
            self.idle = False
            self._time = time
            self.clock.call_at(time, self._fire)

    def fire(self, now: float) -> None:
        if self._time > now:
            return  # armed for an earlier time since, and served then
        link = self.link
        receivers = self.receivers
        for packet in link.arrivals(now):
            if self._tap is not None:
                self._tap(now, packet)
            if receivers is not None:
                receivers[packet.flow](packet, now)
            else:
                self.receive(packet, now)
        line = link.line
        if line:
            self._time = time = line[0][0]
            self.clock.call_at(time, self._fire)
        else:
            self.idle = True
            self._time = NEVER


def _nowhere(_: Any, now: float) -> None:  # noqa: ARG001  # the shape of a receiver
    raise AssertionError("a wire that leads nowhere")


class Station:
    """One end of a flow on the clock."""

    __slots__ = ("_at", "_fire", "agent", "clock", "emit")

    def __init__(self, clock: Clock, agent: Agent, emit: Callable[[Packet, float], object]) -> None:
        self.clock = clock
        self.agent = agent
        self.emit = emit
        self._at = NEVER
        self._fire = self.fire

    def receive(self, packet: Packet, now: float) -> None:
        """Hand a packet to the agent, and carry what it answers."""
        agent = self.agent
        agent.receive(packet, now)
        for answer in agent.packets_to_send():
            self.emit(answer, now)
        time = agent.next_timeout()
        if time < self._at:
            self._at = time
            self.clock.call_at(time, self._fire)

    def flush(self, now: float) -> None:
        """Carry what the agent wants to send, and take its next time."""
        agent = self.agent
        for packet in agent.packets_to_send():
            self.emit(packet, now)
        time = agent.next_timeout()
        if time < self._at:
            self._at = time
            self.clock.call_at(time, self._fire)

    def fire(self, now: float) -> None:
        if self._at > now:
            return  # armed earlier and served already
        agent = self.agent
        agent.handle_timeout(now)
        for packet in agent.packets_to_send():
            self.emit(packet, now)
        self._at = time = agent.next_timeout()
        if time < NEVER:
            self.clock.call_at(time, self._fire)


class Channel(Protocol):
    """What carries a path's datagrams where that is more than a wire."""

    def write(self, datagram: Datagram | Sealed) -> None:
        """Take a datagram."""

    def flush(self, now: float) -> None:
        """Send what was taken, as far as that is possible at `now` (s)."""


class PortalStation:
    """One portal on the clock: its endpoint between the wires of its paths and the host behind it.

    Parameters
        endpoint: the tunnel's end
        wires: outgoing, one for each path
        receivers: take inner packets that leave the tunnel, by flow key
        recode: if given, every datagram is turned to bytes and back on its way
        taps: told of every inner packet that goes in and that comes out
    """

    __slots__ = (
        "_at",
        "_busy",
        "_channels",
        "_fire",
        "_now",
        "_receivers",
        "_recode",
        "_send",
        "_taps",
        "clock",
        "delays",
        "endpoint",
        "inner_bytes",
        "wires",
    )

    def __init__(
        self,
        clock: Clock,
        endpoint: Endpoint,
        wires: list[Wire],
        receivers: Receivers,
        *,
        recode: Callable[[Datagram], Datagram] | None = None,
        taps: tuple[Tap, Tap] | None = None,
    ) -> None:
        self.clock = clock
        self.endpoint = endpoint
        self.wires = wires
        self._receivers = receivers
        self._recode = recode
        self._taps = taps
        self._at = NEVER
        self._busy = False
        self._now = 0.0
        self._fire = self.fire
        through = recode is not None or endpoint.guard is not None
        self._send: Callable[[Datagram], object] = self._transmit_recoded if through else self._transmit
        self._channels: list[Channel] = []
        self.delays: list[float] = []  # from ingress to release, s; the recorder drains it
        self.inner_bytes = 0

    def use(self, channels: list[Channel]) -> None:
        """Let these carry the datagrams, one for each path, instead of the wires."""
        self._channels = channels
        self._send = self._write

    def writable(self, path: int, budget: float, now: float) -> None:
        """Be told by the channel of a path that it takes `budget` more bytes."""
        self.endpoint.on_path_writable(path, budget, now)
        if not self._busy and self.endpoint.next_timeout() <= now:
            self._carry(now)

    def inject(self, packet: Packet, now: float) -> None:
        """Take a packet from the host behind this portal."""
        if self._taps is not None:
            self._taps[0](now, packet)
        self.endpoint.receive_packet(packet, now)
        if not self._busy:
            self._carry(now)

    def receive(self, datagram: Datagram | Sealed, now: float) -> None:
        """Take a datagram from a path."""
        if isinstance(datagram, Sealed):
            self.endpoint.receive_sealed(datagram, now)
        else:
            self.endpoint.receive_datagram(datagram, datagram.path, now)
        self._carry(now)

    def poke(self, now: float) -> None:
        """Carry on after the endpoint was told something directly."""
        self._carry(now)

    def _carry(self, now: float) -> None:
        self._busy = True
        self._now = now
        pump(self.endpoint, now, self._send, self._release)
        for channel in self._channels:
            channel.flush(now)
        self._busy = False
        time = self.endpoint.next_timeout()
        if time < self._at:
            self._at = time = max(time, now)
            self.clock.call_at(time, self._fire)

    def _transmit(self, datagram: Datagram) -> None:
        wire = self.wires[datagram.path]
        # Wire.send, written out: it is asked for with every datagram.
        if wire.link.send(datagram, datagram.size, self._now) and wire.idle:
            wire.arm()

    def _write(self, datagram: Datagram) -> None:
        copy = self._through_bytes(datagram)
        if copy is not None:
            self._channels[datagram.path].write(copy)

    def _transmit_recoded(self, datagram: Datagram) -> None:
        copy = self._through_bytes(datagram)
        if copy is not None:
            self.wires[copy.path].send(copy, copy.size, self._now)

    def _through_bytes(self, datagram: Datagram) -> Datagram | Sealed | None:
        if self.endpoint.guard is not None:
            return self.endpoint.seal(datagram)
        if self._recode is None:
            return datagram
        copy = self._recode(datagram)
        if copy.size != datagram.size:
            raise AssertionError(f"{datagram.size} bytes on the wire became {copy.size}")
        return copy

    def _release(self, packet: Packet) -> None:
        self.delays.append(self._now - packet.entered)
        self.inner_bytes += packet.size
        if self._taps is not None:
            self._taps[1](self._now, packet)
        self._receivers[packet.flow](packet, self._now)

    def fire(self, now: float) -> None:
        if self._at > now:
            return
        self._at = NEVER
        self.endpoint.handle_timeout(now)
        self._carry(now)
