"""3. Does the client hold the remote portal's address, with no address translation on the way?"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from emulation.addresses import CLIENT_ADDRESS
from emulation.evidence import CLIENT_CAPTURE, SERVER_CAPTURE, same_addresses
from experiments import cells
from experiments.base import Timing, Trial, scenario_of
from experiments.criterion import DIRECTIONS, Criterion, Effort, Runs, Table, UnshownError, Verdict
from mpsim.worlds import SIMULATION, find

EVIDENCE = "client-address.json"
TIMING = Timing(warmup=1.0, duration=2.0, repetitions=1)


class ClientAddress(Criterion):
    """Packets captured at the server and at the client."""

    id = "3"
    name = "client-address"
    tier = "core"
    question = "Does the client hold the address that the server sees, with no translation on the way?"
    rule = (
        "One TCP flow each way over 8+8 Mbit/s: every segment that Scapy recognises in the captures of both the client "
        "and the server carries the same addresses in both, the client's own among them."
    )
    unshown: ClassVar[Mapping[str, str]] = {
        SIMULATION: "simulated packets have a flow's name for an address; only a capture of real ones is evidence"
    }

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return []

    def prepare(self, world: str, folder: Path) -> None:
        if (folder / EVIDENCE).exists():
            return
        found = {direction: _look(world, direction) for direction in DIRECTIONS}
        draft = folder / f"{EVIDENCE}.part"
        draft.write_text(json.dumps(found, indent=1))
        draft.replace(folder / EVIDENCE)

    def judge(self, runs: Runs) -> Verdict:
        found = _read(runs)
        same = all(one["same"] for one in found.values())
        counts = sum(pair["segments"] for one in found.values() for pair in one["pairs"])
        own = all(any(CLIENT_ADDRESS in pair.values() for pair in one["pairs"]) for one in found.values())
        text = f"{counts} segments seen at both ends, {'all with the same addresses' if same else 'not all the same'}"
        return Verdict.of(same and own, f"{text}; {CLIENT_ADDRESS} is the client's own")

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        for runs in worlds.values():
            rows = [{"direction": way, **pair} for way, one in _read(runs).items() for pair in one["pairs"]]
            yield Table("Addresses of the segments that were recognised at both ends", rows)


def _look(world: str, direction: str) -> dict[str, Any]:
    raw = cells.cell("8+8", cells.OURS, [cells.tcp(direction)])
    with tempfile.TemporaryDirectory() as folder:
        find(world).run(scenario_of(raw, TIMING, seed=1), pcap=Path(folder))
        seen = same_addresses(Path(folder, CLIENT_CAPTURE), Path(folder, SERVER_CAPTURE))
    pairs = [{"from": pair[0], "to": pair[1], "segments": count} for pair, count in sorted(seen.pairs.items())]
    return {"same": seen.same, "pairs": pairs, "changed": seen.changed}


def _read(runs: Runs) -> dict[str, Any]:
    path = (runs.folder or Path()) / EVIDENCE
    if not path.exists():
        raise UnshownError("no captures were made")
    found: dict[str, Any] = json.loads(path.read_text())
    return found
