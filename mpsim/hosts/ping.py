"""ICMP echo: a pinger and the host that answers."""

from __future__ import annotations

from mpsim.hosts.agent import Outgoing
from mpsim.tunnel.packet import CLASS_OTHER, Packet

NEVER = float("inf")
HEADERS = 28  # IPv4 and ICMP, where nothing else is said


class Echo:
    """Payload of a simulated echo request or reply: its number, and when the request was sent (s)."""

    __slots__ = ("number", "reply", "time")

    def __init__(self, number: int, time: float, reply: bool) -> None:
        self.number = number
        self.time = time
        self.reply = reply


class Pinger(Outgoing):
    """Sends echo requests at an interval and keeps the round-trip times.

    Parameters
        flow: flow key
        interval: seconds
        payload: ICMP payload bytes
        headers: bytes before it
    """

    silent = False

    def __init__(self, flow: object, *, interval: float = 0.2, payload: int = 56, headers: int = HEADERS) -> None:
        super().__init__()
        self.flow = flow
        self.interval = interval
        self.size = payload + headers
        self.sent_packets = 0
        self.replies: list[tuple[float, float]] = []  # (when the request was sent, round-trip time), s
        self._at = NEVER
        self._begin = 0.0
        self.requests: list[float] = []

    def start(self, now: float) -> None:
        """Begin to ping."""
        self._begin = self._at = now

    def stop(self, now: float) -> None:
        """Send no more requests."""
        self._at = NEVER

    def receive(self, packet: Packet, now: float) -> None:
        echo: Echo = packet.payload
        self.replies.append((echo.time, now - echo.time))

    def next_timeout(self) -> float:
        return self._at

    def handle_timeout(self, now: float) -> None:
        while self._at <= now:
            echo = Echo(self.sent_packets, now, False)
            self._out.append(Packet(self.size, self.flow, echo, cls=CLASS_OTHER))
            self.requests.append(now)
            self.sent_packets += 1
            self._at = self._begin + self.sent_packets * self.interval


class Responder(Outgoing):
    """Answers echo requests."""

    silent = False

    def __init__(self, flow: object) -> None:
        super().__init__()
        self.flow = flow

    def receive(self, packet: Packet, now: float) -> None:
        echo: Echo = packet.payload
        self._out.append(Packet(packet.size, self.flow, Echo(echo.number, echo.time, True), cls=CLASS_OTHER))

    def next_timeout(self) -> float:
        return NEVER

    def handle_timeout(self, now: float) -> None:
        """Nothing is due."""

    def stop(self, now: float) -> None:
        """A responder only answers."""
