"""How a real path is filled and what is learnt from it, without sockets or clock.

The sender keeps so many packets in flight that a queue always waits at the bottleneck: it opens its window while the
round-trip time is below 750 ms and closes it above 3 s (Winstein et al., "Stochastic Forecasts Achieve High Throughput
and Low Delay over Cellular Networks", NSDI 2013, section 4.1). What then comes out at the other end is what the path
can carry.
"""

from __future__ import annotations

from mpsim.network.rate import OPPORTUNITY_BYTES

LOW, HIGH = 0.75, 3.0  # s: between these round-trip times the window stays
FIRST_WINDOW, LEAST_WINDOW, MOST_WINDOW = 20.0, 10.0, 100_000.0  # packets
# After this long without an answer the path is out, and probed instead of filled.
SILENCE = 1.0  # s
PROBE_EVERY = 0.1  # s


class SaturatingWindow:
    """How many packets are to be in flight, by the round-trip times of those that are acknowledged."""

    __slots__ = ("_acknowledged_at", "_closed_at", "_probed_at", "packets")

    def __init__(self, now: float) -> None:
        self.packets = FIRST_WINDOW
        self._closed_at = now
        self._acknowledged_at = now
        self._probed_at = now

    def on_acknowledged(self, rtt: float, now: float) -> None:
        """Learn a round-trip time (s): open by one packet each, or halve at most once a round trip."""
        self._acknowledged_at = now
        if rtt < LOW:
            self.packets = min(MOST_WINDOW, self.packets + 1.0)
        elif rtt > HIGH and now - self._closed_at > rtt:
            self.packets = max(LEAST_WINDOW, self.packets / 2)
            self._closed_at = now

    def may_send(self, in_flight: int, now: float) -> bool:
        """Return whether one more packet is to be sent; while nothing is heard, one in 100 ms."""
        if now - self._acknowledged_at <= SILENCE:
            return in_flight < self.packets
        if now - self._probed_at < PROBE_EVERY:
            return False
        self._probed_at = now
        return True


class Allowance:
    """At most so many bytes a second, in bursts of at most 10 ms.

    Parameters
        bytes_per_second: the limit
        now: when it begins, s
    """

    __slots__ = ("_at", "_left", "bytes_per_second")

    BURST = 0.010  # s

    def __init__(self, bytes_per_second: float, now: float) -> None:
        self.bytes_per_second = bytes_per_second
        self._left = 0.0
        self._at = now

    def takes(self, size: int, now: float) -> bool:
        """Return whether `size` bytes may be sent now, and count them if so."""
        most = max(float(size), self.bytes_per_second * self.BURST)
        self._left = min(most, self._left + (now - self._at) * self.bytes_per_second)
        self._at = now
        if self._left < size:
            return False
        self._left -= size
        return True


class Deliveries:
    """Opportunities from arrivals: one whenever 1500 IP bytes more are complete, in seconds from the first arrival."""

    __slots__ = ("_begin", "_bytes", "times")

    def __init__(self) -> None:
        self._begin: float | None = None
        self._bytes = 0
        self.times: list[float] = []

    def on_arrival(self, size: int, now: float) -> None:
        """Count a packet of `size` IP bytes."""
        if self._begin is None:
            self._begin = now
        self._bytes += size
        while self._bytes >= OPPORTUNITY_BYTES:
            self._bytes -= OPPORTUNITY_BYTES
            self.times.append(now - self._begin)

    def opportunities(self, duration: float) -> list[float]:
        """Return those of the first `duration` seconds, the last one at the end. Raises ValueError if there is none."""
        kept = [time for time in self.times if time <= duration]
        if not kept:
            raise ValueError("nothing arrived")
        kept[-1] = duration
        return kept
