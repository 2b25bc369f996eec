"""3. Does the client hold the remote portal's address, with no address translation on the way?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from experiments import cells
from experiments.base import Trial
from experiments.criterion import DIRECTIONS, Criterion, Effort, Runs, Table, Verdict
from mpsim.worlds import SIMULATION


class ClientAddress(Criterion):
    """Packets captured at the server and at the client."""

    id = "3"
    name = "client-address"
    tier = "core"
    question = "Does the client hold the address that the server sees, with no translation on the way?"
    rule = (
        "One TCP flow each way over 8+8 Mbit/s: packets captured at the client and at the server, read by Scapy, carry "
        "the same pair of addresses, the client's own among them, in both directions."
    )
    unshown: ClassVar[Mapping[str, str]] = {
        SIMULATION: "simulated packets have a flow's name for an address; only a capture of real ones is evidence"
    }

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        timing = effort.timing(2.0, 1)
        return cells.trials_of(
            world,
            timing,
            (({"direction": way}, cells.cell("8+8", cells.OURS, [cells.tcp(way)])) for way in DIRECTIONS),
        )

    def judge(self, runs: Runs) -> Verdict:
        raise NotImplementedError

    def tables(self, worlds: Mapping[str, Runs]) -> Iterator[Table]:
        yield from ()
