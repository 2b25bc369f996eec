"""An alarm that epoll can wait for: timerfd (timerfd_create(2)) on the monotonic clock.

epoll's own timeout rounds to a millisecond; a timerfd wakes within some tens of microseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
import time

from mpsim.units import NS_PER_S

_ABSOLUTE = 1  # TFD_TIMER_ABSTIME


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """One alarm at an absolute time (s) of `time.monotonic()`; readable when it has gone off."""

    def __init__(self) -> None:
        self._at = math.inf
        if sys.version_info >= (3, 13):
            flags = os.TFD_NONBLOCK | os.TFD_CLOEXEC
            self.descriptor = os.timerfd_create(time.CLOCK_MONOTONIC, flags=flags)
        else:
            self._libc = ctypes.CDLL(None, use_errno=True)
            # TFD_NONBLOCK and TFD_CLOEXEC have the values of the open(2) flags.
            self.descriptor = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if self.descriptor < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create")

    def arm(self, at: float) -> None:
        """Go off at `at` (s, monotonic clock); in the past means at once, infinity never."""
        if at == self._at:
            return
        self._at = at
        # Zero would disarm: a time in the past is one nanosecond after boot instead.
        nanoseconds = 0 if at == math.inf else max(1, int(at * NS_PER_S))
        if sys.version_info >= (3, 13):
            os.timerfd_settime_ns(self.descriptor, flags=os.TFD_TIMER_ABSTIME, initial=nanoseconds)
        else:
            spec = _TimerSpec(_Timespec(0, 0), _Timespec(*divmod(nanoseconds, NS_PER_S)))
            if self._libc.timerfd_settime(self.descriptor, _ABSOLUTE, ctypes.byref(spec), None) < 0:
                raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Take note that it has gone off, so that it is no longer readable."""
        self._at = math.inf
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 8)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)
