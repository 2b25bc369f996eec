"""What two portals withstand that are attacked by a third host on both of their segments.

In network namespaces two portals (`mpsim portal up`) are joined by two hubs of 20 Mbit/s each way. A TCP flow (CUBIC)
goes from a client behind the one to a server behind the other. The attacker hears everything, knows both public
addresses, and sends frames in the portals' names and in his own, right in front of the portals' interfaces.

Criterion of each attack: the flow's goodput beside it is above 90 % of that without it just before (80 % in a flood of
10,000 small datagrams a second); no inner packet comes out that was not sent, and none twice; neither portal's memory
grows by more than a megabyte; nothing is answered to the attacker but initiations, by cookies that are shorter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpsim
from emulation.doctor import gaps
from emulation.runs import ISOLATED, Run, new_run
from experiments.attacks import scene
from experiments.attacks.lab import PLAN, REPORT
from experiments.base import EMULATION, Spread, worlds_of
from experiments.tables import as_markdown, as_text, write_table
from mpsim.errors import Fault, InputError, WorldError

SECONDS, QUICK_SECONDS = 6, 3  # s, of each flow
REPETITIONS = 3
LEAST, LEAST_IN_FLOOD = 0.9, 0.8  # of the goodput without
MEMORY = 1 << 20  # bytes that a portal's memory may grow in a trial
LONGEST = 900.0  # s of one repetition
SMALL_RATE, FLOOD_RATE = 2000.0, 10_000.0  # frames/s


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack, and what is said of it."""

    name: str
    attack: str  # frames.py
    told: str
    rate: float = SMALL_RATE  # frames/s
    after: str = ""  # what happens before it: "", "new keys", "restart"
    first: bool = False  # whether it uses the recording of the portals' beginning, and not one of just before
    least: float = LEAST
    slow: bool = False  # not in a quick run
    answered: bool = False  # whether it may be answered

    def plan(self) -> dict[str, Any]:
        """Return what the lab has to know."""
        return {key: getattr(self, key) for key in ("name", "attack", "rate", "after", "first")}


ATTACKS = (
    Attack("forged", "forge", "random datagrams, every other with the header of the session"),
    Attack(
        "changed",
        "mutate",
        "recorded datagrams with up to four bits turned over, or cut off, or longer; every other with a newer number",
    ),
    Attack("replayed at once", "replay", "each datagram again, on its path and on the other", rate=FLOOD_RATE),
    Attack("reflected", "reflect", "each datagram back to who sent it", rate=FLOOD_RATE),
    Attack(
        "flood of random bytes",
        "flood",
        "60 bytes each, to the portal that receives the flow",
        rate=FLOOD_RATE,
        least=LEAST_IN_FLOOD,
    ),
    Attack(
        "flood with the session's header",
        "flood-sealed",
        "likewise, so that each tag has to be computed",
        rate=FLOOD_RATE,
        least=LEAST_IN_FLOOD,
    ),
    Attack(
        "initiations repeated",
        "initiations",
        "recorded ones, in their sender's name and in the attacker's",
        first=True,
        answered=True,
    ),
    Attack(
        "replayed after new keys",
        "replay-old",
        "from the session before, on its path and on the other",
        after="new keys",
        first=True,
        slow=True,
    ),
    Attack("replayed after a restart", "replay-old", "likewise", after="restart", first=True),
)


def repetition(seed: int, seconds: float, attacks: Sequence[Attack], *, compared: bool = True) -> list[dict[str, Any]]:
    """Run the lab once; return a row an attack. Raises WorldError if it cannot be run.

    seconds: of each flow; compared: whether there is a flow without the attack before each.
    """
    missing = gaps()
    if missing:
        raise WorldError("; ".join(f"{check.name}: {check.remedy or check.detail}" for check in missing))
    with new_run() as run:
        plan = {"seconds": seconds, "seed": seed, "compared": compared, "trials": [one.plan() for one in attacks]}
        (run.folder / PLAN).write_text(json.dumps(plan))
        _drive(run)
        report = json.loads((run.folder / REPORT).read_text())
    if "error" in report:
        raise WorldError(report["error"])
    return [
        row_of(attack, trial["without"], trial["beside"], seed)
        for attack, trial in zip(attacks, report["trials"], strict=True)
    ]


def _drive(run: Run) -> None:
    environment = dict(run.environment())
    # The programs have to be found by -m from wherever we were started, installed or not.
    root = str(Path(mpsim.__file__).resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    command = [*ISOLATED, sys.executable, "-m", "experiments.attacks.lab", str(run.folder)]
    with (run.folder / "lab.log").open("w+b") as log:
        try:
            status = subprocess.run(command, stdout=log, stderr=log, env=environment, timeout=LONGEST, check=False)
        except subprocess.TimeoutExpired:
            raise WorldError("the attack lab hangs") from None
        if status.returncode:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            raise WorldError(f"the attack lab failed: {lines[-1] if lines else f'status {status.returncode}'}")


def row_of(attack: Attack, without: Mapping[str, Any] | None, beside: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return one attack's row: what the two flows got, and what else was counted beside it."""
    alone = without["goodput_bps"] if without is not None else None
    ratio = (beside["goodput_bps"] or 0.0) / alone if alone else None
    return {
        "attack": attack.name,
        "repetition": seed,
        "without_bps": alone,
        "beside_bps": beside["goodput_bps"],
        "ratio": ratio,
        **{key: value for key, value in beside.items() if key != "goodput_bps"},
    }


def refused(row: Mapping[str, Any], cause: str) -> int:
    """Return how many datagrams both portals have refused for a cause."""
    return sum(row.get(f"{name}_{key}") or 0 for name in scene.PORTALS for key in (f"rejected_{cause}", cause))


def faults(attack: Attack, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what of the criterion does not hold in these rows of an attack."""
    found = []
    ratio = Spread.of([row["ratio"] for row in rows if row["ratio"] is not None]).median
    if not ratio > attack.least:
        found.append(f"goodput {ratio:.1%}")
    for key in ("foreign", "doubled"):
        count = sum(row[key] for row in rows)
        found += [f"{count} {key}"] if count else []
    if any(row[f"{name}_memory"] > MEMORY for row in rows for name in scene.PORTALS):
        found.append("memory grows")
    if any(_answered_too_much(attack, row) for row in rows):
        found.append("answered")
    return found


def _answered_too_much(attack: Attack, row: Mapping[str, Any]) -> bool:
    # Every other frame of what may be answered has the attacker's own address.
    return bool(row["answers"]) if not attack.answered else row["answer_bytes"] >= row["sent_bytes"] / 2


CAUSES = ("unknown", "malformed", "forged", "replayed")
HEADINGS = (
    "attack", "frames/s", "Mbit/s without", "beside it", "share", "foreign", "twice",
    *CAUSES, "answers", "memory, KiB", "criterion",
)  # fmt: skip


def line_of(attack: Attack, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return an attack's cells: medians of rates, sums of counts, and the most that memory grew."""

    def median(key: str) -> float:
        return Spread.of([row[key] for row in rows if row[key] is not None]).median

    problems = faults(attack, rows)
    memory = max(row[f"{name}_memory"] for row in rows for name in scene.PORTALS)
    return (
        attack.name,
        f"{median('sent_per_s'):.0f}",
        f"{median('without_bps') / 1e6:.1f}",
        f"{median('beside_bps') / 1e6:.1f}",
        f"{median('ratio'):.1%}",
        *(str(sum(row[key] for row in rows)) for key in ("foreign", "doubled")),
        *(str(sum(refused(row, cause) for row in rows)) for cause in CAUSES),
        str(sum(row["answers"] for row in rows)),
        f"{memory // 1024:+d}",
        "; ".join(problems) or "met",
    )


def lines_of(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the table's cells, a line an attack that was tried."""
    rows = list(rows)
    found = [(attack, [row for row in rows if row["attack"] == attack.name]) for attack in ATTACKS]
    return [line_of(attack, own) for attack, own in found if own]


class Attacks:
    """Two real portals, attacked."""

    title = "two real portals and a third host on their segments: forged, replayed, reflected, flooded (emulation)"

    def run(self, world: str, out: Path, quick: bool) -> str:
        """Run, write attacks.csv and attacks.md to ``out``, and give the table. Finished repetitions are kept there."""
        if EMULATION not in worlds_of(world):
            told = f'{EMULATION} is needed; given "{world}" (in simulation: python -m mpsim.nemesis --seed N)'
            raise InputError([Fault("--world", told)])
        attacks = [one for one in ATTACKS if not (quick and one.slow)]
        seconds = QUICK_SECONDS if quick else SECONDS
        out.mkdir(parents=True, exist_ok=True)
        rows: list[dict[str, Any]] = []
        for seed in range(1, 2 if quick else REPETITIONS + 1):
            kept = out / f"attacks-{seconds}s-{seed}.json"
            if not kept.exists():
                kept.write_text(json.dumps(repetition(seed, seconds, attacks)))
            rows += json.loads(kept.read_text())
        write_table(out / "attacks.csv", rows)
        lines, method = lines_of(rows), _method(seconds, rows)
        about = [f"- {attack.name}: {attack.told}" for attack in attacks]
        page = ["# Two portals, attacked", "", "\n\n".join(method), "", as_markdown(HEADINGS, lines), "", *about, ""]
        (out / "attacks.md").write_text("\n".join(page), encoding="utf-8")
        return "\n".join([as_text(HEADINGS, lines), *method])


def _method(seconds: float, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    met = sum(line[-1] == "met" for line in lines_of(rows))
    count = len({row["repetition"] for row in rows})
    verdict = f"{met} of {len(lines_of(rows))} attacks met the criterion; {count} repetition(s)."
    about = (
        f"Goodput of a TCP flow (CUBIC) of {seconds:g} s over two links of 20 Mbit/s, beside the attack and just "
        "before without it: medians. Counts are sums over the repetitions: inner packets that nobody sent (foreign) or "
        "that came out twice, by comparing captures of client and server; datagrams that both portals refused, by "
        "cause (unknown: of no path); answers to the attacker's own address. Memory: the most that either portal's "
        "resident memory grew in a trial."
    )
    criterion = (
        f"Criterion: a share above {LEAST:.0%} (floods {LEAST_IN_FLOOD:.0%}), nothing foreign and nothing twice, no "
        f"more than {MEMORY >> 10} KiB, no answers but to initiations, in fewer bytes than they have."
    )
    return [verdict, about, criterion]


experiment = Attacks()
