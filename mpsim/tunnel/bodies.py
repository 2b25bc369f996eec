"""The bodies of all datagrams but data, as bytes and back; wire.py draws them.

Sequence numbers come back as their low 32 bits, or counted down from there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from mpsim.tunnel.datagrams import (
    FEEDBACK,
    FEEDBACK_BODY,
    MOST_RANGES,
    MOST_SKIP_RANGES,
    PARITY,
    PROBE,
    PROBE_BODY,
    RANGE_SIZE,
    SKIP,
    SKIP_BODY,
    SKIP_RANGE,
    Datagram,
    Feedback,
    Parity,
    Probe,
    Skip,
)
from mpsim.tunnel.packet import Packet

SEQUENCE_MASK = 0xFFFF_FFFF
_SHORT = 0xFFFF
_MOST_SYMBOLS = 255  # packets and parity of one block: GF(256) has no more

_FEEDBACK = struct.Struct("!BBHIIIIIII")
_RANGE = struct.Struct("!HH")
_SKIP = struct.Struct("!HH")
_SKIP_RANGE = struct.Struct("!II")
_PROBE = struct.Struct("!III")


class WireError(ValueError):
    """A datagram that cannot be decoded; `cause` is a word to count it by."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def encode_body(datagram: Feedback | Skip | Probe) -> bytes:
    """Return the body of a control datagram."""
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
    probe = _PROBE.pack(datagram.number & SEQUENCE_MASK, datagram.echo_us, datagram.srtt_us)
    return probe + bytes(datagram.padding) if datagram.padding else probe


def _decode_parity(body: bytes, header: tuple[int, ...], overhead: int) -> Parity:
    _, flags, path, cls, epoch, tunnel_sequence, path_sequence, sent_us, block, index, _ = header
    if not body:
        raise WireError("length")
    if not block or block + index > _MOST_SYMBOLS:
        raise WireError("parity")
    packet = Packet(len(body), None, body, cls=cls)
    return Parity(epoch, path, path_sequence, sent_us, cls, tunnel_sequence, packet, flags, block, index, overhead)


def _decode_feedback(body: bytes, header: tuple[int, ...], overhead: int) -> Feedback:
    _, _, path, _, epoch, _, path_sequence, sent_us, *_ = header
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
    numbers = (received_us, echo_us, ack, nack, marks)
    return Feedback(epoch, path, path_sequence, sent_us, about, tuple(ranges), *numbers, overhead)


def _decode_skip(body: bytes, header: tuple[int, ...], overhead: int) -> Skip:
    _, _, path, cls, epoch, _, path_sequence, sent_us, *_ = header
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
    return Skip(epoch, path, path_sequence, sent_us, cls, ranges, overhead)


def _decode_probe(body: bytes, header: tuple[int, ...], overhead: int) -> Probe:
    _, flags, path, _, epoch, _, path_sequence, sent_us, *_ = header
    padding = len(body) - PROBE_BODY
    if padding < 0:
        raise WireError("length")
    if padding and body.count(0, PROBE_BODY) != padding:
        raise WireError("reserved")
    number, echo_us, srtt_us = _PROBE.unpack_from(body)
    return Probe(epoch, path, path_sequence, sent_us, number, echo_us, srtt_us, flags, overhead, padding)


DECODERS: dict[int, Callable[[bytes, tuple[int, ...], int], Datagram]] = {
    FEEDBACK: _decode_feedback,
    SKIP: _decode_skip,
    PROBE: _decode_probe,
    PARITY: _decode_parity,
}
