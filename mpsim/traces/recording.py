"""What any trace file holds, whatever its format: opportunities, rates over time, delays over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mpsim.network.traces import LARGEST_TRACE_BYTES

# Told of each fault: the line's number (0: the whole file) and what is wrong. Raises, or collects.
Wrong = Callable[[int, str], None]
_GRAIN = 1e-9  # s: what rounding leaves is no time


@dataclass(frozen=True, slots=True)
class Steps:
    """Values that hold from one edge to the next: bit/s of a capacity, seconds of a delay."""

    edges: tuple[float, ...]  # s, increasing, one more than there are values
    values: tuple[float, ...]

    @property
    def duration(self) -> float:
        """Seconds from the first edge to the last."""
        return self.edges[-1] - self.edges[0]

    def integral(self) -> float:
        """Return value times seconds: bits, of a capacity."""
        return sum(
            value * (end - begin) for value, begin, end in zip(self.values, self.edges, self.edges[1:], strict=False)
        )

    def scaled(self, factor: float) -> Steps:
        """Return the same with each value multiplied."""
        return replace(self, values=tuple(value * factor for value in self.values))

    def between(self, begin: float, end: float) -> Steps:
        """Return the part between two times (s since the first edge), which then begins at 0 s.

        Raises ValueError if nothing lies there.
        """
        low, high = self.edges[0] + max(0.0, begin), min(self.edges[-1], self.edges[0] + end)
        if not low < high:
            raise ValueError(f"nothing lies between {begin:g} s and {end:g} s; it is {self.duration:g} s long")
        spans = [
            (max(low, left), value)
            for value, left, right in zip(self.values, self.edges, self.edges[1:], strict=False)
            if right > low and left < high
        ]
        edges = [left - low for left, _ in spans] + [high - low]
        return Steps(tuple(edges), tuple(value for _, value in spans))

    def looped(self, offset: float, duration: float | None) -> Steps:
        """Return `duration` seconds from `offset` on (s), beginning again after the end; None: one round."""
        offset %= self.duration
        left = self.duration if duration is None else duration
        edges = [0.0]
        values: list[float] = []
        while left > 0:
            part = self.between(offset, min(self.duration, offset + left))
            edges += [edges[-1] + edge for edge in part.edges[1:]]
            values += part.values
            left -= part.duration
            offset = 0.0
            if left < _GRAIN:
                break
        return Steps(tuple(edges), tuple(values))


@dataclass(frozen=True, slots=True)
class Recording:
    """One trace as read. Either `opportunities` or `windows` is filled, or, in a file of delays, `delays` alone."""

    format: str
    opportunities: Sequence[float] = ()  # s, as TraceRate takes them
    windows: tuple[Steps, ...] = ()  # bit/s; a gap in the recording begins a new one
    delays: Steps | None = None  # s, one way

    def longest(self) -> Steps:
        """Return the longest window without a gap. Raises ValueError where rates are not what the file holds."""
        if not self.windows:
            raise ValueError(f"holds no rates over time; its format is {self.format}")
        return max(self.windows, key=lambda window: window.duration)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which numbers of a file with several are meant; None: the format's own, if there is one."""

    column: str | None = None  # a name, or a number from 1 on where there is no header
    unit: str | None = None  # "Mbit/s", "kB/s"


def refuse(number: int, message: str) -> None:
    """Raise ValueError for the first fault of a file."""
    raise ValueError(f"line {number}: {message}" if number else message)


def lines(path: Path, wrong: Wrong) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not empty with their numbers from 1 on; comments begin with #."""
    if path.stat().st_size > LARGEST_TRACE_BYTES:
        wrong(0, f"at most {LARGEST_TRACE_BYTES // 1024**2} MiB")
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                text = raw.decode("utf-8-sig").strip()
            except UnicodeDecodeError:
                wrong(number, "text in UTF-8 is needed")
                continue
            if text and not text.startswith("#"):
                yield number, text
