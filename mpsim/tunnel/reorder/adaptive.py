"""A timeout that follows the paths' difference in delay (MP-DCCP's adaptive expiration)."""

from __future__ import annotations

from collections.abc import Callable

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.reorder.base import RECOVERED
from mpsim.tunnel.reorder.latency import Latencies
from mpsim.tunnel.reorder.timeout import FixedTimeout


class AdaptiveTimeout(FixedTimeout):
    """Packets wait as long as the slowest path is behind the fastest, and a little more ("adaptive").

        wait = min(max_i L_i - min_i L_i + offset, timeout) + repair

    L_i: smoothed one-way delay of path i. draft-amend-iccrg-multipath-reordering, adaptive expiration;
    there the offset is 5 ms and the cap 100 ms. Our offset is larger: a bottleneck's queue comes and goes
    within a round trip.

    Parameters
        timeout: cap of the wait, seconds
        offset: on top of the difference, seconds
        inactive: a path without packets for so many arrivals does not count, count
        late: what happens to a packet whose hole was given up, "pass" or "drop"
        most_packets: most packets held; beyond it the first hole is given up, count
        repair: how long a repair takes that is worth waiting for, asked for anew; seconds
    """

    __slots__ = ("_latencies", "_repair", "offset")

    def __init__(
        self,
        deliver: Callable[[Packet], object],
        *,
        timeout: float = 0.1,
        offset: float = 0.02,
        inactive: int = 250,
        late: str = "pass",
        most_packets: int = 16_384,
        repair: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(deliver, timeout=timeout, late=late, most_packets=most_packets)
        self.offset = offset
        self.eager = True  # the difference may become smaller while something waits
        self._repair = repair
        self._latencies = Latencies(inactive)
        self.wait = min(offset, timeout) if repair is None else timeout

    def insert(  # what the header says
        self, sequence: int, packet: Packet, now: float, path: int = RECOVERED, number: int = 0, sent_us: int = 0
    ) -> bool:
        if path != RECOVERED:
            self._latencies.note(path, sent_us, now)
            wait = min(self._latencies.spread() + self.offset, self.timeout)
            self.wait = wait if self._repair is None else wait + self._repair()
        return super().insert(sequence, packet, now, path, number, sent_us)
