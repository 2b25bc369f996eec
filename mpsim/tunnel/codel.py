"""CoDel (RFC 8289): drop while packets have waited too long for a whole interval, ever more often until they have not.

The RFC's loop takes packets out until one may leave. Here a packet at the head is judged when a path would take it,
one at a time, because the path is chosen anew for the packet after a dropped one. The verdicts are the same.
"""

from __future__ import annotations

from math import sqrt

NEVER = float("inf")
TARGET = 0.005  # s (RFC 8289, section 4.3)
INTERVAL = 0.1  # s (section 4.3)
MOST_IDLE = 16  # intervals after which dropping begins slowly again (section 5.5)
LEAST_BACKLOG = 1500  # bytes; with no more than a full packet behind it nothing is dropped (section 5.6)


class CoDel:
    """The state of one queue.

    Parameters
        target: acceptable wait, s
        interval: how long every packet must have waited longer before one is dropped, about the longest round trip, s
    """

    __slots__ = ("_above_at", "_count", "_drop_next", "_last_count", "dropping", "interval", "target")

    def __init__(self, *, target: float = TARGET, interval: float = INTERVAL) -> None:
        self.target = target
        self.interval = interval
        self.dropping = False
        self._above_at = NEVER  # when the wait will have been above target for an interval (s)
        self._drop_next = 0.0
        self._count = 0  # drops since dropping began
        self._last_count = 0  # of the time before

    def refuses(self, wait: float, backlog: int, now: float) -> bool:
        """Judge a packet that is about to leave: True if it is to be dropped (or marked).

        wait: what it has waited, s; backlog: bytes behind it.
        """
        standing = self._is_standing(wait, backlog, now)
        if self.dropping:
            if not standing:
                self.dropping = False
            elif now >= self._drop_next:
                self._count += 1
                self._drop_next = self._after(self._drop_next)
                return True
            return False
        if not standing:
            return False
        self.dropping = True
        # Queues that come back soon want about as many drops as held them last.
        recent = self._count - self._last_count
        again = recent > 1 and now - self._drop_next < MOST_IDLE * self.interval
        self._count = self._last_count = recent if again else 1
        self._drop_next = self._after(now)
        return True

    def _is_standing(self, wait: float, backlog: int, now: float) -> bool:
        """Return whether every packet of the last interval has waited for longer than the target."""
        if wait < self.target or backlog <= LEAST_BACKLOG:
            self._above_at = NEVER
        elif self._above_at == NEVER:
            self._above_at = now + self.interval
        else:
            return now >= self._above_at
        return False

    def _after(self, time: float) -> float:
        """Return the control law: drops follow each other ever sooner, so that TCP's rate falls linearly."""
        return time + self.interval / sqrt(self._count)
