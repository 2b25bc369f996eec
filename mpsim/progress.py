"""What runs now, what is left and how long it will take, on standard error.

On a terminal this is a bar that follows the seconds of scenario left to run, with the labels of what runs below it.
Elsewhere (a log, a pipe) it is a plain line now and then.
"""

from __future__ import annotations

import time  # noqa: TID251  # for the people who wait
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from mpsim.runs import Run
from mpsim.store import Row

BETWEEN_LINES = 10.0  # s, where there is no terminal
SPEED_PERIOD = 600.0  # s: how far back the speed is taken from that tells how long it will take
SHOWN = 8  # labels at most


class Bar:
    """The progress of a list of runs."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        self.title = title
        self._console = console or Console(stderr=True)
        self._running: dict[str, str] = {}
        self._total = self._done = self._failed = 0
        self._bars = _Bars(self._running, self._console) if self._console.is_terminal else None
        self._task: TaskID | None = None
        self._seconds: dict[str, float] = {}  # of the runs to be made
        self._left = 0.0  # s of scenario
        self._began = self._last_line = time.monotonic()

    def begin(self, runs: Iterable[Run], missing: Sequence[Run]) -> None:
        """Take note of all runs and of those to be made now."""
        self._total = len({run.key for run in runs})
        self._done = self._total - len(missing)
        self._seconds = {run.key: run.seconds for run in missing}
        self._left = sum(self._seconds.values())
        self._began = time.monotonic()
        if self._bars is not None:
            self._task = self._bars.add_task(self.title, total=self._left, count=self._count())

    def started(self, run: Run) -> None:
        """A worker has begun a run."""
        self._running[run.key] = run.label
        if self._bars is None:
            self._line()

    def said(self, text: str) -> None:
        """Show a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def finished(self, row: Row) -> None:
        """A run has ended, well or not."""
        self._running.pop(row.key, None)
        self._done += 1
        seconds = self._seconds.get(row.key, 0.0)
        self._left -= seconds
        if row.error or not row.valid:
            self._failed += bool(row.error)
            reason = row.error or f"not to be believed: {row.numbers.get('invalid_reasons', '')}"
            self.said(f"{'failed: ' if row.error else ''}{row.label} ({row.key[:12]}): {reason}")
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, advance=seconds, count=self._count())

    def _count(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done}/{self._total} runs{failed}"

    def _line(self) -> None:
        now = time.monotonic()
        if now - self._last_line < BETWEEN_LINES:
            return
        self._last_line = now
        made = sum(self._seconds.values()) - self._left
        left = f", {_clock((now - self._began) / made * self._left)} left" if made else ""
        self.said("\n".join([f"{self.title}: {self._count()}{left}", *_shown(self._running)]))

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.clear()
        if self._bars is not None:
            self._bars.stop()


class _Bars(Progress):
    """Rich's bars, with what runs now below them."""

    def __init__(self, running: dict[str, str], console: Console) -> None:
        self.running = running
        shown = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        super().__init__(*shown, console=console, speed_estimate_period=SPEED_PERIOD)

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.running:
            yield Text("\n".join(_shown(self.running)), style="dim", no_wrap=True, overflow="ellipsis")


def _shown(running: dict[str, str]) -> list[str]:
    labels = list(running.values())
    more = [f"and {len(labels) - SHOWN} more"] if len(labels) > SHOWN else []
    return [f"  now: {label}" for label in [*labels[:SHOWN], *more]]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
