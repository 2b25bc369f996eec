"""Does a transfer of 10 MB arrive while portals are killed, interfaces deleted, and NATs forget? Under every fault.

In emulation by two real daemons (`mpsim portal up`) and the kernel's TCP, whose bytes are compared by their hash; in
simulation by the same endpoints with real keys and a model of TCP. The plans are fault_plans.py's, for both.

Finished emulated runs lie in ``emulated.json`` of the output folder: the same command goes on where it was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.base import EMULATION, worlds_of
from experiments.fault_emulation import emulate
from experiments.fault_plans import BYTES, HORIZON, KINDS, Kind, Record
from experiments.fault_simulation import STARTING, simulate
from experiments.tables import as_markdown, as_text, write_table
from mpsim.units import format_size
from mpsim.worlds import SIMULATION

REPETITIONS = 2  # of ten kinds of fault: twenty transfers
STORE = "emulated.json"
WHOLE = {SIMULATION: "every byte", EMULATION: "equal hash"}


@dataclass(frozen=True, slots=True)
class Run:
    """One transfer and what became of it."""

    world: str
    kind: Kind
    repetition: int
    record: Record

    def row(self) -> dict[str, Any]:
        """Return it as a row of the table of all runs."""
        record = self.record
        return {
            "world": self.world,
            "fault": self.kind.name,
            "repetition": self.repetition,
            "whole": record.whole,
            "duration_s": record.duration_s,
            "stall_s": record.stall_s,
            "rejected": sum(record.rejected.values()),
            "problem": record.problem,
        }


class Store:
    """Emulated runs that are finished."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def run(self, kind: Kind, repetition: int) -> Record:
        """Return the record of a run, made now if it is not there."""
        key = f"{kind.name}/{repetition}"
        if key not in self._found:
            self._found[key] = asdict(emulate(kind, repetition))
            draft = self._path.with_suffix(".part")
            draft.write_text(json.dumps(self._found, indent=1))
            draft.replace(self._path)
        return Record(**self._found[key])


def runs(worlds: Sequence[str], out: Path, repetitions: int) -> Iterator[Run]:
    """Yield every run, simulated ones first."""
    store = Store(out / STORE)
    for world in worlds:
        for repetition in range(1, repetitions + 1):
            for kind in KINDS:
                make = simulate if world == SIMULATION else store.run
                yield Run(world, kind, repetition, make(kind, repetition))


def summarise(found: Sequence[Run], worlds: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each kind of fault: how many arrived whole, the longest of their times and stalls (s)."""
    rows = []
    for kind in KINDS:
        row: dict[str, Any] = {"fault": kind.name, "what": kind.told}
        for world in worlds:
            own = [run.record for run in found if (run.world, run.kind) == (world, kind)]
            row |= {
                f"{world}_whole": sum(record.whole for record in own),
                f"{world}_n": len(own),
                f"{world}_duration_s": _longest(record.duration_s for record in own),
                f"{world}_stall_s": _longest(record.stall_s for record in own),
                f"{world}_rejected": sum(sum(record.rejected.values()) for record in own),
            }
        rows.append(row)
    return rows


def _longest(values: Iterator[float | None]) -> float | None:
    known = list(values)
    return None if None in known or not known else max(known)  # type: ignore[type-var]  # no None among them


def verdict(rows: Sequence[Mapping[str, Any]], world: str) -> str:
    """Tell how many transfers under faults arrived whole."""
    under = [row for row, kind in zip(rows, KINDS, strict=True) if kind.changes or kind.loss or kind.corruption]
    whole, count = (sum(row[f"{world}_{what}"] for row in under) for what in ("whole", "n"))
    return f"{world}: {whole} of {count} transfers under faults arrived whole ({WHOLE[world]})"


class Faults:
    """A transfer under every kind of fault, in both worlds."""

    title = "10 MB by TCP while portals restart, interfaces vanish, NATs rebind, links go dark, lose or spoil"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write runs.csv, faults.csv and faults.md to ``out``, and give the table."""
        out.mkdir(parents=True, exist_ok=True)
        worlds = worlds_of(world)
        found = list(runs(worlds, out, 1 if quick else REPETITIONS))
        rows = summarise(found, worlds)
        write_table(out / "runs.csv", [run.row() for run in found])
        write_table(out / "faults.csv", rows)
        headings, cells = _table(rows, worlds)
        verdicts = [verdict(rows, each) for each in worlds]
        (out / "faults.md").write_text(_page(headings, cells, verdicts), encoding="utf-8")
        problems = [
            f"{run.world}, {run.kind.name}, {run.repetition}: {run.record.problem}"
            for run in found
            if run.record.problem
        ]
        written = f"CSV: {out / 'faults.csv'} (every run: {out / 'runs.csv'}); Markdown: {out / 'faults.md'}"
        return "\n".join([as_text(headings, cells), *verdicts, *problems, written])


def _table(rows: Sequence[Mapping[str, Any]], worlds: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    headings = ["fault", "what"]
    for world in worlds:
        headings += [f"{world}: whole", "longest time s", "longest stall s", "refused"]
    return headings, [[row["fault"], row["what"], *_cells(row, worlds)] for row in rows]


def _cells(row: Mapping[str, Any], worlds: Sequence[str]) -> Iterator[str]:
    for world in worlds:
        yield f"{row[f'{world}_whole']} of {row[f'{world}_n']}"
        for key, digits in (("duration_s", 1), ("stall_s", 2)):
            value = row[f"{world}_{key}"]
            yield "-" if value is None else f"{value:.{digits}f}"
        yield str(row[f"{world}_rejected"])


def _page(headings: Sequence[str], cells: Sequence[Sequence[str]], verdicts: Sequence[str]) -> str:
    return "\n".join(
        [
            "# A transfer under faults, in both worlds",
            "",
            f"{format_size(BYTES)} by one TCP flow (CUBIC) from the hosted portal to the one at home, over two links",
            "of 4 Mbit/s, 10 and 25 ms one way, mode `aead`, everything else as it is by default. Whole: in emulation",
            f"the hashes are equal, in simulation every byte came. What takes more than {HORIZON:g} s has failed.",
            "Stall: the longest time without a byte for the application, TCP's own timeouts included; a killed portal",
            f"is gone as long as it takes to start (in simulation {STARTING:g} s). Refused: datagrams, by both portals",
            "(in emulation in their last lives). A simulated interface has no address: that one changes is to the",
            "other end what a rebinding is.",
            "",
            as_markdown(headings, cells),
            "",
            *(f"{each}.  " for each in verdicts),
            "",
        ]
    )


experiment = Faults()
