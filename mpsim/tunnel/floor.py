"""A floor under the round trip that a bulk sender sees: what is faster than the median is held until then.

A sender that bounds its flight by its least round trip (BBR: twice that times its bandwidth) starves where most round
trips take more than twice the least one, as over links that fluctuate. Held are acknowledgements only, at the portal
where the data enters, and only those of flows that have much outstanding: no request waits for this.
"""

from __future__ import annotations

from collections import deque

BULK = 8  # segments outstanding that make a bulk flow
STAYS_BULK = 1.0  # s after the last time that there were so many: longer than BBR takes to measure (0.2 s)
STEP = 0.0002  # s, by which each sample moves the level up or down: it settles at the median
MOST = 0.1  # s that an acknowledgement is held at most


class Floor:
    """The round trips of one flow's data from here to its receiver, and what they are raised to."""

    __slots__ = ("_bulk_until", "_due", "_sent", "level")

    def __init__(self) -> None:
        self._sent: deque[tuple[int, float]] = deque()  # (sequence number after it, s), ascending
        self._bulk_until = 0.0
        self._due = 0.0  # of the last acknowledgement: none overtakes another
        self.level = 0.0  # s; 0: nothing is known

    def on_data(self, end: int, now: float) -> None:
        """Take note of new data that ends with a sequence number."""
        self._sent.append((end, now))

    def due(self, ack: int, outstanding: int, now: float) -> float:
        """Return when an acknowledgement may pass (s); outstanding: segments that it leaves."""
        sent = self._sent
        begun: float | None = None
        while sent and sent[0][0] <= ack:
            begun = sent.popleft()[1]
        if outstanding >= BULK:
            self._bulk_until = now + STAYS_BULK
        due = now
        if begun is not None:
            self._learn(now - begun)
            if now < self._bulk_until:
                due = min(max(begun + self.level, now), now + MOST)
        self._due = max(self._due, due)
        return self._due

    def _learn(self, rtt: float) -> None:
        if not self.level:
            self.level = rtt
        elif rtt > self.level:
            self.level += STEP
        else:
            self.level -= STEP
