"""OTIAS: out-of-order transmission for in-order arrival (Yang, Wang and Amer, WAINA 2014; mptcp_otias.c).

A packet goes to the path by which it arrives first, a full window counted as the round trips until it is its
turn; it waits there on the path's own queue. Packets are committed so only while another path is open: otherwise
nothing could overtake them, and they wait as well in the ingress queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler, window_of


class Otias(Scheduler):
    """The path by which the packet arrives first, be its window full (Yang, Wang and Amer, WAINA 2014).

    What is queued on a path, and does not fit into its window now, leaves one window in a round trip; from
    leaving to arrival it takes half of one.
    """

    name = "otias"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        if not any(path.can_send(packet.size, now) for path in paths):
            return None
        return min(paths, key=lambda path: (arrival(path, path.can_send(packet.size, now)), path.index))


def arrival(path: PathView, is_open: bool) -> float:
    """Return how long the next packet takes to arrive by a path (s).

    is_open: it would leave at once, which the windows of paths with small packets say better than counts.
    """
    if is_open:
        return path.srtt / 2
    window = max(1.0, window_of(path) // path.mss)  # packets, as the source counts
    free = max(0.0, (window_of(path) - path.bytes_in_flight) // path.mss)
    queued = -(-path.queued_bytes // path.mss)
    waiting = max(1.0, queued - free + 1)
    # A path that nothing is known of, and is full, will be known soon.
    rtt = path.srtt or float("inf")
    return ceil(waiting / window) * rtt + rtt / 2
