"""A path over TCP: the kernel's connection that carries its datagrams, as simulated hosts have it.

    portal --write--> [ unsent | TcpSender ] --segments over the path's link--> TcpReceiver --> portal

Each direction of a path is a connection of its own here, whose acknowledgements cross the other link
alone; a real connection sends some of them along with what goes that way. Datagrams come out in order,
each when its last byte has arrived: what is lost on the link holds up all that was written after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from mpsim.build import DIRECTIONS, Direction, Side, kernel_controller
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.scenario import Scenario
from mpsim.sim.clock import Clock
from mpsim.sim.wiring import PortalStation, Receive, Station, Wire
from mpsim.tunnel import framing
from mpsim.tunnel.congestion import CongestionController
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import Datagram

# What a portal lets wait in the kernel beyond what TCP has sent (TCP_NOTSENT_LOWAT), bytes. A socket that
# was full is writable again at half of that (Linux: __sk_stream_memory_free).
LOW_WATER = 16 * 1024


_DATA, _ACKS = "data", "acks"
_PAIRS: tuple[tuple[Side, Side], ...] = (("local", "remote"), ("remote", "local"))


def stream_name(link: str, direction: Direction) -> str:
    """Return the name of the connection that carries a link's path in one direction."""
    return f"{link} {direction}"


def stream_keys(link: str) -> list[tuple[str, str]]:
    """Return the flow keys of all packets of the connections that carry a link's path."""
    return [(stream_name(link, direction), kind) for direction in DIRECTIONS for kind in (_DATA, _ACKS)]


class Unsent:
    """The bytes that were written and are in no segment yet."""

    __slots__ = ("available",)

    def __init__(self) -> None:
        self.available = 0

    def take(self, most: int) -> int:
        """Take up to `most` bytes for a segment."""
        size = min(most, self.available)
        self.available -= size
        return size


class Stream:
    """One direction of a path over TCP.

    Parameters
        clock: the simulation's
        name: tells its packets from others on the same links
        there, back: the wires that segments and acknowledgements take
        congestion: of the connection
        headers: bytes of IP and TCP headers
        deliver: takes the datagrams at the far end
        writable: told how many bytes may be written now
    """

    __slots__ = (
        "_deliver",
        "_dirty",
        "_receiving",
        "_sending",
        "_under_way",
        "_unsent",
        "_writable",
        "_written",
        "headers",
        "name",
        "receiver",
        "sender",
    )

    def __init__(
        self,
        clock: Clock,
        name: str,
        *,
        there: Wire,
        back: Wire,
        congestion: CongestionController,
        headers: int,
        deliver: Receive,
        writable: Callable[[float, float], object],
    ) -> None:
        self.name = name
        self.headers = headers
        self._unsent = Unsent()
        self.sender = TcpSender(
            (name, _DATA), congestion, mss=framing.OUTER_MTU - headers, header=headers, source=self._unsent
        )
        self.receiver = TcpReceiver((name, _ACKS), header=headers)
        self._sending = Station(clock, self.sender, there.emit)
        self._receiving = Station(clock, self.receiver, back.emit)
        self._deliver = deliver
        self._writable = writable
        self._written = 0  # bytes, since the beginning
        self._under_way: deque[tuple[int, Datagram]] = deque()  # (where its last byte is, datagram)
        self._dirty = False

    def receivers(self) -> dict[object, Receive]:
        """Return where its packets go as they arrive, by their flow key."""
        return {self.sender.flow: self._on_segment, self.receiver.flow: self._on_acknowledgement}

    def start(self, now: float) -> None:
        """Connect."""
        self.sender.start(now)
        self._sending.flush(now)

    def write(self, datagram: Datagram) -> None:
        """Put a datagram at the end of the stream; `flush` lets it go."""
        size = datagram.size - self.headers
        self._unsent.available += size
        self._written += size
        self._under_way.append((self._written, datagram))
        self._dirty = True

    def flush(self, now: float) -> None:
        """Let TCP send what its window allows of what was written."""
        if self._dirty:
            self._dirty = False
            self.sender.push(now)
            self._sending.flush(now)
            if self.sender.connected:
                self._writable(LOW_WATER - self._unsent.available, now)

    def _on_acknowledgement(self, packet: Packet, now: float) -> None:
        self._sending.receive(packet, now)
        if 2 * self._unsent.available < LOW_WATER:
            self._writable(LOW_WATER - self._unsent.available, now)

    def _on_segment(self, packet: Packet, now: float) -> None:
        receiver = self.receiver
        self._receiving.receive(packet, now)
        receiver.delays.clear()
        arrived = receiver.delivered_bytes
        under_way = self._under_way
        while under_way and under_way[0][0] <= arrived:
            self._deliver(under_way.popleft()[1], now)


def build_streams(
    clock: Clock,
    scenario: Scenario,
    portals: Mapping[Side, PortalStation],
    wires: Mapping[tuple[int, Direction], Wire],
) -> list[Stream]:
    """Return the connections that carry the paths, which connect at the beginning; none but for transport "tcp"."""
    if scenario.tunnel is None or scenario.tunnel.transport != "tcp":
        return []
    streams: list[Stream] = []
    for side, other in _PAIRS:
        near, far = portals[side], portals[other]
        there, back = DIRECTIONS if side == "remote" else DIRECTIONS[::-1]
        own = [
            Stream(
                clock,
                stream_name(link.name, there),
                there=wires[index, there],
                back=wires[index, back],
                congestion=kernel_controller(scenario.tunnel.congestion, Path(scenario.folder)),
                headers=framing.tcp_headers(scenario.topology.outer),
                deliver=far.receive,
                writable=partial(near.writable, index),
            )
            for index, link in enumerate(scenario.link)
        ]
        near.use(list(own))
        streams += own
    for stream in streams:
        clock.call_at(0.0, stream.start)
    return streams


def sorted_by_stream(streams: Iterable[Stream], host: Receive) -> Receive:
    """Return where the packets of a link go that carries paths over TCP, and perhaps cross traffic to `host`."""
    known = {key: receive for stream in streams for key, receive in stream.receivers().items()}

    def receive(packet: Packet, now: float) -> None:
        known.get(packet.flow, host)(packet, now)

    return receive
