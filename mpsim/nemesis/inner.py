"""The inner packets of a run: whole IP packets that say whose they are, and which."""

from __future__ import annotations

import struct
from typing import NamedTuple

from mpsim.tunnel.packet import DSCP_EXPEDITED, ICMP, TCP, UDP

_IPV4 = struct.Struct("!BBHHHBBHII")
_MARK = struct.Struct("!8sBBBI")
_MAGIC = b"nemesis\0"
# Protocol and type of service of each class.
_CLASSES = ((TCP, 0), (UDP, 0), (ICMP, 0), (UDP, DSCP_EXPEDITED << 2))
SMALLEST = _IPV4.size + 8 + _MARK.size
HOSTILE = 0xFF  # "life" of what a hostile end makes up


class Mark(NamedTuple):
    """Which packet it is: the side (0, 1) and the life of who gave it to the tunnel, its class, its number there."""

    side: int
    life: int
    cls: int
    number: int


def packet(mark: Mark, size: int) -> bytes:
    """Return the packet of a mark, `size` bytes."""
    protocol, tos = _CLASSES[mark.cls]
    header = _IPV4.pack(0x45, tos, size, 0, 0, 64, protocol, 0, 0x0A000001 + mark.side, 0x0A000002 - mark.side)
    body = header + bytes.fromhex("1389138a00000000") + _MARK.pack(_MAGIC, *mark)
    return body.ljust(size, b"\xa5")


def mark_of(data: bytes) -> Mark | None:
    """Return the mark of a packet, None if it has none."""
    if len(data) < SMALLEST:
        return None
    magic, *rest = _MARK.unpack_from(data, _IPV4.size + 8)
    return Mark(*rest) if magic == _MAGIC else None
