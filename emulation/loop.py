"""The event loop of the two programs in the data path: epoll, one timerfd, and a measure of its own lag.

Descriptors are drained in batches by their readers; after each wake-up `step` runs once and says when
it wants to be woken next. Times are seconds since `origin`, a reading of the monotonic clock that all
processes of a run share.
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
import select
import signal
import time
from array import array
from collections.abc import Callable

from emulation.ranks import percentiles
from emulation.timer import Timer

BATCH = 64  # packets drained from one descriptor in one wake-up: enough to amortise, short enough to be fair
LONG_LAG = 0.005  # s; a packet that waits longer is no longer where the model has it


class Loop:
    """Readers, alarms at given times, and one step after every wake-up.

    Parameters
        origin: the monotonic clock's reading (s) at run time zero
        step: called with the time (s) after each wake-up; returns when it wants to run next (s, or infinity)
    """

    def __init__(self, origin: float, step: Callable[[float], float]) -> None:
        self._origin = origin
        self._step = step
        self._timer = Timer()
        self._epoll = select.epoll()
        self._epoll.register(self._timer.descriptor, select.EPOLLIN)
        self._readers: dict[int, Callable[[], None]] = {}
        self._alarms: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._stopped = False
        self.lags = array("d")  # s, how late each alarm was answered
        self.lag_times = array("d")  # s, when

    def lag(self, begin: float, end: float) -> dict[str, float]:
        """Return how late the alarms of an interval (s) were answered: p50, p99, p100, long stalls added up."""
        lags = [lag for lag, when in zip(self.lags, self.lag_times, strict=True) if begin <= when <= end]
        return {
            **(percentiles(lags, 50, 99, 100) or {}),
            "stalled": sum(lag for lag in lags if lag > LONG_LAG),
            "alarms": len(lags),
        }

    def now(self) -> float:
        """Return the time since the origin (s)."""
        return time.monotonic() - self._origin

    def add_reader(self, descriptor: int, read: Callable[[], None]) -> None:
        """Call `read` whenever the descriptor is readable (level-triggered)."""
        self._readers[descriptor] = read
        self._epoll.register(descriptor, select.EPOLLIN)

    def remove_reader(self, descriptor: int) -> None:
        """Forget a descriptor."""
        del self._readers[descriptor]
        self._epoll.unregister(descriptor)

    def call_at(self, when: float, call: Callable[[float], None]) -> None:
        """Call once at `when` (s)."""
        heapq.heappush(self._alarms, (when, next(self._order), call))

    def call_every(self, first: float, interval: float, call: Callable[[float], None]) -> None:
        """Call at `first` (s) and every `interval` (s) after it, on a grid that does not drift."""
        numbers = itertools.count(1)

        def again(now: float) -> None:
            call(now)
            self.call_at(first + next(numbers) * interval, again)

        self.call_at(first, again)

    def stop(self) -> None:
        """Leave `run` after this wake-up."""
        self._stopped = True

    def stop_on(self, *signals: signal.Signals) -> None:
        """Leave `run` when one of these signals comes."""
        wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.add_reader(wake, self.stop)
        for number in signals:
            signal.signal(number, lambda *_: os.eventfd_write(wake, 1))

    def run(self) -> None:
        """Serve until stopped."""
        wanted = self._step(self.now())
        while not self._stopped:
            due = min(wanted, self._alarms[0][0]) if self._alarms else wanted
            self._timer.arm(due + self._origin if due != math.inf else due)
            armed = self.now()
            for descriptor, _ in self._epoll.poll():
                if descriptor == self._timer.descriptor:
                    self._timer.clear()
                    now = self.now()
                    # Whoever asks to be woken in the past gets what it asks for; that is no lag of ours.
                    self.lags.append(now - max(due, armed))
                    self.lag_times.append(now)
                else:
                    self._readers[descriptor]()
            now = self.now()
            while self._alarms and self._alarms[0][0] <= now:
                heapq.heappop(self._alarms)[2](now)
            wanted = self._step(self.now())
