"""The largest and the smallest of what was seen lately, at a constant mean cost a value."""

from __future__ import annotations

from collections import deque


class WindowedMax:
    """The largest value whose position (a time, a round) is at most `window` behind the newest's.

    Kept is what may still become the largest: a falling sequence.
    """

    __slots__ = ("_kept", "window")

    def __init__(self, window: float) -> None:
        self.window = window
        self._kept: deque[tuple[float, float]] = deque()

    def update(self, position: float, value: float) -> float:
        """Take a value at a position that is no less than those before; return the largest."""
        kept = self._kept
        while kept and kept[-1][1] <= value:
            kept.pop()
        kept.append((position, value))
        oldest = position - self.window
        while kept[0][0] < oldest:
            kept.popleft()
        return kept[0][1]

    @property
    def value(self) -> float:
        """The largest as of the last update; 0: there was none."""
        return self._kept[0][1] if self._kept else 0.0


class WindowedMin:
    """The smallest value whose position is at most `window` behind the newest's."""

    __slots__ = ("_negated",)

    def __init__(self, window: float) -> None:
        self._negated = WindowedMax(window)

    def update(self, position: float, value: float, window: float | None = None) -> float:
        """Take a value at a position that is no less than those before; return the smallest of the window."""
        if window is not None:
            self._negated.window = window
        return -self._negated.update(position, -value)
