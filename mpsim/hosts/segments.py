"""TCP segments of the simulation: what end hosts see of each other.

Data is numbered in whole segments: of one MSS, the last may be shorter, or of what a source had at the time.
Times stand for the timestamps option (RFC 7323).
"""

from __future__ import annotations

from collections.abc import Hashable

from mpsim.tunnel.inner_tcp import TcpHeader
from mpsim.tunnel.sent import Sent

IP_HEADER, TCP_HEADER, TIMESTAMPS = 20, 20, 12
HEADER = IP_HEADER + TCP_HEADER + TIMESTAMPS
SYN_OPTIONS = 8  # beside timestamps: MSS, SACK permitted, window scale
SYN_SIZE = HEADER + SYN_OPTIONS
SACK_BASE, SACK_BLOCK = 4, 8  # two bytes of option header and two of padding, then each block
MOST_SACK_BLOCKS = 3  # beside timestamps (RFC 2018, section 3)
NO_LIMIT = 1 << 62  # a window that was not written


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

    def tcp_header(self, flow: Hashable) -> TcpHeader:
        """Return what a portal reads of it, in whole segments; flow: the packet's flow key."""
        return TcpHeader(
            flow, opposite(flow), self.index + 1, self.length, self.length, None, 0, self.index < 0, 0, False
        )

    def set_window(self, window: int) -> None:
        """Write the window, which nobody reads in data that flows one way."""

    def again(self) -> Segment:
        """Return the same once more."""
        return Segment(self.index, self.length, self.time)


class Ack:
    """Acknowledgement: everything below `ack`, and `sacks` [first, beyond), newest first.

    echo: the time of the segment that it answers (RFC 7323, section 4.3); duplicate: the first of
    `sacks` reports a segment that had come before (RFC 2883); signal: what Multipath TCP's option says
    beside it, set by a subflow as the acknowledgement leaves; window: segments beyond `ack` that may be sent, None: a
    portal on its way has not written it, and the sender's own limit holds.
    """

    __slots__ = ("ack", "duplicate", "echo", "sacks", "signal", "time", "window")
    signal: object

    def __init__(
        self, ack: int, sacks: tuple[tuple[int, int], ...], echo: float, time: float, duplicate: bool = False
    ) -> None:
        self.ack = ack
        self.sacks = sacks
        self.echo = echo
        self.time = time
        self.duplicate = duplicate
        self.window: int | None = None

    def tcp_header(self, flow: Hashable) -> TcpHeader:
        """Return what a portal reads of it, in whole segments; flow: the packet's flow key."""
        opens = not self.ack and not self.sacks
        return TcpHeader(flow, opposite(flow), 0, 0, 0, self.ack, NO_LIMIT, opens, 0, not self.sacks)

    def set_window(self, window: int) -> None:
        """Write the window, in segments."""
        self.window = window

    def again(self) -> Ack:
        """Return the same once more, without a window."""
        return Ack(self.ack, self.sacks, self.echo, self.time, self.duplicate)


def opposite(flow: Hashable) -> Hashable:
    """Return the flow key of the other direction: a pair of flows has 2 n and 2 n + 1."""
    return flow ^ 1 if isinstance(flow, int) else flow


def ack_size(sack_blocks: int, header: int = HEADER) -> int:
    """Return the IP bytes of a pure acknowledgement; header: bytes of the IP and TCP headers."""
    return header + (SACK_BASE + SACK_BLOCK * sack_blocks if sack_blocks else 0)
