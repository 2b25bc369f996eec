"""What is done to a tunnel in one run: a list of faults, drawn from a seed or read from a file.

A script is plain data, so that a failing one can be cut down, kept and played again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

SIDES = ("local", "remote")
EVERY = -1  # path: all of them

# What each kind of fault does, and what its amount is.
KINDS: dict[str, str] = {
    "loss": "datagrams that `side` sends by `path` are lost in bursts of four; amount: share",
    "corruption": "bits of them are flipped; amount: share",
    "reordering": "they come later by up to 2 s; amount: share",
    "duplication": "they come again, up to 1 s later; amount: share",
    "blackhole": "nothing passes by `path`, either way",
    "one-way": "nothing that `side` sends passes by `path`",
    "carrier": "`side` is told that `path` has no carrier, and later that it has",
    "rebinding": "the local end has another address on `path` from now on",
    "restart": "`side` forgets everything and begins anew after as long as this lasts",
    "leap": "the clock of `side` goes on later by so much; amount: s",
    "wall": "the time of day of `side` is changed, which it looks at when it starts; amount: s",
    "replay": "what `side` has received is sent to it again, by the same and by other paths; amount: datagrams",
    "reflection": "what `side` has sent is thrown back at it; amount: datagrams",
    "forgery": "what `side` has received is sent to it again with changes; amount: datagrams",
    "flood": "noise, and initiations that anyone can make up, are sent to `side`; amount: datagrams",
    "hostility": "`side`, which has the keys, sends what is worst, and is restarted at the end; amount: datagrams",
}
# Without keys no end can tell these from what is real.
NEEDS_KEYS = frozenset(
    {"corruption", "rebinding", "replay", "reflection", "forgery", "flood", "hostility", "duplication"}
)
FAULTS_BEGIN, FAULTS_END = 0.6, 4.0  # s
LATER = {"reordering": 2.0, "duplication": 1.0}  # s, at most, that a datagram comes later


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind (of `KINDS`), when it begins and how long it lasts (s), whom it happens to, and how much."""

    kind: str
    at: float
    lasts: float = 0.0
    side: str = "local"
    path: int = EVERY
    amount: float = 0.0

    def __str__(self) -> str:
        where = "every path" if self.path == EVERY else f"path {self.path}"
        return (
            f"at {self.at:.3f} s for {self.lasts:.3f} s  {self.kind:<11} {self.side:<6} {where}, amount {self.amount:g}"
        )


@dataclass(frozen=True, slots=True)
class Script:
    """One run.

    seed: what everything random is drawn from; mode: "aead", "mac" or "none"; delays: of each path, s; rate: inner
    packets a second, each way; tunnel: the rest of the scenario's table; greets: the end that listens begins
    handshakes, too, once it has heard the other one, as a portal does (there are faults that this hides).
    """

    seed: int
    mode: str
    delays: tuple[float, ...]
    rate: float
    tunnel: dict[str, Any]
    faults: tuple[Fault, ...]
    greets: bool = False

    @property
    def over(self) -> float:
        """When the last fault has ended, and what it has delayed has arrived (s)."""
        return max((fault.at + fault.lasts + LATER.get(fault.kind, 0.0) for fault in self.faults), default=FAULTS_BEGIN)

    @property
    def copies(self) -> bool:
        """Whether packets may be on their way more than once."""
        return bool(self.tunnel["repair"]) or self.tunnel["scheduler"] == "redundant"

    def with_faults(self, faults: Sequence[Fault]) -> Script:
        """Return the same with other faults."""
        return replace(self, faults=tuple(faults))

    def to_json(self) -> str:
        """Return it as text that `from_json` reads."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Script:
        """Read what `to_json` wrote; raises ValueError."""
        try:
            table = json.loads(text)
            faults = tuple(Fault(**one) for one in table.pop("faults"))
            script = cls(**{**table, "delays": tuple(table["delays"])}, faults=faults)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a script: {error}") from None
        for fault in faults:
            if fault.kind not in KINDS:
                raise ValueError(f'kind: {", ".join(KINDS)}; given "{fault.kind}"')
            if not EVERY <= fault.path < len(script.delays):
                raise ValueError(f"path: {EVERY} to {len(script.delays) - 1}; given {fault.path}")
        return script

    def __str__(self) -> str:
        head = f"seed {self.seed}, mode {self.mode}, delays {self.delays} s, {self.rate:g} packets/s, {self.tunnel}"
        head += ", both begin" if self.greets else ""
        return "\n".join([head, *map(str, self.faults)])


def draw(seed: int) -> Script:
    """Return the script of a seed."""
    random = Random(f"nemesis {seed}")
    mode = random.choice(("aead", "aead", "mac", "mac", "none"))
    paths = random.choice((1, 2, 2, 3))
    kinds = [kind for kind in KINDS if mode != "none" or kind not in NEEDS_KEYS]
    faults = [_draw_fault(random, random.choice(kinds), paths) for _ in range(random.randrange(3, 9))]
    faults.sort(key=lambda fault: fault.at)
    return Script(
        seed=seed,
        mode=mode,
        delays=tuple(round(random.uniform(0.002, 0.12), 4) for _ in range(paths)),
        rate=float(random.randrange(25, 70)),
        tunnel={
            "scheduler": random.choice(("greedy", "greedy", "round-robin", "min-rtt", "redundant", "blest")),
            "congestion": random.choice(("rate-pull", "rate-pull", "newreno", "cubic")),
            "loss_detection": random.choice(("rfc9002", "rfc9002", "nack")),
            "reorder": {"mode": random.choice(("timeout", "timeout", "adaptive", "detect", "none", "equalise"))},
            "repair": random.choice(([], [], [], ["retransmit"], ["reinject"], ["duplicate"], ["parity"])),
        },
        faults=tuple(faults),
        greets=seed % 2 == 1,
    )


def _draw_fault(random: Random, kind: str, paths: int) -> Fault:
    at = random.uniform(FAULTS_BEGIN, FAULTS_END - 0.5)
    longest = FAULTS_END - at
    amounts: dict[str, Callable[[], float]] = {
        "loss": lambda: random.choice((0.05, 0.2, 0.5)),
        "corruption": lambda: random.choice((0.05, 0.3, 1.0)),
        "reordering": lambda: random.choice((0.02, 0.2, 0.8)),
        "duplication": lambda: random.choice((0.1, 1.0)),
        "leap": lambda: random.choice((0.3, 5.0, 70.0, 200.0)),
        "wall": lambda: random.choice((-1e5, -3.0, 3.0, 1e5)),
        "replay": lambda: random.choice((20.0, 200.0)),
        "reflection": lambda: 50.0,
        "forgery": lambda: random.choice((50.0, 300.0)),
        "flood": lambda: random.choice((100.0, 700.0)),
        "hostility": lambda: random.choice((50.0, 300.0)),
    }
    instant = kind in {"leap", "wall", "rebinding"}
    lasts = 0.0 if instant else random.uniform(0.05, longest)
    if kind == "restart":
        lasts = random.choice((0.0, random.uniform(0.0, longest)))
    return Fault(
        kind,
        round(at, 3),
        round(lasts, 3),
        random.choice(SIDES),
        random.choice((EVERY, *range(paths))),
        amounts[kind]() if kind in amounts else 0.0,
    )
