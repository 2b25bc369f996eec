"""What Multipath TCP adds to the segments of its subflows (RFC 8684, section 3.3), and its size.

Data is numbered in chunks, each of which fills one segment, as the subflows number their segments.
"""

from __future__ import annotations

from mpsim.hosts.segments import SACK_BASE, SACK_BLOCK

# A mapping with a 64-bit data sequence number and no checksum; a 64-bit data acknowledgement (figure 9).
MAPPING_SIZE = 20
DATA_ACK_SIZE = 12
OPTIONS_SIZE = 40  # of a TCP header at most (RFC 9293)
TIMESTAMPS_SIZE = 12
# One, as Linux has it: what timestamps and data acknowledgement leave room for.
MOST_SACK_BLOCKS = (OPTIONS_SIZE - TIMESTAMPS_SIZE - DATA_ACK_SIZE - SACK_BASE) // SACK_BLOCK


class Chunk:
    """Data that fills one segment: its number in the connection's data, and its payload bytes.

    carriers: which subflows it was given to, a bit for each; the sender's own note.
    """

    __slots__ = ("acked", "carriers", "length", "number")

    def __init__(self, number: int, length: int) -> None:
        self.number = number
        self.length = length
        self.carriers = 0
        self.acked = False


class DataAck:
    """All chunks below `ack` have arrived; those below `beyond` there is room for."""

    __slots__ = ("ack", "beyond")

    def __init__(self, ack: int, beyond: int) -> None:
        self.ack = ack
        self.beyond = beyond
