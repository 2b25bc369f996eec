"""The tunnel's datagrams as objects; wire.py draws them, and turns them into bytes and back.

Inside a simulation they travel as they are. Sequence numbers are unlimited counts here, and their low
32 bits after a way through bytes; `wire.expand` makes no difference between the two.
"""

from __future__ import annotations

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.sent import Sent

DATA, FEEDBACK, SKIP, PROBE, PARITY, INITIATION, RESPONSE, COOKIE = range(8)
FLAG_COPY, FLAG_REPAIR, FLAG_CONGESTION, FLAG_REPLY = 1, 2, 4, 8
KNOWN_FLAGS = FLAG_COPY | FLAG_REPAIR | FLAG_CONGESTION | FLAG_REPLY

HEADER_SIZE = 24
TAG_SIZE = 16
OUTER_SIZE = 28  # IPv4 and UDP, where nothing else is said
OVERHEAD = OUTER_SIZE + HEADER_SIZE + TAG_SIZE  # framing.py has those of other transports
FEEDBACK_BODY, RANGE_SIZE, SKIP_BODY, SKIP_RANGE, PROBE_BODY = 32, 4, 4, 8, 12
MOST_RANGES = 32  # further ranges in one feedback; a bound of ours, not of the format
MOST_SKIP_RANGES = 64


class Data(Sent):
    """An inner packet on its way over one path. size: IP bytes on the wire, `overhead` included.

    The sending path keeps the datagram, and its notes on it, until it is acknowledged.
    """

    __slots__ = (
        "block",
        "cls",
        "epoch",
        "flags",
        "index",
        "origin",
        "packet",
        "path",
        "path_sequence",
        "sent_us",
        "size",
        "tunnel_sequence",
    )
    type = DATA
    origin: float

    def __init__(  # noqa: PLR0917  # the header's fields in their order
        self,
        epoch: int,
        path: int,
        path_sequence: int,
        sent_us: int,
        cls: int,
        tunnel_sequence: int,
        packet: Packet,
        flags: int = 0,
        block: int = 0,
        index: int = 0,
        overhead: int = OVERHEAD,
    ) -> None:
        self.epoch = epoch
        self.path = path
        self.path_sequence = path_sequence
        self.sent_us = sent_us
        self.cls = cls
        self.tunnel_sequence = tunnel_sequence
        self.packet = packet
        self.flags = flags
        self.block = block
        self.index = index
        self.size = packet.size + overhead


class Parity(Data):
    """Parity of `block` packets of a class from tunnel sequence on, number `index` of it.

    To its path it is data like any other: numbered, acknowledged, and part of the window. Its packet is no
    IP packet.
    """

    __slots__ = ()
    type = PARITY


class Feedback:
    """What one end has received on path `about`; `ranges` are (first, last), highest first."""

    __slots__ = (
        "about",
        "ack",
        "echo_us",
        "epoch",
        "flags",
        "marks",
        "nack",
        "path",
        "path_sequence",
        "ranges",
        "received_us",
        "sent_us",
        "size",
    )
    type = FEEDBACK

    def __init__(  # noqa: PLR0917  # the header's fields in their order
        self,
        epoch: int,
        path: int,
        path_sequence: int,
        sent_us: int,
        about: int,
        ranges: tuple[tuple[int, int], ...],
        received_us: int,
        echo_us: int,
        ack: int = 0,
        nack: int = 0,
        marks: int = 0,
        overhead: int = OVERHEAD,
    ) -> None:
        self.epoch = epoch
        self.path = path
        self.path_sequence = path_sequence
        self.sent_us = sent_us
        self.about = about
        self.ranges = ranges
        self.received_us = received_us
        self.echo_us = echo_us
        self.ack = ack
        self.nack = nack
        self.marks = marks
        self.flags = 0
        self.size = overhead + FEEDBACK_BODY + RANGE_SIZE * (len(ranges) - 1)


class Skip:
    """Tunnel sequences (first, length) of one class that will never come."""

    __slots__ = ("cls", "epoch", "flags", "path", "path_sequence", "ranges", "sent_us", "size")
    type = SKIP

    def __init__(  # the header's fields in their order
        self,
        epoch: int,
        path: int,
        path_sequence: int,
        sent_us: int,
        cls: int,
        ranges: tuple[tuple[int, int], ...],
        overhead: int = OVERHEAD,
    ) -> None:
        self.epoch = epoch
        self.path = path
        self.path_sequence = path_sequence
        self.sent_us = sent_us
        self.cls = cls
        self.ranges = ranges
        self.flags = 0
        self.size = overhead + SKIP_BODY + SKIP_RANGE * len(ranges)


class Probe:
    """A question about a path, or (flag reply) its answer; padding: zero bytes after it, for a search of the MTU."""

    __slots__ = (
        "echo_us",
        "epoch",
        "flags",
        "number",
        "padding",
        "path",
        "path_sequence",
        "sent_us",
        "size",
        "srtt_us",
    )
    type = PROBE

    def __init__(  # noqa: PLR0917  # the header's fields in their order
        self,
        epoch: int,
        path: int,
        path_sequence: int,
        sent_us: int,
        number: int,
        echo_us: int = 0,
        srtt_us: int = 0,
        flags: int = 0,
        overhead: int = OVERHEAD,
        padding: int = 0,
    ) -> None:
        self.epoch = epoch
        self.path = path
        self.path_sequence = path_sequence
        self.sent_us = sent_us
        self.number = number
        self.echo_us = echo_us
        self.srtt_us = srtt_us
        self.flags = flags
        self.padding = padding
        self.size = overhead + PROBE_BODY + padding


class Handshake:
    """A message of security/messages.py on its way, as the bytes it is; to: where to, None: the path's other end."""

    __slots__ = ("data", "epoch", "flags", "path", "path_sequence", "size", "to")

    def __init__(self, path: int, data: bytes, to: object = None, overhead: int = OVERHEAD) -> None:
        self.epoch = int.from_bytes(data[4:8], "big")
        self.path = path
        self.path_sequence = self.flags = 0
        self.data = data
        self.to = to
        self.size = len(data) + overhead - HEADER_SIZE - TAG_SIZE

    @property
    def type(self) -> int:
        """Initiation, response or cookie."""
        return self.data[0] & 0xF


class Sealed:
    """A datagram sealed by its session (tunnel/security), in a simulation: the bytes, and the inner packet beside them.

    A simulated packet has no bytes; zeros of its length are encrypted in its place.
    """

    __slots__ = ("data", "packet", "path", "size")

    def __init__(self, path: int, data: bytes, size: int, packet: Packet | None) -> None:
        self.path, self.data, self.size, self.packet = path, data, size, packet


Datagram = Data | Feedback | Skip | Probe | Handshake
