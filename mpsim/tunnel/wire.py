"""The tunnel's datagrams, as objects and as bytes.

Every datagram begins with this header (24 bytes, network byte order), then comes the body, and at
the end a 16-byte authentication tag (zero in mode "none", but on the wire and in every budget; in the
others it covers the header, and in mode "aead" the body is encrypted: security/session.py):

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
    |         parity block          | parity index  |      key      |
    +-------------------------------+---------------+---------------+

    version   1
    type      0 data, 1 feedback, 2 skip, 3 probe, 4 parity; 5 initiation, 6 response, 7 cookie: handshake
              messages (security/messages.py)
    flags     bit 0 copy, bit 1 repair (alone: sent again, or parity; both: reinjected), bit 2
              congestion mark (RFC 6040's CE, carried to the other end), bit 3 reply (probe), the others zero
    path      the path that the datagram travels on, 0 to 255
    class     class of flows (data, parity, skip), whose tunnel sequence this is; 0 otherwise
    session epoch     chosen at random by each end when it starts; a new one is a restart
    tunnel sequence   data: number of the inner packet within its class; parity: of the first one that it
                      protects; otherwise 0
    path sequence     number of the datagram on its path; data and parity have one numbering, all else another
    send time         of the sender's clock, at the moment of sending
    parity block      parity: how many inner packets it protects, 1 to 255, consecutive in their class
    parity index      parity: which of their parity datagrams it is, from 0; with the block at most 255
    key               modes "aead" and "mac": which of its keys the receiver needs, by the number that it gave them
                      in the handshake, 1 to 255; otherwise 0

Sequence numbers are the low 32 bits of an unlimited count; `expand` restores the rest.

Data body: the inner IP packet. Parity body: a vector as long as the longest of the packets; the code is
that of repair/codes.py. Feedback body (32 bytes, then 4 for each further range):

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
the sender's smoothed round-trip time in microseconds (4), then zeros if it looks for the path's MTU.
"""

from __future__ import annotations

import struct

from mpsim.tunnel.bodies import DECODERS, SEQUENCE_MASK, WireError, encode_body
from mpsim.tunnel.datagrams import (
    DATA,
    FEEDBACK,
    FEEDBACK_BODY,
    FLAG_CONGESTION,
    FLAG_COPY,
    FLAG_REPAIR,
    FLAG_REPLY,
    HEADER_SIZE,
    INITIATION,
    KNOWN_FLAGS,
    MOST_RANGES,
    MOST_SKIP_RANGES,
    OUTER_SIZE,
    OVERHEAD,
    PARITY,
    PROBE,
    PROBE_BODY,
    RANGE_SIZE,
    SKIP,
    SKIP_BODY,
    SKIP_RANGE,
    TAG_SIZE,
    Data,
    Datagram,
    Feedback,
    Handshake,
    Parity,
    Probe,
    Skip,
)
from mpsim.tunnel.packet import Packet

__all__ = [
    "DATA",
    "FEEDBACK",
    "FEEDBACK_BODY",
    "FLAG_CONGESTION",
    "FLAG_COPY",
    "FLAG_REPAIR",
    "FLAG_REPLY",
    "HEADER_SIZE",
    "KNOWN_FLAGS",
    "MICROSECONDS",
    "MOST_RANGES",
    "MOST_SKIP_RANGES",
    "OUTER_SIZE",
    "OVERHEAD",
    "PARITY",
    "PROBE",
    "PROBE_BODY",
    "RANGE_SIZE",
    "SEQUENCE_MASK",
    "SKIP",
    "SKIP_BODY",
    "SKIP_RANGE",
    "TAG_SIZE",
    "VERSION",
    "Data",
    "Datagram",
    "Feedback",
    "Parity",
    "Probe",
    "Skip",
    "WireError",
    "decode",
    "decode_parts",
    "elapsed",
    "encode",
    "encode_data_header",
    "encode_stand_in",
    "expand",
    "handshake_header",
    "is_handshake",
    "microseconds",
    "recode",
]

VERSION = 1
_HALF = 0x8000_0000
MICROSECONDS = 1_000_000

_HEADER = struct.Struct("!BBBBIIIIHBB")
_TAG = bytes(TAG_SIZE)


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
    if isinstance(datagram, Handshake):
        return datagram.data
    if isinstance(datagram, Data):
        payload = datagram.packet.payload
        body = payload if isinstance(payload, bytes) else bytes(datagram.packet.size)
        return b"".join((encode_data_header(datagram), body, _TAG))
    return b"".join((_control_header(datagram), encode_body(datagram), _TAG))


def encode_data_header(datagram: Data) -> bytes:
    """Return the 24 header bytes of a data or parity datagram."""
    return _HEADER.pack(
        VERSION << 4 | datagram.type,
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


def handshake_header(kind: int, epoch: int, path: int, sent_us: int) -> bytes:
    """Return the 24 header bytes of a handshake message."""
    return _HEADER.pack(VERSION << 4 | kind, 0, path, 0, epoch, 0, 0, sent_us, 0, 0, 0)


def encode_stand_in(datagram: Data) -> bytes:
    """Return the bytes of data whose packet has none: an IPv4 header of its length and zeros stand for it."""
    size = datagram.packet.size
    return b"".join((encode_data_header(datagram), struct.pack("!BBH", 0x45, 0, size), bytes(size - 4), _TAG))


def is_handshake(data: bytes) -> bool:
    """Return whether bytes say of themselves that they are a handshake message."""
    return len(data) > HEADER_SIZE and data[0] >> 4 == VERSION and data[0] & 0xF >= INITIATION


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


def decode(data: bytes, overhead: int = OVERHEAD) -> Datagram:
    """Return the datagram in `data`; raises WireError with the cause if it is damaged.

    Sequence numbers come back as their low 32 bits. overhead: bytes that it has on the path beside its body.
    """
    if len(data) < HEADER_SIZE + TAG_SIZE:
        raise WireError("truncated")
    return decode_parts(data, data[HEADER_SIZE:-TAG_SIZE], overhead)


def decode_parts(head: bytes, body: bytes, overhead: int = OVERHEAD, key: int = 0) -> Datagram:
    """Do as `decode` does, with the header (what `head` begins with) and the body apart; key: what its last byte is."""
    header = _HEADER.unpack_from(head)
    kind, flags, path, cls, epoch, tunnel_sequence, path_sequence, sent_us, block, index, last = header
    if kind >> 4 != VERSION:
        raise WireError("version")
    if flags & ~KNOWN_FLAGS or last != key:
        raise WireError("reserved")
    kind &= 0xF
    if kind == DATA:
        try:
            packet = Packet.from_bytes(body)
        except ValueError:
            raise WireError("payload") from None
        return Data(epoch, path, path_sequence, sent_us, cls, tunnel_sequence, packet, flags, block, index, overhead)
    if kind != PARITY and (tunnel_sequence or block or index):
        raise WireError("reserved")
    read = DECODERS.get(kind)
    if read is None:
        raise WireError("type")
    return read(body, header, overhead)


def recode(datagram: Datagram, overhead: int = OVERHEAD) -> Datagram:
    """Return a datagram after a way through bytes, its inner packet the same object.

    For the simulation's check that nothing depends on what the wire does not carry.
    """
    if not isinstance(datagram, Data):
        return decode(encode(datagram), overhead)
    copy = decode(encode_stand_in(datagram), overhead)
    if not isinstance(copy, Data):
        raise AssertionError("data came back as something else")
    copy.packet = datagram.packet
    return copy
