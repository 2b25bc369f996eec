"""Verus's delay profile: which round-trip time belongs to which window, learnt from every acknowledgement.

Each window (whole packets) keeps an average of the delays seen with it. Once in a while a curve is put through these
points. The authors' is a penalised cubic spline of a numerical library; ours is the non-decreasing step function next
to them (pool adjacent violators), with straight lines between the steps' ends: monotone by construction, so that the
inverse is unique. Beyond its end it goes on with the mean slope, and not further than a quarter past what was seen.
"""

from __future__ import annotations

from bisect import bisect_right

OLD_SHARE = 0.875  # of a point, when its window is seen again
REACH = 1.25  # times the largest window known: how far the curve may be followed into the unknown

Point = tuple[float, float]  # packets, s


class DelayProfile:
    """Delays by window, and the curve through them."""

    __slots__ = ("_delays", "_points", "_widest", "_windows")

    def __init__(self) -> None:
        self._widest = 1  # window seen, packets
        self._points: dict[int, float] = {}
        self._windows: list[float] = []  # the curve's corners, ascending
        self._delays: list[float] = []

    def learn(self, window: float, delay: float) -> None:
        """Take a delay (s) that was seen with a window (packets)."""
        number = max(int(window), 1)
        if number > self._widest:
            self._widest = number
        old = self._points.get(number)
        self._points[number] = delay if old is None else OLD_SHARE * old + (1 - OLD_SHARE) * delay

    def refresh(self) -> None:
        """Compute the curve anew."""
        corners = _monotone(sorted(self._points.items()))
        self._windows = [window for window, _ in corners]
        self._delays = [delay for _, delay in corners]

    def window(self, delay: float) -> float:
        """Return the largest window (packets) whose delay is at most `delay` (s); 1 where nothing is known."""
        if not self._windows:
            self.refresh()
        windows, delays = self._windows, self._delays
        above = bisect_right(delays, delay)
        if not above:
            return 1.0
        if above < len(delays):
            slope = (windows[above] - windows[above - 1]) / (delays[above] - delays[above - 1])
            return windows[above - 1] + (delay - delays[above - 1]) * slope
        furthest = max(REACH * self._widest, windows[-1]) if windows else 1.0
        risen = delays[-1] - delays[0] if delays else 0.0
        if not risen:
            return furthest
        return min(windows[-1] + (delay - delays[-1]) * (windows[-1] - windows[0]) / risen, furthest)

    def delay(self, window: float) -> float:
        """Return the delay (s) of a window (packets); that of the nearest known beyond the ends."""
        if not self._windows:
            self.refresh()
        windows, delays = self._windows, self._delays
        above = bisect_right(windows, window)
        if not above or above == len(windows):
            return delays[above - 1 if above else 0] if delays else 0.0
        share = (window - windows[above - 1]) / (windows[above] - windows[above - 1])
        return delays[above - 1] + share * (delays[above] - delays[above - 1])


def _monotone(points: list[tuple[int, float]]) -> list[Point]:
    """Return the corners of the non-decreasing curve that is nearest to the points in the mean square."""
    pools: list[tuple[float, int, int, int]] = []  # (sum of delays, how many, first and last window)
    for window, delay in points:
        pool = (delay, 1, window, window)
        while pools and pools[-1][0] / pools[-1][1] >= pool[0] / pool[1]:
            total, count, first, _ = pools.pop()
            pool = (total + pool[0], count + pool[1], first, pool[3])
        pools.append(pool)
    corners: list[Point] = []
    for total, count, first, last in pools:
        corners.append((float(first), total / count))
        if last > first:
            corners.append((float(last), total / count))
    return corners
