"""A TCP sender and receiver over a scripted network: each packet's fate is decided by the test."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from mpsim.hosts.segments import Ack, Segment
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.tunnel.congestion import controllers

MSS = 1000
# (segment index, how often it was sent before, time) -> extra delay (s), or None: lost
Fate = Callable[[int, int, float], float | None]


class Talk:
    """One connection: a fixed delay each way, no rate; what the test does not touch arrives."""

    def __init__(self, segments: int | None, *, fate: Fate | None = None, rtt: float = 0.1, **more: Any) -> None:
        given = more.pop("congestion", "newreno")
        congestion = controllers.create(given) if isinstance(given, str) else given
        total = None if segments is None else segments * MSS
        self.sender = TcpSender("data", congestion, mss=MSS, total_bytes=more.pop("total_bytes", total), **more)
        self.receiver = TcpReceiver("acks")
        self.fate: Fate = fate or (lambda *_: 0.0)
        self.ack_fate: Callable[[int, float], float | None] = lambda *_: 0.0
        self.one_way = rtt / 2
        self.now = 0.0
        self.sent: list[tuple[float, int]] = []
        self.acks: list[tuple[float, Ack]] = []
        self.most_in_flight = 0
        self._times: dict[int, int] = {}
        self._flying: list[tuple[float, int, bool, Any]] = []
        self._count = 0
        self.sender.start(0.0)
        self._carry()

    def _fly(self, delay: float | None, to_receiver: bool, packet: Any) -> None:
        if delay is not None:
            self._count += 1
            heapq.heappush(self._flying, (self.now + self.one_way + delay, self._count, to_receiver, packet))

    def _carry(self) -> None:
        for packet in self.sender.packets_to_send():
            segment: Segment = packet.payload
            before = self._times.get(segment.index, 0)
            self._times[segment.index] = before + 1
            self.sent.append((self.now, segment.index))
            self._fly(self.fate(segment.index, before, self.now), True, packet)
        for packet in self.receiver.packets_to_send():
            self.acks.append((self.now, packet.payload))
            self._fly(self.ack_fate(len(self.acks), self.now), False, packet)
        assert self.sender.in_flight >= 0
        self.most_in_flight = max(self.most_in_flight, self.sender.in_flight)

    def run(self, until: float = 1000.0) -> Talk:
        """Let everything happen up to a time, or until all is sent and acknowledged."""
        while not self.sender.done:
            times = [self.sender.next_timeout(), self.receiver.next_timeout()]
            wire = self._flying[0][0] if self._flying else float("inf")
            at = min(*times, wire)
            if at > until:
                self.now = until
                break
            self.now = max(self.now, at)
            if at == wire:
                _, _, to_receiver, packet = heapq.heappop(self._flying)
                (self.receiver if to_receiver else self.sender).receive(packet, self.now)
            elif at == times[0]:
                self.sender.handle_timeout(self.now)
            else:
                self.receiver.handle_timeout(self.now)
            self._carry()
        return self

    def times_of(self, index: int) -> list[float]:
        """When a segment was sent."""
        return [time for time, sent in self.sent if sent == index]


def lose(*which: int, times: int = 1) -> Fate:
    """Lose the first `times` sendings of these segments."""
    return lambda index, before, _: None if index in which and before < times else 0.0
