"""Shortest transfer time first (Hurtig et al., "Low-Latency Scheduling in MPTCP", ToN 2019, section IV).

The time until a packet arrives is simulated round by round: what does not fit into the window now goes in a
later round trip, when the window has grown. A packet may therefore wait for a near path of a full window
while a far one is open. The implementation (mptcp_sttf.c) queues such packets on their subflow, and takes
all of them back when it would now share them out otherwise. Here only those are committed to a path that
must be, because something behind them goes by another path at once; the rest stay in the ingress queue.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler

NEVER = float("inf")


class Sttf(Scheduler):
    """The path by which the packet arrives first, rounds of growing windows counted (Hurtig et al., ToN 2019).

    As in the source a window doubles each round up to ssthresh, and grows by one packet above; the
    round-trip time is the last sample, not the smoothed one.
    """

    name = "sttf"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        size = packet.size
        chosen, least, somewhere = None, NEVER, False
        for path in paths:
            is_open = path.can_send(size, now)
            somewhere = somewhere or is_open
            time = transfer_time(path, size) if path.latest_rtt or is_open else NEVER
            if chosen is None or time < least:
                chosen, least = path, time
        return chosen if somewhere else None


def transfer_time(path: PathView, size: int) -> float:
    """Return how long `size` bytes behind what is queued on a path take to arrive (s); 0: nothing is known."""
    rtt = path.latest_rtt
    left = path.queued_bytes + size - max(0.0, path.cwnd - path.bytes_in_flight)
    if left <= 0:
        return rtt / 2
    window = _grown(path.cwnd, path.ssthresh, path.mss)
    rounds = 1
    while left > window:
        left -= window
        window = _grown(window, path.ssthresh, path.mss)
        rounds += 1
    return rounds * rtt + rtt / 2


def _grown(window: float, ssthresh: float, mss: int) -> float:
    return 2 * window if window <= ssthresh else window + mss
