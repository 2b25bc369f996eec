"""TCP segments of the simulation: what end hosts see of each other.

Data is numbered in whole segments: of one MSS, the last may be shorter, or of what a source had at the time.
Times stand for the timestamps option (RFC 7323).
"""

from __future__ import annotations

from mpsim.tunnel.sent import Sent

IP_HEADER, TCP_HEADER, TIMESTAMPS = 20, 20, 12
HEADER = IP_HEADER + TCP_HEADER + TIMESTAMPS
SYN_OPTIONS = 8  # beside timestamps: MSS, SACK permitted, window scale
SYN_SIZE = HEADER + SYN_OPTIONS
SACK_BASE, SACK_BLOCK = 4, 8  # two bytes of option header and two of padding, then each block
MOST_SACK_BLOCKS = 3  # beside timestamps (RFC 2018, section 3)


class Segment(Sent):
    """Data: segment number `index` (-1: SYN) with `length` payload bytes, sent at `time` (s).

    mapping: what Multipath TCP's option says of it; set by a subflow as the segment leaves.
    """

    __slots__ = ("index", "length", "mapping")
    mapping: object

    def __init__(self, index: int, length: int, time: float) -> None:
        self.index = index
        self.length = length
        self.time = time


class Ack:
    """Acknowledgement: everything below `ack`, and `sacks` [first, beyond), newest first.

    echo: the time of the segment that it answers (RFC 7323, section 4.3); duplicate: the first of
    `sacks` reports a segment that had come before (RFC 2883); signal: what Multipath TCP's option says
    beside it, set by a subflow as the acknowledgement leaves.
    """

    __slots__ = ("ack", "duplicate", "echo", "sacks", "signal", "time")
    signal: object

    def __init__(
        self, ack: int, sacks: tuple[tuple[int, int], ...], echo: float, time: float, duplicate: bool = False
    ) -> None:
        self.ack = ack
        self.sacks = sacks
        self.echo = echo
        self.time = time
        self.duplicate = duplicate


def ack_size(sack_blocks: int, header: int = HEADER) -> int:
    """Return the IP bytes of a pure acknowledgement; header: bytes of the IP and TCP headers."""
    return header + (SACK_BASE + SACK_BLOCK * sack_blocks if sack_blocks else 0)
