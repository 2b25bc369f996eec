"""Two parts of TCP's loss recovery: the SACK scoreboard, and the proportional rate reduction."""

from __future__ import annotations


class Scoreboard:
    """Which segments above the cumulative acknowledgement have arrived (RFC 2018).

    ranges: [first, beyond), ascending, apart from each other; count: segments in them.
    """

    __slots__ = ("count", "ranges")

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.count = 0

    def add(self, first: int, beyond: int) -> list[int]:
        """Merge [first, beyond) in; return the segments that were not there. Costs what is new, and the holes."""
        if first >= beyond:
            return []
        new: list[int] = []
        merged: list[tuple[int, int]] = []
        low, high, cursor = first, beyond, first
        for known in self.ranges:
            if known[1] < first:
                merged.append(known)
            elif known[0] > beyond:
                break
            else:
                if known[0] > cursor:
                    new.extend(range(cursor, min(known[0], beyond)))
                cursor = max(cursor, known[1])
                low, high = min(low, known[0]), max(high, known[1])
        if cursor < beyond:
            new.extend(range(cursor, beyond))
        if new:
            merged.append((low, high))
            merged.extend(known for known in self.ranges if known[0] > beyond)
            self.ranges = merged
            self.count += len(new)
        return new

    def forget_below(self, una: int) -> None:
        """Leave out what the cumulative acknowledgement covers."""
        if self.ranges and self.ranges[0][0] < una:
            self.ranges = [(max(first, una), beyond) for first, beyond in self.ranges if beyond > una]
            self.count = sum(beyond - first for first, beyond in self.ranges)

    def clear(self) -> None:
        """Forget everything."""
        self.ranges, self.count = [], 0


class ProportionalReduction:
    """PRR with the slow-start reduction bound (RFC 6937, section 3): the window during recovery.

    Spreads a reduction over a round trip, as Linux does, instead of waiting for half of it.

    Parameters
        mss: payload bytes of a full segment
    """

    __slots__ = ("_delivered", "_flight_before", "_mss", "sent", "window")

    def __init__(self, mss: int) -> None:
        self._mss = mss
        self._delivered = 0
        self._flight_before = mss
        self.sent = 0  # bytes sent since recovery began
        self.window = 0.0  # bytes that may be in flight

    def begin(self, in_flight: int, before: int) -> None:
        """Enter recovery with `in_flight` bytes; `before` counts the lost ones."""
        self._flight_before = max(before, self._mss)
        self._delivered = self.sent = 0
        self.window = float(in_flight + self._mss)  # the first retransmission leaves at once

    def on_delivered(self, delivered: int, in_flight: int, target: float) -> None:
        """Take newly delivered bytes; target: the window after recovery, bytes."""
        self._delivered += delivered
        if in_flight > target:
            quota = self._delivered * target / self._flight_before - self.sent
        else:
            quota = float(max(self._delivered - self.sent, delivered) + self._mss)
            quota = min(target - in_flight, quota)
        self.window = in_flight + max(quota, 0.0 if self.sent else float(self._mss))
