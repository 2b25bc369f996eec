"""The dissertation's whole evaluation (chapter 4): every criterion in the worlds asked for, a verdict each, one page.

Finished runs lie in ``runs.sqlite`` of the output folder, so the same command goes on where it was stopped, and draws
the page from what there is. Simulated runs come first, on all cores; emulated ones follow, one after the other, the
first repetition of every criterion before the second of any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emulation.doctor import gaps
from experiments.base import EMULATION, Outcome, Trial, run_trials, worlds_of
from experiments.criteria import CRITERIA
from experiments.criterion import Answer, Criterion, Effort, Runs
from experiments.report import write_report
from experiments.tables import as_text
from mpsim.errors import Fault, InputError, WorldError
from mpsim.registry import unknown
from mpsim.worlds import SIMULATION

# In emulation a run takes its time: half the repetitions.
FULL = {
    SIMULATION: Effort(repetitions=10, warmup=3.0, duration=10.0, quick=False),
    EMULATION: Effort(repetitions=5, warmup=3.0, duration=10.0, quick=False),
}
QUICK = {
    SIMULATION: Effort(repetitions=2, warmup=2.0, duration=5.0, quick=True),
    EMULATION: Effort(repetitions=1, warmup=2.0, duration=5.0, quick=True),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What `mpsim reproduce` was asked for."""

    ids: Sequence[str]
    world: str  # simulation | emulation | both
    out: Path
    quick: bool = False
    repetitions: int | None = None  # instead of what the effort says
    run: bool = True  # False: draw the page from the finished runs alone


class Evaluation:
    """The dissertation's evaluation, as the command line finds it under ``mpsim.evaluations``."""

    def criteria(self) -> list[tuple[str, str, str]]:
        """Give number, name and question of every criterion."""
        return [(one.id, one.name, one.question) for one in CRITERIA]

    def run(
        self,
        ids: Sequence[str],
        *,
        world: str,
        out: Path,
        quick: bool = False,
        repetitions: int | None = None,
        finished_only: bool = False,
    ) -> str:
        """Run, write the page with its figures and tables to ``out``; give the table of verdicts.

        ids: of criteria, all without any; world: "simulation", "emulation" or "both"; repetitions: instead of
        what is usual; finished_only: run nothing, draw the page from the finished runs. Raises InputError.
        """
        options = Options(ids, world, out, quick, repetitions, not finished_only)
        answers = answer(options)
        worlds = worlds_of(world)
        page = write_report(answers, worlds, out)
        return "\n".join([verdict_table(answers, worlds), f"report: {page}"])


def answer(options: Options) -> list[Answer]:
    """Run what is missing, and give every chosen criterion's runs and verdicts."""
    chosen = choose(options.ids)
    worlds = worlds_of(options.world)
    missing = gaps() if options.run and EMULATION in worlds else []
    if missing:  # said at once, not by a thousand runs
        first = missing[0]
        raise WorldError(f"emulation needs {first.name}: {first.detail}; {first.remedy} (mpsim doctor tells it all)")
    found = {world: _run(chosen, world, _effort(world, options), options) for world in worlds}
    answers = [
        Answer(one, {world: Runs(found[world][one.id], world, options.out) for world in worlds}) for one in chosen
    ]
    for each in answers:
        each.verdicts = {world: each.criterion.verdict(runs) for world, runs in each.worlds.items()}
    return answers


def choose(ids: Sequence[str]) -> list[Criterion]:
    """Give the criteria of these numbers or names ("1" is 1a, 1b and 1c), all without any. Raises InputError."""
    if not ids:
        return list(CRITERIA)
    found: dict[str, Criterion] = {}
    faults = []
    for wanted in ids:
        some = [one for one in CRITERIA if wanted in (one.id, one.id.rstrip("abc"), one.name)]
        if not some:
            known = [name for one in CRITERIA for name in (one.id, one.name)]
            faults.append(Fault("criterion", unknown("criterion", wanted, known)))
        found |= {one.id: one for one in some}
    if faults:
        raise InputError(faults)
    return [one for one in CRITERIA if one.id in found]


def _effort(world: str, options: Options) -> Effort:
    effort = (QUICK if options.quick else FULL)[world]
    if options.repetitions is None:
        return effort
    return replace(effort, repetitions=options.repetitions, fixed=True)


def _run(chosen: Sequence[Criterion], world: str, effort: Effort, options: Options) -> Mapping[str, list[Outcome]]:
    wanted: list[tuple[str, Trial]] = [
        (one.id, trial) for one in chosen if world not in one.unshown for trial in one.trials(world, effort)
    ]
    # If it is stopped half-way, every criterion has as many repetitions as any.
    wanted.sort(key=lambda each: each[1].labels["repetition"])
    outcomes = run_trials([trial for _, trial in wanted], options.out, world, strict=False, run=options.run)
    if options.run:
        for one in chosen:
            if world not in one.unshown:
                one.prepare(world, options.out)
    found: dict[str, list[Outcome]] = {one.id: [] for one in chosen}
    for (name, _), outcome in zip(wanted, outcomes, strict=True):
        if outcome is not None:
            found[name].append(outcome)
    return found


def verdict_table(answers: Sequence[Answer], worlds: Sequence[str]) -> str:
    """Give the verdicts as text."""
    rows = [
        [answer.criterion.id, answer.criterion.question, *(answer.verdicts[world].status for world in worlds)]
        for answer in answers
    ]
    text = as_text(["", "criterion", *worlds], rows)
    reasons = [
        f"{answer.criterion.id}, {world}: {answer.verdicts[world].text}" for answer in answers for world in worlds
    ]
    return "\n".join([text, "", *reasons])


evaluation = Evaluation()
