"""What a criterion of the evaluation is: a question, the runs that answer it, a rule that decides, its figures.

Each criterion has a file of its own in criteria/. Verdicts are computed by its rule from medians over believed runs;
a criterion that fails, or that has no figures, does not stop the others.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from experiments.base import Outcome, Spread, Timing, Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIRECTIONS = ("inbound", "outbound")


class Status(StrEnum):
    """What a rule may come to."""

    MET = "met"
    FAILED = "not met"
    UNSHOWN = "cannot be shown here"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a criterion's rule came to, and the numbers that decided."""

    status: Status
    text: str

    @classmethod
    def of(cls, met: bool, text: str) -> Verdict:
        """Give the verdict of a rule that holds or does not."""
        return cls(Status.MET if met else Status.FAILED, text)


class UnshownError(Exception):
    """There are no believed runs to decide by; the message says which are missing."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much the evaluation may cost in one world."""

    repetitions: int
    warmup: float  # s, not measured
    duration: float  # s, measured, where a criterion does not need its own
    quick: bool
    fixed: bool = False  # the repetitions are what the user wants, no more and no less

    def timing(self, duration: float | None = None, repetitions: int | None = None) -> Timing:
        """Give times and repetitions; what a criterion asks for in full is asked for less when quick."""
        wanted = self.repetitions if repetitions is None or self.quick or self.fixed else repetitions
        return Timing(self.warmup, self.duration if duration is None else duration, wanted)


class Runs(Sequence[Outcome]):
    """Outcomes of one world, or some of them.

    folder: where the evaluation is written to, with what a criterion has prepared there
    """

    def __init__(self, outcomes: Iterable[Outcome], world: str, folder: Path | None = None) -> None:
        self._outcomes = list(outcomes)
        self.world = world
        self.folder = folder

    def __len__(self) -> int:
        return len(self._outcomes)

    def __getitem__(self, index: Any) -> Any:
        return self._outcomes[index]

    def of(self, **labels: Any) -> Runs:
        """Give the believed runs with these labels."""
        return Runs((one for one in self._outcomes if one.believed and one.has(labels)), self.world)

    def values(self, key: str, **labels: Any) -> list[float]:
        """Give one number of every believed run with these labels that has it."""
        return [value for one in self.of(**labels) if (value := one.number(key)) is not None]

    def spread(self, key: str, **labels: Any) -> Spread:
        """Give median and quartiles of a number."""
        return Spread.of(self.values(key, **labels))

    def median(self, key: str, **labels: Any) -> float:
        """Give the median of a number; raises UnshownError where no believed run has it."""
        found = self.spread(key, **labels)
        if not found.count:
            told = ", ".join(str(value) for value in labels.values())
            raise UnshownError(f"no believed run of {told}{self._reasons(labels)}")
        return found.median

    def every(self, key: str, **labels: Any) -> list[float]:
        """Give a number of all believed runs, infinity where it is null; raises UnshownError without any run."""
        runs = self.of(**labels)
        if not runs:
            raise UnshownError(f"no believed run of {', '.join(map(str, labels.values()))}{self._reasons(labels)}")
        return [math.inf if (value := one.number(key)) is None else value for one in runs]

    def labels(self, name: str) -> list[Any]:
        """Give the values of a label, in the order of their first run."""
        return list(dict.fromkeys(one.trial.labels[name] for one in self._outcomes if name in one.trial.labels))

    def _reasons(self, labels: Mapping[str, Any]) -> str:
        left = [one for one in self._outcomes if not one.believed and one.has(labels)]
        if not left:
            return ""
        return f" ({left[0].why_not or 'not to be believed'})"


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure of the report."""

    name: str  # of its file
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the report."""

    caption: str
    rows: Sequence[Mapping[str, Any]]


class Criterion(ABC):
    """One question of the dissertation's evaluation."""

    id: ClassVar[str]
    name: ClassVar[str]
    tier: ClassVar[str]  # core | extended | stretch | performance
    question: ClassVar[str]
    rule: ClassVar[str]  # what decides, in words
    explanation: ClassVar[str] = ""  # what was found, where the numbers alone do not say it
    unshown: ClassVar[Mapping[str, str]] = {}  # by world: why it cannot be shown there

    @abstractmethod
    def trials(self, world: str, effort: Effort) -> list[Trial]:
        """Give the runs that are needed in a world."""

    def prepare(self, world: str, folder: Path) -> None:
        """Gather in ``folder`` what no result holds, if it is not there yet."""

    @abstractmethod
    def judge(self, runs: Runs) -> Verdict:
        """Decide by the runs of one world; may raise UnshownError."""

    def pictures(self, worlds: Mapping[str, Runs]) -> Iterator[Picture]:
        """Give the figures, the worlds side by side."""
        yield from ()

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        """Give the tables, the worlds side by side."""
        yield from ()

    def verdict(self, runs: Runs) -> Verdict:
        """Decide, or say why nothing can be decided in this world."""
        if runs.world in self.unshown:
            return Verdict(Status.UNSHOWN, self.unshown[runs.world])
        try:
            return self.judge(runs)
        except UnshownError as error:
            return Verdict(Status.UNSHOWN, str(error))


@dataclass
class Answer:
    """A criterion and what came of it."""

    criterion: Criterion
    worlds: dict[str, Runs]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    pictures: list[tuple[Picture, Path]] = field(default_factory=list)
