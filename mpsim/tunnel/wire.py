"""The tunnel's datagrams, as objects and as bytes.

Every datagram begins with this header (24 bytes, network byte order), then comes the body, and at
the end a 16-byte authentication tag (zero in mode "none", but on the wire and in every budget):

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-------+---------------+---------------+---------------+
    |version| type  |     flags     |     path      |     class     |
    +-------+-------+---------------+---------------+---------------+
    |                         session epoch                         |
    +---------------------------------------------------------------+
    |                        tunnel sequence                        |
    +---------------------------------------------------------------+
    |                         path sequence                         |
    +---------------------------------------------------------------+
    |               send time, microseconds modulo 2^32             |
    +-------------------------------+---------------+---------------+
    |         parity block          | parity index  |   reserved    |
    +-------------------------------+---------------+---------------+

    version   1
    type      0 data, 1 feedback, 2 skip, 3 probe
    flags     bit 0 copy, bit 1 repair, bit 2 congestion mark (RFC 6040's CE, carried to the other
              end), bit 3 reply (probe), the others zero
    path      the path that the datagram travels on, 0 to 255
    class     class of flows (data, skip), whose tunnel sequence this is; 0 otherwise
    session epoch     chosen at random by each end when it starts; a new one is a restart
    tunnel sequence   data: number of the inner packet within its class; otherwise 0
    path sequence     number of the datagram on its path; data has one numbering, all else another
    send time         of the sender's clock, at the moment of sending
    parity block, parity index   which repair block the datagram belongs to (0: none)

Sequence numbers are the low 32 bits of an unlimited count; `expand` restores the rest.

Data body: the inner IP packet. Feedback body (32 bytes, then 4 for each further range):

    +---------------+---------------+-------------------------------+
    |  about path   | more ranges n |           reserved            |
    +---------------+---------------+-------------------------------+
    |                  largest path sequence received               |
    +---------------------------------------------------------------+
    |              receive time of it, microseconds                 |
    +---------------------------------------------------------------+
    |              echo of its send time, microseconds              |
    +---------------------------------------------------------------+
    |         ACK: one above the highest contiguous, or NACK+1 ..   |
    +---------------------------------------------------------------+
    |         NACK: one above the highest missing given up, or 0    |
    +---------------------------------------------------------------+
    |                  congestion marks received                    |
    +---------------------------------------------------------------+
    |   length of the range that ends with the largest received     |
    +-------------------------------+-------------------------------+   n times, downwards:
    |  missing before that range    |   length of the next range    |
    +-------------------------------+-------------------------------+

Acknowledged ranges are those of RFC 9000, section 19.3. ACK and NACK are the dissertation's
(section 3.2.3): when the receiver believes that a datagram will never come it raises NACK to the
highest such number and continues ACK above it. (Here both are one above, so that 0 is "none".)

Skip body ("do not wait for these"): count (2 bytes), reserved (2), then for each range the first
tunnel sequence (4) and the length (4). Probe body: number (4), echo of the request's send time (4),
the sender's smoothed round-trip time in microseconds (4).
"""

from __future__ import annotations

import struct

from mpsim.tunnel.packet import Packet

VERSION = 1
DATA, FEEDBACK, SKIP, PROBE = range(4)
FLAG_COPY, FLAG_REPAIR, FLAG_CONGESTION, FLAG_REPLY = 1, 2, 4, 8
KNOWN_FLAGS = FLAG_COPY | FLAG_REPAIR | FLAG_CONGESTION | FLAG_REPLY

HEADER_SIZE = 24
TAG_SIZE = 16
OUTER_SIZE = 28  # IPv4 and UDP
OVERHEAD = OUTER_SIZE + HEADER_SIZE + TAG_SIZE
FEEDBACK_BODY, RANGE_SIZE, SKIP_BODY, SKIP_RANGE, PROBE_BODY = 32, 4, 4, 8, 12
MOST_RANGES = 32  # further ranges in one feedback; a bound of ours, not of the format
MOST_SKIP_RANGES = 64

SEQUENCE_MASK = 0xFFFF_FFFF
_HALF = 0x8000_0000
_SHORT = 0xFFFF
MICROSECONDS = 1_000_000

_HEADER = struct.Struct("!BBBBIIIIHBB")
_FEEDBACK = struct.Struct("!BBHIIIIIII")
_RANGE = struct.Struct("!HH")
_SKIP = struct.Struct("!HH")
_SKIP_RANGE = struct.Struct("!II")
_PROBE = struct.Struct("!III")
_TAG = bytes(TAG_SIZE)


class WireError(ValueError):
    """A datagram that cannot be decoded; `cause` is a word to count it by."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Data:
    """An inner packet on its way over one path. size: IP bytes on the wire, outer headers included.

    The sending path keeps the datagram until it is acknowledged, with its own notes on it, which do
    not travel: time (s) it was sent, and delivered, delivered_time, first_sent, app_limited for the
    delivery-rate sample (draft-cheng-iccrg-delivery-rate-estimation, section 3.2).
    """

    __slots__ = (
        "app_limited",
        "block",
        "cls",
        "delivered",
        "delivered_time",
        "epoch",
        "first_sent",
        "flags",
        "index",
        "packet",
        "path",
        "path_sequence",
        "sent_us",
        "size",
        "time",
        "tunnel_sequence",
    )
    type = DATA
    time: float
    delivered: int
    delivered_time: float
    first_sent: float
    app_limited: bool

    def __init__(
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
        self.size = packet.size + OVERHEAD


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

    def __init__(
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
        self.size = OVERHEAD + FEEDBACK_BODY + RANGE_SIZE * (len(ranges) - 1)


class Skip:
    """Tunnel sequences (first, length) of one class that will never come."""

    __slots__ = ("cls", "epoch", "flags", "path", "path_sequence", "ranges", "sent_us", "size")
    type = SKIP

    def __init__(
        self,
        epoch: int,
        path: int,
        path_sequence: int,
        sent_us: int,
        cls: int,
        ranges: tuple[tuple[int, int], ...],
    ) -> None:
        self.epoch = epoch
        self.path = path
        self.path_sequence = path_sequence
        self.sent_us = sent_us
        self.cls = cls
        self.ranges = ranges
        self.flags = 0
        self.size = OVERHEAD + SKIP_BODY + SKIP_RANGE * len(ranges)


class Probe:
    """A question about a path, or (flag reply) its answer."""

    __slots__ = ("echo_us", "epoch", "flags", "number", "path", "path_sequence", "sent_us", "size", "srtt_us")
    type = PROBE

    def __init__(
        self,
        epoch: int,
        path: int,
        path_sequence: int,
        sent_us: int,
        number: int,
        echo_us: int = 0,
        srtt_us: int = 0,
        flags: int = 0,
    ) -> None:
        self.epoch = epoch
        self.path = path
        self.path_sequence = path_sequence
        self.sent_us = sent_us
        self.number = number
        self.echo_us = echo_us
        self.srtt_us = srtt_us
        self.flags = flags
        self.size = OVERHEAD + PROBE_BODY


Datagram = Data | Feedback | Skip | Probe


def expand(low: int, expected: int) -> int:
    """Return the count nearest to `expected` whose low 32 bits are those of `low`."""
    return expected + ((low - expected + _HALF) & SEQUENCE_MASK) - _HALF


def microseconds(now: float) -> int:
    """Return a time (s) as it travels on the wire."""
    return int(now * MICROSECONDS) & SEQUENCE_MASK


def elapsed(later_us: int, earlier_us: int) -> float:
    """Return the seconds between two wire times, at most 2^32 microseconds apart."""
    return ((later_us - earlier_us) & SEQUENCE_MASK) / MICROSECONDS


def encode(datagram: Datagram) -> bytes:
    """Return the bytes of a datagram, its tag zero."""
    if isinstance(datagram, Data):
        payload = datagram.packet.payload
        body = payload if isinstance(payload, bytes) else bytes(datagram.packet.size)
        return b"".join((encode_data_header(datagram), body, _TAG))
    return b"".join((_control_header(datagram), _body(datagram), _TAG))


def encode_data_header(datagram: Data) -> bytes:
    """Return the 24 header bytes of a data datagram."""
    return _HEADER.pack(
        VERSION << 4 | DATA,
        datagram.flags,
        datagram.path,
        datagram.cls,
        datagram.epoch,
        datagram.tunnel_sequence & SEQUENCE_MASK,
        datagram.path_sequence & SEQUENCE_MASK,
        datagram.sent_us,
        datagram.block,
        datagram.index,
        0,
    )


def _control_header(datagram: Feedback | Skip | Probe) -> bytes:
    cls = datagram.cls if isinstance(datagram, Skip) else 0
    return _HEADER.pack(
        VERSION << 4 | datagram.type,
        datagram.flags,
        datagram.path,
        cls,
        datagram.epoch,
        0,
        datagram.path_sequence & SEQUENCE_MASK,
        datagram.sent_us,
        0,
        0,
        0,
    )


def _body(datagram: Feedback | Skip | Probe) -> bytes:
    if isinstance(datagram, Feedback):
        (first, largest), *rest = datagram.ranges
        parts = [
            _FEEDBACK.pack(
                datagram.about,
                len(rest),
                0,
                largest & SEQUENCE_MASK,
                datagram.received_us,
                datagram.echo_us,
                datagram.ack & SEQUENCE_MASK,
                datagram.nack & SEQUENCE_MASK,
                datagram.marks & SEQUENCE_MASK,
                largest - first + 1,
            )
        ]
        for low, high in rest:
            parts.append(_RANGE.pack(first - high - 1, high - low + 1))
            first = low
        return b"".join(parts)
    if isinstance(datagram, Skip):
        pieces = [_SKIP.pack(len(datagram.ranges), 0)]
        pieces += [_SKIP_RANGE.pack(first & SEQUENCE_MASK, length) for first, length in datagram.ranges]
        return b"".join(pieces)
    return _PROBE.pack(datagram.number & SEQUENCE_MASK, datagram.echo_us, datagram.srtt_us)


def decode(data: bytes) -> Datagram:
    """Return the datagram in `data`; raises WireError with the cause if it is damaged.

    Sequence numbers come back as their low 32 bits.
    """
    if len(data) < HEADER_SIZE + TAG_SIZE:
        raise WireError("truncated")
    kind, flags, path, cls, epoch, tunnel_sequence, path_sequence, sent_us, block, index, reserved = (
        _HEADER.unpack_from(data)
    )
    if kind >> 4 != VERSION:
        raise WireError("version")
    if flags & ~KNOWN_FLAGS or reserved:
        raise WireError("reserved")
    kind &= 0xF
    body = data[HEADER_SIZE:-TAG_SIZE]
    if kind == DATA:
        try:
            packet = Packet.from_bytes(body)
        except ValueError:
            raise WireError("payload") from None
        return Data(epoch, path, path_sequence, sent_us, cls, tunnel_sequence, packet, flags, block, index)
    if tunnel_sequence or block or index:
        raise WireError("reserved")
    if kind == FEEDBACK:
        return _decode_feedback(body, epoch, path, path_sequence, sent_us)
    if kind == SKIP:
        return _decode_skip(body, epoch, path, path_sequence, sent_us, cls)
    if kind == PROBE:
        if len(body) != PROBE_BODY:
            raise WireError("length")
        number, echo_us, srtt_us = _PROBE.unpack(body)
        return Probe(epoch, path, path_sequence, sent_us, number, echo_us, srtt_us, flags)
    raise WireError("type")


def recode(datagram: Datagram) -> Datagram:
    """Return a datagram after a way through bytes, its inner packet the same object.

    For the simulation's check that nothing depends on what the wire does not carry. A simulated inner
    packet has no bytes: an IPv4 header of its length and zeros stand for it.
    """
    if not isinstance(datagram, Data):
        return decode(encode(datagram))
    packet = datagram.packet
    stand_in = struct.pack("!BBH", 0x45, 0, packet.size) + bytes(packet.size - 4)
    copy = decode(b"".join((encode_data_header(datagram), stand_in, _TAG)))
    if not isinstance(copy, Data):
        raise AssertionError("data came back as something else")
    copy.packet = packet
    return copy


def _decode_feedback(body: bytes, epoch: int, path: int, path_sequence: int, sent_us: int) -> Feedback:
    if len(body) < FEEDBACK_BODY:
        raise WireError("length")
    about, more, reserved, largest, received_us, echo_us, ack, nack, marks, length = _FEEDBACK.unpack_from(body)
    if len(body) != FEEDBACK_BODY + more * RANGE_SIZE:
        raise WireError("length")
    if reserved or more > MOST_RANGES or not length:
        raise WireError("ranges")
    # Below 0 these count back from 2^32: `expand` puts them right whatever the offset is.
    first = largest - length + 1
    ranges = [(first, largest)]
    for number in range(more):
        missing, length = _RANGE.unpack_from(body, FEEDBACK_BODY + number * RANGE_SIZE)
        if not missing or not length:
            raise WireError("ranges")
        high = first - missing - 1
        first = high - length + 1
        ranges.append((first, high))
    return Feedback(epoch, path, path_sequence, sent_us, about, tuple(ranges), received_us, echo_us, ack, nack, marks)


def _decode_skip(body: bytes, epoch: int, path: int, path_sequence: int, sent_us: int, cls: int) -> Skip:
    if len(body) < SKIP_BODY:
        raise WireError("length")
    count, reserved = _SKIP.unpack_from(body)
    if len(body) != SKIP_BODY + count * SKIP_RANGE:
        raise WireError("length")
    if reserved or not count or count > MOST_SKIP_RANGES:
        raise WireError("ranges")
    ranges = tuple(_SKIP_RANGE.unpack_from(body, SKIP_BODY + number * SKIP_RANGE) for number in range(count))
    if any(not length or length > _SHORT for _, length in ranges):
        raise WireError("ranges")
    return Skip(epoch, path, path_sequence, sent_us, cls, ranges)
