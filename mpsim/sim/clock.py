"""SimPy's environment with a shorter way for what happens a million times.

Packets and timers are plain calls on SimPy's own heap, without an Event object; SimPy processes
(scripted events, lifecycles of sources) run beside them in the same order of time.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

import simpy

# SimPy's priorities are 0 (urgent) and 1 (normal). A call comes after them at the same time.
_CALL: Any = 2


class Clock(simpy.Environment):
    """A SimPy environment on which plain functions can be called at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._number = count()
        self.calls = 0

    def call_at(self, time: float, function: Callable[[float], object]) -> None:
        """Call `function(time)` at `time` (s); calls for the same time keep their order."""
        heappush(self._queue, (time, _CALL, next(self._number), function))  # type: ignore[misc]

    def run_until(self, end: float) -> None:
        """Let everything happen up to and including `end` (s), then stand there."""
        queue: Any = self._queue
        pop = heappop
        calls = 0
        while queue and queue[0][0] <= end:
            if queue[0][1] == _CALL:
                now, _, _, function = pop(queue)
                self._now = now
                calls += 1
                function(now)
            else:
                self.step()
        self.calls += calls
        self._now = end
