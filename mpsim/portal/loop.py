"""The event loop of what carries packets: epoll, one timerfd, alarms, and one step after every wake-up.

Descriptors are drained in batches by their readers; after each wake-up `step` runs once and says when
it wants to be woken next. Times are seconds since `origin`, a reading of the monotonic clock, which nobody can set.
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
import select
import signal
import time
from collections.abc import Callable

from mpsim.portal.timer import Timer

BATCH = 64  # packets drained from one descriptor in one wake-up: enough to amortise, short enough to be fair


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
        self._triggers: list[int] = []
        self._stopped = False

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

    def trigger(self, call: Callable[[], None]) -> Callable[[], None]:
        """Return what any thread or signal may call to have `call` called here, once for all that is pending."""
        wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

        def woken() -> None:
            os.eventfd_read(wake)
            call()

        self._triggers.append(wake)
        self.add_reader(wake, woken)
        return lambda: os.eventfd_write(wake, 1)

    def stop(self) -> None:
        """Leave `run` after this wake-up."""
        self._stopped = True

    def stop_on(self, *signals: signal.Signals) -> None:
        """Leave `run` when one of these signals comes."""
        self.call_on(self.stop, *signals)

    def call_on(self, call: Callable[[], None], *signals: signal.Signals) -> None:
        """Call when one of these signals comes."""
        wake = self.trigger(call)
        for number in signals:
            signal.signal(number, lambda *_: wake())

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
                    self.on_alarm(due, armed)
                    continue
                read = self._readers.get(descriptor)
                if read is not None:  # or an earlier reader of this wake-up has removed it
                    read()
            now = self.now()
            while self._alarms and self._alarms[0][0] <= now:
                heapq.heappop(self._alarms)[2](now)
            wanted = self._step(self.now())

    def on_alarm(self, due: float, armed: float) -> None:
        """Be told that the alarm for `due`, set at `armed` (s), has gone off."""

    def close(self) -> None:
        """Give the descriptors back that are its own; no trigger may be used any longer."""
        for wake in self._triggers:
            os.close(wake)
        self._timer.close()
        self._epoll.close()
