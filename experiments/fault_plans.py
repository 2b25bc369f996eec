"""What is done to a transfer in the experiment `faults`: the same links and the same plans for both worlds.

Two links of 4 Mbit/s, and 10 MB (ten seconds, undisturbed) from the hosted portal's side to the one at home. A plan's
times count from the first byte that arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mpsim.scenario import Scenario, parse
from mpsim.units import format_size

BYTES = 10_000_000
PATHS = 2
EVERY = tuple(range(PATHS))
HOME, HOSTED = "home", "hosted"  # the one that connects, behind NATs; the one that listens
HORIZON = 120.0  # s: a transfer that has not ended by then has failed
SHARE = 0.02  # of all packets, lost in bursts
BURST = 4.0  # packets that are lost together, in the mean
CORRUPTED = 0.01  # of all datagrams

# What a change does; `where` is a path's number, or a portal.
CHANGES: Mapping[str, str] = {
    "restart": "a portal is killed (SIGKILL), and started again at once",
    "delete": "a path's interface at home is deleted",
    "make": "it is made anew",
    "readdress": "a path's interface at home has another address",
    "rebind": "the NAT in a path forgets: what comes from home has another port, what goes to the old one is lost",
    "block": "nothing passes by a path, and nobody is told",
    "unblock": "everything passes again",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: when (s after the first byte), what (of `CHANGES`), and to which path or portal."""

    at: float
    what: str
    where: int | str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: its changes, and what the links do to packets all the time."""

    name: str
    told: str
    changes: tuple[Change, ...] = ()
    loss: float = 0.0
    corruption: float = 0.0

    def scenario(self, seed: int, size: int = BYTES) -> Scenario:
        """Return the scenario that both worlds take the links from."""
        # Gilbert's model with nothing lost in its good state: the share is that of its bad one.
        leaves = 1 / BURST
        enters = leaves * self.loss / (1 - self.loss)
        loss = {"model": "gilbert-elliott", "p": enters, "r": leaves} if self.loss else 0.0
        links = [
            {"name": f"path{number}", "rate": "4Mbit", "delay": delay, "queue": "50p", "loss": loss}
            for number, delay in enumerate(("10ms", "25ms"))
        ]
        flow = {
            "name": "download",
            "kind": "tcp",
            "direction": "inbound",
            "congestion": "cubic",
            "bytes": format_size(size),
            "start": "0s",
        }
        times = {"warmup": "2s", "duration": f"{HORIZON:g}s"}
        return parse(
            {
                "schema": 1,
                "name": "faults",
                "seed": seed,
                **times,
                "tunnel": {"mode": "aead"},
                "link": links,
                "flow": [flow],
            }
        )


def _blackholes(*paths: int) -> tuple[Change, ...]:
    """Five seconds of nothing, two of everything, again and again."""
    on, off = 5.0, 2.0
    found = []
    for number in range(int(HORIZON / (on + off))):
        begin = off + number * (on + off)
        for path in paths:
            found += [Change(begin, "block", path), Change(begin + on, "unblock", path)]
    return tuple(found)


def _rebindings() -> tuple[Change, ...]:
    """Every second, on both paths, five times; then every five seconds."""
    times = [*range(1, 6), *range(10, int(HORIZON), 5)]
    return tuple(Change(float(at), "rebind", path) for at in times for path in EVERY)


UNDISTURBED = Kind("undisturbed", "nothing")
KINDS: tuple[Kind, ...] = (
    UNDISTURBED,
    Kind("restart of home", "after 3 s", (Change(3.0, "restart", HOME),)),
    Kind("restart of hosted", "after 3 s", (Change(3.0, "restart", HOSTED),)),
    Kind(
        "restart of both",
        "hosted after 2 s, home after 5 s",
        (Change(2.0, "restart", HOSTED), Change(5.0, "restart", HOME)),
    ),
    Kind("interface deleted", "one of two, from 2 s to 5 s", (Change(2.0, "delete", 0), Change(5.0, "make", 0))),
    Kind("address changed", "of both, after 2 s and 4 s", (Change(2.0, "readdress", 0), Change(4.0, "readdress", 1))),
    Kind("rebinding", "both NATs, every 1 s, then every 5 s", _rebindings()),
    Kind("blackhole of one path", "5 s on, 2 s off", _blackholes(0)),
    Kind("blackhole of both", "5 s on, 2 s off", _blackholes(*EVERY)),
    Kind("bursty loss", f"{SHARE:.0%} each way, {BURST:g} packets in a row", loss=SHARE),
    Kind("corruption", f"of {CORRUPTED:.0%} of the datagrams each way", corruption=CORRUPTED),
)
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(slots=True)
class Record:
    """What became of one transfer.

    whole: in emulation an equal hash, in simulation every byte; duration_s: from the first byte to the last;
    stall_s: the longest time without a byte; rejected: datagrams, by both portals; problem: what went wrong, if
    something did
    """

    whole: bool
    duration_s: float | None
    stall_s: float | None
    rejected: dict[str, int]
    problem: str = ""
