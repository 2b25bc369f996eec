"""One direction of an access link: rate, one-way delay, drop-tail queue, random loss, up and down.

    send --> [ queue | transmission at `rate` ] --> loss --> delay --> arrivals

Theory of operation. A packet's departure is known the moment it is sent: it starts when the packet
before it has left, and takes as long as the rate says. So a link keeps no process and no ticks, only
two lines of times, and costs one event a packet: its arrival. A rate that changes by a scripted
event computes the times of what is queued anew; a trace is integrated as it goes.

The queue counts waiting packets; the one in transmission has left it. Packets never overtake each
other. A packet lost at random has used its share of the link (it is lost on the air, not before).
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

from mpsim.network.loss import Loss
from mpsim.network.rate import ConstantRate, Rate
from mpsim.network.varying_delay import VaryingDelay
from mpsim.units import BITS_PER_BYTE


class Link:
    """One direction of a link; sans-IO: the caller brings the time (s) and takes the arrivals.

    Parameters
        rate: how fast the queue empties
        delay: propagation, one way, seconds
        varying_delay: what is added to it over time, or None
        queue_packets: most packets that wait, or None
        queue_bytes: most bytes that wait, or None
        loss: a loss process, or None
        name, direction: for the records ("inbound" | "outbound")
    """

    __slots__ = (
        "_busy_until",
        "_bytes",
        "_capacity",
        "_departures",
        "_last_arrival",
        "_limit_bytes",
        "_limit_packets",
        "_loss",
        "_rate",
        "_seconds_per_byte",
        "_sizes",
        "_varying_delay",
        "delay",
        "delivered_bytes",
        "delivered_packets",
        "direction",
        "drops",
        "line",
        "name",
        "queue_delays",
        "up",
    )

    def __init__(
        self,
        rate: Rate,
        *,
        delay: float = 0.0,
        varying_delay: VaryingDelay | None = None,
        queue_packets: int | None = None,
        queue_bytes: int | None = None,
        loss: Loss | None = None,
        name: str = "",
        direction: str = "",
    ) -> None:
        self.name, self.direction = name, direction
        self.delay = delay
        self._varying_delay = varying_delay
        self.up = True
        self._limit_packets = queue_packets
        self._limit_bytes = queue_bytes
        self._loss = loss
        # Departures still to come, and everything still to arrive as (arrival, packet or None if lost,
        # size). What has not departed is the end of the line.
        self._departures: deque[float] = deque()
        self.line: deque[tuple[float, Any, int]] = deque()
        # Only where the queue is limited in bytes: sizes of what has not departed (pruned when asked).
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._busy_until = 0.0
        self._last_arrival = 0.0
        self.delivered_packets = 0
        self.delivered_bytes = 0
        self.drops = {"queue": 0, "loss": 0, "down": 0}
        self.queue_delays: list[float] = []
        self._capacity: list[tuple[float, Rate | None]] = []  # (since when, rate or None while down)
        self._take_rate(rate, 0.0)

    def _take_rate(self, rate: Rate, now: float) -> None:
        self._rate = rate
        # The constant rate is the common one: its arithmetic is done in place, without a call.
        self._seconds_per_byte = rate.seconds_per_byte if isinstance(rate, ConstantRate) else None
        self._capacity.append((now, rate if self.up else None))

    def send(self, packet: Any, size: int, now: float) -> bool:  # noqa: C901  # asked for with every packet: written out, not called
        """Take a packet of `size` IP bytes; return whether it was accepted (False: counted in `drops`)."""
        if not self.up:
            self.drops["down"] += 1
            return False
        departures = self._departures
        while departures and departures[0] <= now:
            departures.popleft()
        start = now
        if departures:
            limit = self._limit_packets
            if limit is not None and len(departures) > limit:
                self.drops["queue"] += 1
                return False
            if self._limit_bytes is not None and not self._fits(size):
                self.drops["queue"] += 1
                return False
            start = self._busy_until
        self.queue_delays.append(start - now)
        seconds = self._seconds_per_byte
        if seconds is not None:
            self._busy_until = departure = start + size * seconds
        else:
            self._busy_until = departure = self._rate.departure(start, size)
        departures.append(departure)
        if self._limit_bytes is not None:
            self._sizes.append(size)
            self._bytes += size
        arrival = departure + self.delay
        if self._varying_delay is not None:
            arrival += self._varying_delay.at(departure)
        if arrival < self._last_arrival:
            arrival = self._last_arrival  # the delay became shorter: no overtaking
        self._last_arrival = arrival
        if self._loss is not None and self._loss.loses():
            packet = None
        self.line.append((arrival, packet, size))
        return True

    def _fits(self, size: int) -> bool:
        """Return whether `size` bytes may wait behind the packet in transmission."""
        sizes = self._sizes
        while len(sizes) > len(self._departures):
            self._bytes -= sizes.popleft()
        assert self._limit_bytes is not None  # asked only where there is one
        return self._bytes - sizes[0] + size <= self._limit_bytes

    @property
    def offered_packets(self) -> int:
        """Packets that `send` was asked to take."""
        pending = sum(packet is not None for _, packet, _ in self.line)
        hidden = len(self.line) - pending  # lost, and not counted as such before their time of arrival
        return self.delivered_packets + sum(self.drops.values()) + pending + hidden

    def next_timeout(self) -> float | None:
        """Return when the next packet arrives at the far end (s), or None."""
        return self.line[0][0] if self.line else None

    def arrivals(self, now: float) -> list[Any]:
        """Take the packets that have arrived at the far end by `now`, in order."""
        line = self.line
        arrived = []
        while line and line[0][0] <= now:
            _, packet, size = line.popleft()
            if packet is None:
                self.drops["loss"] += 1
                continue
            self.delivered_packets += 1
            self.delivered_bytes += size
            arrived.append(packet)
        return arrived

    def queue_bytes(self, now: float) -> int:
        """Return the bytes that wait or are in transmission."""
        self._prune(now)
        return sum(size for _, _, size in islice(reversed(self.line), len(self._departures)))

    def in_flight_packets(self) -> int:
        """Return the packets accepted but neither arrived nor lost yet."""
        return len(self.line)

    def capacity_bits(self, begin: float, end: float) -> float:
        """Return what the link could have carried between two times (s), as bits of IP packets.

        Scripted changes up to now are counted; while the link is down it can carry nothing.
        """
        bits = 0.0
        for number, (since, rate) in enumerate(self._capacity):
            until = self._capacity[number + 1][0] if number + 1 < len(self._capacity) else end
            low, high = max(begin, since), min(end, until)
            if rate is not None and high > low:
                bits += rate.capacity_bits(low, high)
        return bits

    def set_delay(self, delay: float) -> None:
        """Change the propagation delay (s) for what departs from now on."""
        self.delay = delay

    def set_loss(self, loss: Loss | None) -> None:
        """Change the loss process."""
        self._loss = loss

    def set_rate(self, rate: Rate, now: float) -> None:
        """Change the rate; what is queued departs by the new one."""
        self._prune(now)
        old = self._seconds_per_byte
        self._take_rate(rate, now)
        pending = list(self._departures)
        if not pending:
            return
        self._departures.clear()
        queued = [self.line.pop() for _ in pending][::-1]
        self._last_arrival = self.line[-1][0] if self.line else now
        clock = now
        for number, (departure, (_, packet, size)) in enumerate(zip(pending, queued, strict=True)):
            remaining = float(size)
            if number == 0 and old is not None:
                remaining = min(size, (departure - now) / old)  # its first part has left already
            spb = self._seconds_per_byte
            clock = clock + remaining * spb if spb is not None else rate.departure(clock, round(remaining))
            self._departures.append(clock)
            added = self._varying_delay.at(clock) if self._varying_delay is not None else 0.0
            self._last_arrival = max(self._last_arrival, clock + self.delay + added)
            self.line.append((self._last_arrival, packet, size))
        self._busy_until = clock

    def set_up(self, up: bool, now: float) -> None:
        """Cut the link (what is queued and in flight is lost) or bring it back."""
        if up == self.up:
            return
        self.up = up
        self._capacity.append((now, self._rate if up else None))
        if not up:
            self.drops["loss"] += sum(packet is None for _, packet, _ in self.line)
            self.drops["down"] += sum(packet is not None for _, packet, _ in self.line)
            self.line.clear()
            self._departures.clear()
            self._sizes.clear()
            self._bytes = 0
        self._busy_until = now

    def _prune(self, now: float) -> None:
        while self._departures and self._departures[0] <= now:
            self._departures.popleft()

    @property
    def mean_rate(self) -> float:
        """Bits per second in the mean, for a queue given in bandwidth-delay products."""
        return self._rate.capacity_bits(0.0, 60.0) / 60.0

    def __repr__(self) -> str:
        return f"<Link {self.name} {self.direction} {self._rate!r} delay={self.delay} s up={self.up}>"


def bandwidth_delay_product(rate_bps: float, round_trip: float) -> int:
    """Return the bytes that fill a path: rate (bit/s) times round-trip time (s)."""
    return max(1, round(rate_bps * round_trip / BITS_PER_BYTE))
