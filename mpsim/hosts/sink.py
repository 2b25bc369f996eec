"""The receiving end of a flow that nobody acknowledges: counts of what arrived, when, and in which order."""

from __future__ import annotations

from mpsim.tunnel.packet import Packet

NEVER = float("inf")


class Sink:
    """Counts numbered packets; `window` [begin, end) says by time of sending what counts for the loss."""

    silent = True

    def __init__(self) -> None:
        self.received_packets = 0
        self.delivered_bytes = 0  # payload
        self.out_of_order = 0
        self.in_window = 0
        self.window = (0.0, NEVER)
        self.delays: list[float] = []  # one-way, s; the driver drains it
        self._highest = -1

    def count(self, number: int, sent: float, size: int, now: float) -> bool:
        """Note packet `number` with `size` bytes of payload, sent at `sent` (s); return whether in the window."""
        self.received_packets += 1
        self.delivered_bytes += size
        self.delays.append(now - sent)
        if number > self._highest:
            self._highest = number
        else:
            self.out_of_order += 1
        begin, end = self.window
        if begin <= sent < end:
            self.in_window += 1
            return True
        return False

    def packets_to_send(self) -> list[Packet]:
        return []

    def next_timeout(self) -> float:
        return NEVER

    def handle_timeout(self, now: float) -> None:
        """Nothing is due."""

    def stop(self, now: float) -> None:
        """A sink only listens."""
