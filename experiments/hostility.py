"""Strangers who send a portal what they like: forged, repeated and reflected datagrams, and a flood of initiations.

What they are made of is the nemesis' (mpsim/nemesis/foes.py). They see everything that crosses the paths, and may write
any source address; they have no keys.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from random import Random
from typing import Any

from mpsim.nemesis.foes import Foe, Strange
from mpsim.nemesis.wires import Address, Sent
from mpsim.tunnel.datagrams import INITIATION

RATE = 1000  # datagrams a second to each portal
KINDS = ("forged", "replayed", "reflected", "flooding")
_SEEN = 2000  # datagrams that are remembered
# The newest are left alone: what is repeated before it has arrived is not a replay, but faster.
_NEWEST = 100


@dataclass(slots=True)
class Evidence:
    """What an attack came to.

    sent: datagrams of strangers, by kind; passed: those that were not refused; astray: datagrams of a portal to
    others than the other portal; cookies: answers to initiations, which are no longer than these; refused: by cause;
    whole: the transfer arrived; attacked_s, undisturbed_s: how long it took, with and without the strangers
    """

    sent: dict[str, int]
    passed: int
    astray: int
    cookies: int
    refused: dict[str, int]
    whole: bool
    attacked_s: float | None
    undisturbed_s: float | None
    nemesis: dict[str, int] = field(default_factory=dict)  # scripts played and kept
    problem: str = ""

    @property
    def pace(self) -> float:
        """How much of its pace the transfer kept; 0 if one of the two did not end."""
        if not self.whole or not self.attacked_s or not self.undisturbed_s:
            return 0.0
        return self.undisturbed_s / self.attacked_s

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


class Strangers:
    """Those who attack one portal.

    Parameters
        random: decides
        identity: of the portal, which is no secret
        addresses: of the other portal, on each path; they can be spoofed
    """

    def __init__(self, random: Random, identity: bytes, addresses: Sequence[Address]) -> None:
        self._random = random
        self._foe = Foe(random, len(addresses), identity, addresses)
        self._to_it: deque[Sent] = deque(maxlen=_SEEN)
        self._from_it: deque[Sent] = deque(maxlen=_SEEN)
        self._handshakes: deque[Sent] = deque(maxlen=_SEEN)
        self.sent: Counter[str] = Counter()

    def see(self, data: bytes, path: int, *, to_it: bool) -> None:
        """Remember a datagram that has arrived: at the portal, or from it."""
        sent = Sent(0, "", 0, 0, path, data, ("", 0), 0.0)
        (self._to_it if to_it else self._from_it).append(sent)
        if to_it and data[0] & 0xF >= INITIATION:
            self._handshakes.append(sent)

    def next(self) -> tuple[str, Strange] | None:
        """Make up a datagram, and tell its kind; None: nothing was seen yet that it could be made of."""
        kind = self._random.choice(KINDS)
        strange = self._made(kind)
        return (kind, strange) if strange is not None else None

    def _made(self, kind: str) -> Strange | None:
        if kind == "flooding":
            return self._foe.flood()
        if kind == "forged":
            return self._foe.forge(_older(self._to_it))
        if kind == "reflected":
            return self._foe.replay(_older(self._from_it))
        if self._handshakes and self._random.random() < 0.1:
            return self._foe.replay(list(self._handshakes))
        return self._foe.replay(_older(self._to_it))


def _older(seen: deque[Sent]) -> list[Sent]:
    return list(islice(seen, max(0, len(seen) - _NEWEST)))
