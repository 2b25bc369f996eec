"""UDP at a constant rate or with Poisson arrivals, and its sink."""

from __future__ import annotations

from random import Random

from mpsim.hosts.agent import Outgoing
from mpsim.hosts.in_order import InOrder
from mpsim.hosts.sink import Sink
from mpsim.tunnel.packet import CLASS_UDP, Packet
from mpsim.units import BITS_PER_BYTE

NEVER = float("inf")
HEADERS = 28  # IPv4 and UDP, where nothing else is said


class UdpSource(Outgoing):
    """Sends packets of one size; their payload is (number, time of sending in s).

    Parameters
        flow: flow key
        rate: payload, bit/s
        packet_size: payload bytes of a packet
        random: draws exponential gaps (Poisson arrivals) if given, otherwise the gaps are equal
        total_bytes: payload to send; None: without end
        headers: bytes before the payload
    """

    silent = False

    def __init__(
        self,
        flow: object,
        *,
        rate: float,
        packet_size: int,
        random: Random | None = None,
        total_bytes: int | None = None,
        headers: int = HEADERS,
    ) -> None:
        super().__init__()
        self.flow = flow
        self.gap = packet_size * BITS_PER_BYTE / rate
        self.size = packet_size + headers
        self.packet_size = packet_size
        self._random = random
        self._left = -(-total_bytes // packet_size) if total_bytes is not None else None
        self._at = NEVER
        self._begin = 0.0
        self.sent_packets = 0

    def start(self, now: float) -> None:
        """Begin to send."""
        self._begin = now
        self._at = now

    def stop(self, now: float) -> None:
        """Send nothing from now on."""
        self._at = NEVER

    def receive(self, packet: Packet, now: float) -> None:
        """Nothing comes back."""

    def next_timeout(self) -> float:
        return self._at

    def handle_timeout(self, now: float) -> None:
        while self._at <= now:
            number = self.sent_packets
            self._out.append(Packet(self.size, self.flow, (number, now), 0, 0, CLASS_UDP))
            self.sent_packets = number + 1
            if self._random is not None:
                self._at += self._random.expovariate(1 / self.gap)
            else:
                # From the beginning each time: a sum of gaps would drift.
                self._at = self._begin + self.sent_packets * self.gap
            if self._left is not None and self.sent_packets >= self._left:
                self._at = NEVER


class UdpSink(Sink):
    """Counts what a source of packets of one size sends.

    Parameters
        headers: bytes before the payload
        in_order: told of every packet in the window, where delays in order are wanted
    """

    def __init__(self, *, headers: int = HEADERS, in_order: InOrder | None = None) -> None:
        super().__init__()
        self._headers = headers
        self._in_order = in_order

    def receive(self, packet: Packet, now: float) -> None:
        number, time = packet.payload
        if self.count(number, time, packet.size - self._headers, now) and self._in_order is not None:
            self._in_order.receive(number, time, now)
