"""The network between the two ends: what it does to a datagram by the faults that are on, and who has which address."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from mpsim.nemesis.script import EVERY, LATER, SIDES, Fault

Address = tuple[str, int]
BURST = 4  # datagrams that are lost together, in the mean


@dataclass(slots=True)
class Sent:
    """A datagram that an honest end has sent."""

    number: int
    side: str
    life: int
    peer_life: int  # the other end's, at that time
    path: int
    data: bytes
    source: Address
    at: float
    peer_handshakes: int = 0
    arrived_in: set[int] = field(default_factory=set)  # lives of the receiver


@dataclass(frozen=True, slots=True)
class Crossing:
    """A datagram on its way: what arrives after `delay` (s), and what it was made from."""

    delay: float
    data: bytes


class Wires:
    """All paths, both ways.

    Parameters
        delays: of each path, s
        random: decides
    """

    def __init__(self, delays: tuple[float, ...], random: Random) -> None:
        self.delays = delays
        self.faults: list[Fault] = []  # those that are on
        self._random = random
        self._ports = 40_000
        self._burst: dict[tuple[str, int], int] = {}
        self._newest: dict[tuple[str, int], float] = {}
        self.addresses: dict[str, list[Address]] = {
            side: [(f"10.{number}.{path}.1", 4725) for path in range(len(delays))] for number, side in enumerate(SIDES)
        }
        # All that an end has had, on each path.
        self.owned: dict[str, list[set[Address]]] = {
            side: [{address} for address in addresses] for side, addresses in self.addresses.items()
        }

    def rebind(self, side: str, path: int) -> None:
        """Give an end a new address on a path; what goes to the old one is lost."""
        self._ports += 1
        address = (self.addresses[side][path][0], self._ports)
        self.addresses[side][path] = address
        self.owned[side][path].add(address)

    def cross(self, side: str, path: int, data: bytes, now: float) -> list[Crossing]:
        """Return what becomes of a datagram that `side` sends by `path` now."""
        random = self._random
        # Jitter keeps the order; that is for `reordering` to disturb.
        arrives = max(now + self.delays[path] * random.uniform(1.0, 1.05), self._newest.get((side, path), 0.0))
        self._newest[side, path] = arrives
        delay = arrives - now
        crossings = [Crossing(delay, data)]
        for fault in self.faults:
            if fault.path not in (EVERY, path) or (fault.side != side and fault.kind != "blackhole"):
                continue
            if self._stops(fault, side, path):
                return []
            if fault.kind == "duplication" and random.random() < fault.amount:
                crossings.append(Crossing(delay + random.uniform(0.0, LATER[fault.kind]), data))
            elif fault.kind == "reordering" and random.random() < fault.amount:
                crossings[0] = Crossing(delay + random.uniform(0.0, LATER[fault.kind]), crossings[0].data)
            elif fault.kind == "corruption" and random.random() < fault.amount:
                crossings[0] = Crossing(crossings[0].delay, flipped(crossings[0].data, random))
        return crossings

    def _stops(self, fault: Fault, side: str, path: int) -> bool:
        """Return whether a datagram is lost by a fault that concerns it."""
        if fault.kind == "loss":
            return self._loses(side, path, fault.amount)
        return fault.kind in {"blackhole", "one-way"}

    def _loses(self, side: str, path: int, share: float) -> bool:
        """Decide by bursts (a Gilbert model that loses everything in its bad state)."""
        left = self._burst.get((side, path), 0)
        if not left and self._random.random() < share / BURST:
            left = 1 + self._random.randrange(2 * BURST - 1)
        self._burst[side, path] = max(0, left - 1)
        return left > 0


def flipped(data: bytes, random: Random) -> bytes:
    """Return bytes with one to three bits changed."""
    changed = bytearray(data)
    for bit in random.sample(range(8 * len(data)), random.randrange(1, 4)):
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
