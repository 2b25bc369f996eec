"""A propagation delay that changes over time, as recorded beside a capacity."""

from __future__ import annotations

from collections.abc import Sequence


class VaryingDelay:
    """What is added to a link's delay, by the time at which a packet departs; begins again after its end.

    Parameters
        values: seconds, one a step
        step: how long each holds, seconds
        offset: where in the recording the link begins, seconds
    """

    __slots__ = ("_offset", "_step", "_values")

    def __init__(self, values: Sequence[float], step: float, offset: float = 0.0) -> None:
        if not values:
            raise ValueError("at least one delay is needed")
        self._values = list(values)
        self._step = step
        self._offset = offset

    def at(self, time: float) -> float:
        """Return the delay (s) of what departs at `time` (s)."""
        return self._values[int((time + self._offset) / self._step) % len(self._values)]

    def __repr__(self) -> str:
        return f"VaryingDelay({len(self._values)} steps of {self._step} s, offset={self._offset})"
