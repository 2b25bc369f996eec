"""How long packets take until all before them that arrive at all have arrived: what a receiver that sorts would see."""

from __future__ import annotations

from collections import deque

# A packet that is later than this (s) no longer changes the delay of those after it.
MEMORY = 2.0


class InOrder:
    """Delays in order of a flow's packets, known once nothing can come before them any more.

    delays: seconds, in the order of numbers; the owner drains it.
    """

    __slots__ = ("_waiting", "delays")

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, float, float]] = deque()  # (number, sent, in order at), by number
        self.delays: list[float] = []

    def receive(self, number: int, sent: float, now: float) -> None:
        """Take note of a packet."""
        waiting = self._waiting
        if waiting and waiting[-1][0] > number:
            self._insert(number, sent, now)
        else:
            waiting.append((number, sent, now))
        known = now - MEMORY
        while waiting and waiting[0][1] < known:
            _, early, at = waiting.popleft()
            self.delays.append(at - early)

    def _insert(self, number: int, sent: float, now: float) -> None:
        """Take note of a packet that others overtook: they are in order only now."""
        waiting = self._waiting
        overtaken = []
        while waiting and waiting[-1][0] > number:
            overtaken.append(waiting.pop())
        waiting.append((number, sent, now))
        while overtaken:
            later, its_time, _ = overtaken.pop()
            waiting.append((later, its_time, now))

    def finish(self) -> None:
        """Settle what nothing will come before any more."""
        self.delays.extend(at - sent for _, sent, at in self._waiting)
        self._waiting.clear()
