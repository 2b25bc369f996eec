"""4. Is the security no worse than that of a plain link?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments import hostile_emulation, hostile_simulation
from experiments.base import Trial
from experiments.criterion import Criterion, Effort, Runs, Table, UnshownError, Verdict
from experiments.hostility import RATE, Evidence
from mpsim.worlds import SIMULATION

PACE = 0.9


class Security(Criterion):
    """Two portals under attack, and the nemesis."""

    id = "4"
    name = "security"
    tier = "core"
    question = "Is the security no worse than that of a plain link?"
    rule = (
        f"10 MB by TCP over 4+4 Mbit/s, mode aead, while each portal is sent {RATE} datagrams a second by strangers "
        "who see all and have no keys: forged (changed, cut, made up), repeated (by either path, relabelled), its own "
        "thrown back, initiations that anyone can make; from the other portal's addresses and from others. Every one "
        "is refused; no portal sends anything but cookies, which are no longer than what they answer, to anybody but "
        "the other portal (so nobody gets half of the packets); everything arrives, at "
        f"{PACE:.0%} of its pace or more. In simulation, too, {len(hostile_simulation.SCRIPTS)} scripts of the nemesis "
        "(loss, reordering, replays, restarts, rebinding, floods, a hostile portal) break none of its invariants."
    )
    explanation = (
        "In emulation these are two daemons (mpsim portal up) and the kernel's TCP, whose bytes are compared by their "
        "hash. What is promised and what is not, and which test shows each: docs/security.md."
    )

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return []

    def prepare(self, world: str, folder: Path) -> None:
        path = folder / _file(world)
        if path.exists():
            return
        if world == SIMULATION:
            found = hostile_simulation.attack()
            found.nemesis = hostile_simulation.play_scripts()
        else:
            found = hostile_emulation.attack()
        draft = path.with_suffix(".part")
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(found.plain(), indent=1))
        draft.replace(path)

    def judge(self, runs: Runs) -> Verdict:
        found = _read(runs)
        played, kept = (found.nemesis.get(what, 0) for what in ("played", "kept"))
        told = [
            f"{sum(found.sent.values())} datagrams of strangers: {found.passed} not refused",
            f"{found.astray} datagrams sent to others",
            f"the flow keeps {found.pace:.0%} of its pace" if found.whole else "the flow does not arrive",
        ]
        if runs.world == SIMULATION:
            told.append(f"{kept} of {played} scripts of the nemesis break no invariant")
        refused = bool(found.sent) and not found.passed and not found.astray
        tried = runs.world != SIMULATION or (played > 0 and kept == played)
        return Verdict.of(refused and tried and found.whole and found.pace >= PACE, "; ".join(told))

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        rows: list[dict[str, Any]] = []
        for world, runs in worlds.items():
            try:
                found = _read(runs)
            except UnshownError:
                continue
            rows += [
                {"world": world, "what": f"sent: {kind}", "datagrams": count} for kind, count in found.sent.items()
            ]
            rows += [{"world": world, "what": f"refused as {why}", "datagrams": n} for why, n in found.refused.items()]
            rows.append({"world": world, "what": "answered by a cookie", "datagrams": found.cookies})
            rows.append({"world": world, "what": "not refused", "datagrams": found.passed})
            rows.append({"world": world, "what": "sent to others by a portal", "datagrams": found.astray})
        yield Table("What strangers sent, and what came of it", rows)


def _file(world: str) -> str:
    return f"security-{world}.json"


def _read(runs: Runs) -> Evidence:
    path = (runs.folder or Path()) / _file(runs.world)
    if not path.exists():
        raise UnshownError("no attack was made")
    return Evidence(**json.loads(path.read_text()))
