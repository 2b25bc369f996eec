"""Replayed traffic: packets whose sizes (or bytes) and times are given, and the sink that counts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mpsim.headers import payload_size
from mpsim.hosts.agent import Outgoing
from mpsim.hosts.sink import Sink
from mpsim.tunnel.packet import CLASS_UDP, Packet

NEVER = float("inf")
HEADERS = 28  # IPv4 and UDP, of a packet of which only the size is known


class Replayed:
    """Payload of a replayed packet: its number, when it was sent (s), its payload bytes, and all bytes or None."""

    __slots__ = ("data", "number", "size", "time")

    def __init__(self, number: int, time: float, size: int, data: bytes | None) -> None:
        self.number = number
        self.time = time
        self.size = size
        self.data = data


class ReplaySource(Outgoing):
    """Sends what a schedule says; it is read one packet ahead, so it may be long or without end.

    Parameters
        flow: flow key of the packets it sends
        schedule: (time since the start in s, IP packet as bytes or its size in bytes), in order of time
    """

    silent = False

    def __init__(self, flow: object, schedule: Iterable[tuple[float, bytes | int]]) -> None:
        super().__init__()
        self.flow = flow
        self.sent_packets = 0
        self._schedule: Iterator[tuple[float, bytes | int]] = iter(schedule)
        self._begin = 0.0
        self._at = NEVER
        self._next: bytes | int = 0

    def start(self, now: float) -> None:
        """Begin to send: time 0 of the schedule is now."""
        self._begin = now
        self._advance()

    def stop(self, now: float) -> None:
        """Send nothing from now on."""
        self._at = NEVER
        self._schedule = iter(())

    def _advance(self) -> None:
        entry = next(self._schedule, None)
        if entry is None:
            self._at = NEVER
        else:
            self._at, self._next = self._begin + entry[0], entry[1]

    def receive(self, packet: Packet, now: float) -> None:
        """Nothing comes back."""

    def next_timeout(self) -> float:
        return self._at

    def handle_timeout(self, now: float) -> None:
        while self._at <= now:
            self._out.append(self._packet(self._next, now))
            self.sent_packets += 1
            self._advance()

    def _packet(self, given: bytes | int, now: float) -> Packet:
        if isinstance(given, int):
            payload = Replayed(self.sent_packets, now, max(0, given - HEADERS), None)
            return Packet(given, self.flow, payload, cls=CLASS_UDP)
        packet = Packet.from_bytes(given)
        packet.flow = self.flow
        packet.payload = Replayed(self.sent_packets, now, payload_size(given), given)
        return packet


class ReplaySink(Sink):
    """Counts what a replaying source sends."""

    def receive(self, packet: Packet, now: float) -> None:
        replayed: Replayed = packet.payload
        self.count(replayed.number, replayed.time, replayed.size, now)
