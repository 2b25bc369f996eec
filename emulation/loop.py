"""The event loop of the programs in the data path (mpsim/portal/loop.py), with a measure of its own lag.

Times are seconds since `origin`, a reading of the monotonic clock that all processes of a run share.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from emulation.ranks import percentiles
from mpsim.portal.loop import BATCH
from mpsim.portal.loop import Loop as PlainLoop

__all__ = ["BATCH", "Loop"]

LONG_LAG = 0.005  # s; a packet that waits longer is no longer where the model has it


class Loop(PlainLoop):
    """The loop, and how late it answered each alarm.

    Parameters
        origin: the monotonic clock's reading (s) at run time zero
        step: called with the time (s) after each wake-up; returns when it wants to run next (s, or infinity)
    """

    def __init__(self, origin: float, step: Callable[[float], float]) -> None:
        super().__init__(origin, step)
        self.lags = array("d")  # s, how late each alarm was answered
        self.lag_times = array("d")  # s, when

    def on_alarm(self, due: float, armed: float) -> None:
        now = self.now()
        # Whoever asks to be woken in the past gets what it asks for; that is no lag of ours.
        self.lags.append(now - max(due, armed))
        self.lag_times.append(now)

    def lag(self, begin: float, end: float) -> dict[str, float]:
        """Return how late the alarms of an interval (s) were answered: p50, p99, p100, long stalls added up."""
        lags = [lag for lag, when in zip(self.lags, self.lag_times, strict=True) if begin <= when <= end]
        return {
            **(percentiles(lags, 50, 99, 100) or {}),
            "stalled": sum(lag for lag in lags if lag > LONG_LAG),
            "alarms": len(lags),
        }
