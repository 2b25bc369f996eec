"""Linux's own scheduler of Multipath TCP version 1 (net/mptcp/protocol.c, mptcp_subflow_get_send; since 5.9).

The subflow whose send queue is flushed first takes a burst. The pacing rate is that of the congestion control,
or what Linux's TCP would pace with (tcp_update_pacing_rate): twice the window a round trip below half of
ssthresh, 1.2 times it above. A subflow's send buffer has 2 x 4352 bytes for each segment of its window, and at
least for ten (tcp_sndbuf_expand); packets of some 1450 bytes fill it with six windows. In Linux a burst also ends
where the receive window does.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.units import BITS_PER_BYTE

NEVER = float("inf")
SLOW_START_RATIO, AVOIDANCE_RATIO = 2.0, 1.2  # tcp_pacing_ss_ratio, tcp_pacing_ca_ratio
LEAST_SEGMENTS = 10  # TCP_INIT_CWND


class LinuxDefault(Scheduler):
    """A burst to the path that flushes what it holds first, by its average pacing rate (Linux net/mptcp/protocol.c).

    Parameters
        burst: what a path takes before the choice is made anew, bytes (MPTCP_SEND_BURST_SIZE)
        send_buffer: a path holds at most so many of its windows, sent or not; then all wait, ratio
    """

    name = "linux-default"
    positive = ("burst", "send_buffer")

    def __init__(self, *, burst: int = 65428, send_buffer: float = 6.0) -> None:
        self.burst = burst
        self.send_buffer = send_buffer
        self._current = -1  # index of the path that has the burst
        self._left = 0  # bytes of it
        self._pacing: dict[int, float] = {}  # average, bytes/s

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        if not paths:
            return None
        chosen = None
        if self._left > 0:
            mine = [path for path in paths if path.index == self._current and self._has_room(path, packet, now)]
            chosen = mine[0] if mine else None
        if chosen is None:
            chosen = min(paths, key=lambda path: (self._linger_time(path), path.index))
            if not self._has_room(chosen, packet, now):
                return None
            self._begin_burst(chosen)
        self._left -= packet.size
        return chosen

    def _has_room(self, path: PathView, packet: Packet, now: float) -> bool:
        """Return whether the send buffer takes the packet; without a window there is none to measure it by."""
        if path.cwnd == NEVER:
            return path.can_send(packet.size, now)
        held = path.bytes_in_flight + path.queued_bytes
        return not held or held + packet.size <= self.send_buffer * max(path.cwnd, LEAST_SEGMENTS * path.mss)

    def _linger_time(self, path: PathView) -> float:
        """Return how long the path takes to send all it holds (s); 0: its rate is not known yet."""
        rate = self._pacing.get(path.index) or pacing_rate(path)
        return (path.bytes_in_flight + path.queued_bytes) / rate

    def _begin_burst(self, path: PathView) -> None:
        rate = pacing_rate(path)
        self._current, self._left = path.index, self.burst
        if rate < NEVER:
            held = path.bytes_in_flight + path.queued_bytes
            average = self._pacing.get(path.index, rate)
            self._pacing[path.index] = (average * held + rate * self.burst) / (held + self.burst)


def pacing_rate(path: PathView) -> float:
    """Return what Linux's TCP would pace with, bytes/s; infinity: not known yet."""
    if path.pacing_rate is not None:
        return path.pacing_rate / BITS_PER_BYTE or NEVER
    if path.cwnd == NEVER:
        return AVOIDANCE_RATIO * path.delivery_rate / BITS_PER_BYTE or NEVER
    if not path.srtt:
        return NEVER
    ratio = SLOW_START_RATIO if path.cwnd < path.ssthresh / 2 else AVOIDANCE_RATIO
    return ratio * max(path.cwnd, path.bytes_in_flight) / path.srtt
