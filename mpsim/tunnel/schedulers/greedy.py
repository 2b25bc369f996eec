"""Greedy pull: one shared queue, and each path takes from it whenever its window opens.

The dissertation's load balancing (sections 1.2 and 3.1): congestion control alone decides the split.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.units import BITS_PER_BYTE


class Greedy(Scheduler):
    """Each path takes the head of the shared queue whenever its window is open (the dissertation, section 3.1).

    With a backlog the order does not matter. Without one (the inner flow cannot fill all windows)
    it decides the split: of several paths with room the one that is expected to deliver first goes first
    (as in earliest delivery path first, Chebrolu and Rao, TMC 2006): what it has in flight, over its
    delivery rate, and half its least round-trip time. By round-trip time alone one window would be filled
    before the others get anything; by the share of the window in use a path of too large a window would
    keep a queue that nobody needs.
    """

    name = "greedy"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        chosen = None
        least = 0.0
        size = packet.size
        for path in paths:
            if path.can_send(size, now):
                expected = expected_delay(path, size)
                if chosen is None or expected < least:
                    chosen, least = path, expected
        return chosen


def expected_delay(path: PathView, size: int) -> float:
    """Return how long `size` bytes more take to arrive by a path (s); 0: nothing is known of it, it is to be tried."""
    ahead = path.bytes_in_flight + path.queued_bytes + size
    rate = path.delivery_rate
    if rate:
        return ahead * BITS_PER_BYTE / rate + path.min_rtt / 2
    if path.srtt:
        return ahead / path.cwnd * path.srtt + path.min_rtt / 2
    return 0.0
