"""Paths over TCP: the kernel's connections that carry their datagrams, as simulated hosts have them.

    portal --write--> [ unsent | TcpSender ] --segments over the path's link--> TcpReceiver --> portal

Each direction of a path is a connection of its own here, whose acknowledgements cross the other link
alone; a real connection sends some of them along with what goes that way. Datagrams come out in order,
each when its last byte has arrived: what is lost on the link holds up all that was written after it.

With transport "mptcp" the tunnel has one path, and what carries it is one Multipath TCP connection over
all links (hosts/mptcp): TCP in TCP, as of a VPN over TCP on a kernel that has it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from mpsim.build import DIRECTIONS, ONE_PATH, Direction, Side, kernel_controller, one_path
from mpsim.build import stream as random_stream
from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import RECEIVE_WINDOW, TcpSender
from mpsim.scenario import Scenario
from mpsim.sim.clock import Clock
from mpsim.sim.ways import Way, spread
from mpsim.sim.wiring import PortalStation, Receive, Station, Wire
from mpsim.tunnel import framing
from mpsim.tunnel.datagrams import Sealed
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import schedulers
from mpsim.tunnel.wire import Datagram

# What a portal lets wait in the kernel beyond what TCP has sent (TCP_NOTSENT_LOWAT), bytes. A socket that
# was full is writable again at half of that (Linux: __sk_stream_memory_free).
LOW_WATER = 16 * 1024

_DATA, _ACKS = "data", "acks"
_PAIRS: tuple[tuple[Side, Side], ...] = (("local", "remote"), ("remote", "local"))


def stream_name(carries: str, direction: Direction) -> str:
    """Return the name of the connection that carries a path in one direction; carries: the path's name."""
    return f"{carries} {direction}"


def stream_links(scenario: Scenario) -> dict[object, int]:
    """Return the link that each flow key of the connections which carry paths belongs to."""
    if not one_path(scenario):
        return {
            (stream_name(link.name, direction), kind): index
            for index, link in enumerate(scenario.link)
            for direction in DIRECTIONS
            for kind in (_DATA, _ACKS)
        }
    return {
        ((stream_name(ONE_PATH, direction), kind), index): index
        for index in range(len(scenario.link))
        for direction in DIRECTIONS
        for kind in (_DATA, _ACKS)
    }


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
    """One direction of a path over a connection.

    Parameters
        clock: the simulation's
        sender, receiver: its two ends
        unsent: what the sender takes its data from
        there, back: the ways that segments and acknowledgements take
        headers: bytes of a full segment's headers
        deliver: takes the datagrams at the far end
        writable: told how many bytes may be written now
    """

    __slots__ = (
        "_deliver",
        "_dirty",
        "_receiving",
        "_under_way",
        "_unsent",
        "_writable",
        "_written",
        "headers",
        "receiver",
        "sender",
        "sending",
    )

    def __init__(
        self,
        clock: Clock,
        sender: TcpSender | MptcpSender,
        receiver: TcpReceiver | MptcpReceiver,
        unsent: Unsent,
        *,
        there: Way,
        back: Way,
        headers: int,
        deliver: Receive,
        writable: Callable[[float, float], object],
    ) -> None:
        self.headers = headers
        self._unsent = unsent
        self.sender = sender
        self.receiver = receiver
        self.sending = Station(clock, sender, there)
        self._receiving = Station(clock, receiver, back)
        self._deliver = deliver
        self._writable = writable
        self._written = 0  # bytes, since the beginning
        self._under_way: deque[tuple[int, Datagram | Sealed]] = deque()  # (where its last byte is, datagram)
        self._dirty = False

    def receivers(self) -> dict[object, Receive]:
        """Return where its packets go as they arrive, by their flow key."""
        sender, receiver = self.sender, self.receiver
        if isinstance(sender, TcpSender):
            return {sender.flow: self._on_segment, receiver.flow: self._on_acknowledgement}
        found: dict[object, Receive] = {}
        for subflow in sender.subflows:
            found[sender.flow, subflow.index] = self._on_segment
            found[receiver.flow, subflow.index] = self._on_acknowledgement
        return found

    def start(self, now: float) -> None:
        """Connect."""
        self.sender.start(now)
        self.sending.flush(now)

    def write(self, datagram: Datagram | Sealed) -> None:
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
            self.sending.flush(now)
            if self.sender.connected:
                self._writable(LOW_WATER - self._unsent.available, now)

    def _on_acknowledgement(self, packet: Packet, now: float) -> None:
        self.sending.receive(packet, now)
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
    """Return the connections that carry the paths, which connect at the beginning; none but where these are streams."""
    if scenario.tunnel is None or scenario.tunnel.transport not in framing.STREAMS:
        return []
    build = _over_mptcp if one_path(scenario) else _over_tcp
    streams: list[Stream] = []
    for side, other in _PAIRS:
        own = build(clock, scenario, (portals[side], portals[other]), wires, side)
        portals[side].use(list(own))
        streams += own
    for stream in streams:
        clock.call_at(0.0, stream.start)
    return streams


Wires = Mapping[tuple[int, Direction], Wire]
Ends = tuple[PortalStation, PortalStation]


def _directions(side: Side) -> tuple[Direction, Direction]:
    """Return the way that a side's data takes, and the way back."""
    return DIRECTIONS if side == "remote" else (DIRECTIONS[1], DIRECTIONS[0])


def _over_tcp(clock: Clock, scenario: Scenario, ends: Ends, wires: Wires, side: Side) -> list[Stream]:
    """Return one TCP connection for each path."""
    assert scenario.tunnel is not None  # streams carry a tunnel's paths
    near, far = ends
    there, back = _directions(side)
    headers = framing.tcp_headers(scenario.topology.outer)
    found = []
    for index, link in enumerate(scenario.link):
        name, unsent = stream_name(link.name, there), Unsent()
        sender = TcpSender(
            (name, _DATA),
            kernel_controller(scenario.tunnel.congestion, Path(scenario.folder)),
            mss=framing.OUTER_MTU - headers,
            header=headers,
            source=unsent,
        )
        found.append(
            Stream(
                clock,
                sender,
                TcpReceiver((name, _ACKS), header=headers),
                unsent,
                there=wires[index, there].emit,
                back=wires[index, back].emit,
                headers=headers,
                deliver=far.receive,
                writable=partial(near.writable, index),
            )
        )
    return found


def _over_mptcp(clock: Clock, scenario: Scenario, ends: Ends, wires: Wires, side: Side) -> list[Stream]:
    """Return one Multipath TCP connection with a subflow over every link, which carries the only path."""
    tunnel = scenario.tunnel
    assert tunnel is not None  # streams carry a tunnel's paths
    near, far = ends
    there, back = _directions(side)
    headers = framing.tcp_headers(scenario.topology.outer)
    mss = framing.OUTER_MTU - headers - framing.MPTCP_MAPPING
    folder = Path(scenario.folder)
    count = len(scenario.link)
    name, unsent = stream_name(ONE_PATH, there), Unsent()
    sender = MptcpSender(
        (name, _DATA),
        [kernel_controller(tunnel.congestion, folder) for _ in range(count)],
        schedulers.create(tunnel.scheduler, folder),
        random_stream(scenario.seed, "scheduler", name),
        mss=mss,
        header=headers,
        source=unsent,
        names=[link.name for link in scenario.link],
        metrics=[link.metric for link in scenario.link],
    )
    receiver = MptcpReceiver((name, _ACKS), count, mss=mss, receive_window=RECEIVE_WINDOW, header=headers)
    return [
        Stream(
            clock,
            sender,
            receiver,
            unsent,
            there=spread([wires[index, there].emit for index in range(count)]),
            back=spread([wires[index, back].emit for index in range(count)]),
            headers=headers + framing.MPTCP_MAPPING,
            deliver=far.receive,
            writable=partial(near.writable, 0),
        )
    ]


def sorted_by_stream(streams: Iterable[Stream], host: Receive) -> Receive:
    """Return where the packets of a link go that carries paths over TCP, and perhaps cross traffic to `host`."""
    known = {key: receive for stream in streams for key, receive in stream.receivers().items()}

    def receive(packet: Packet, now: float) -> None:
        known.get(packet.flow, host)(packet, now)

    return receive
