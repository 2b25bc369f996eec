"""A transfer under faults in simulation: portals that can be killed, NATs between them, the links of a scenario.

What a simulated packet has no bytes for is not played: contents are not compared, bytes are counted. A portal that is
killed is gone for as long as a Python program takes to start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from experiments.fault_plans import BYTES, EVERY, HOME, HORIZON, HOSTED, Change, Kind, Record
from mpsim.build import DIRECTIONS, Direction, Side, build_endpoint, stream
from mpsim.nemesis.wires import flipped
from mpsim.sim import SENDS, Simulation
from mpsim.sim.wiring import Wire
from mpsim.tunnel.datagrams import INITIATION, Sealed
from mpsim.tunnel.security.guard import Guard

STARTING = 1.0  # s that a portal takes to be there again
LOOK = 0.01  # s between two looks at what has arrived
STEP = 1.0  # s
HOSTED_ADDRESS = ("192.0.2.1", 4725)
SIDES: dict[str, Side] = {HOME: "local", HOSTED: "remote"}


class Nat:
    """The far end of a link: gives what comes from home an address, and knows only the newest."""

    def __init__(self, path: int) -> None:
        self._path = path
        self._port = 50_000

    @property
    def address(self) -> tuple[str, int]:
        """Where home is seen."""
        return f"198.51.100.{self._path}", self._port

    def rebind(self) -> None:
        """Forget."""
        self._port += 1


class Gate:
    """In place of a portal's wire: takes its datagrams unless it is dead, or they go where nobody is any more."""

    def __init__(self, wire: Wire, open_: Callable[[Sealed], bool]) -> None:
        self._wire, self._open = wire, open_

    def send(self, sealed: Sealed, size: int, now: float) -> None:
        """Send a datagram of `size` IP bytes."""
        if self._open(sealed):
            self._wire.send(sealed, size, now)


class FaultySimulation(Simulation):
    """A simulation that a kind of fault happens to.

    Parameters
        kind: what happens
        seed: of the run
        size: bytes of the transfer
    """

    def __init__(self, kind: Kind, seed: int, size: int = BYTES) -> None:
        super().__init__(kind.scenario(seed, size))
        self._size = size
        self._kind = kind
        self._random = Random(f"faults {kind.name} {seed}")
        self._nats = [Nat(path) for path in EVERY]
        self._dead: set[Side] = set()
        self._begin: float | None = None
        self._end: float | None = None
        self._last = self._stall = 0.0
        self._delivered = self._lives = 0
        self._rejected = {side: portal.endpoint.rejected for side, portal in self.portals.items()}
        self._refused: dict[str, int] = {}
        for (path, direction), wire in self.wires.items():
            wire.receive = partial(self._arrive, path, direction)
        for side, direction in SENDS.items():
            gates: Any = [Gate(self.wires[path, direction], partial(self._leaves, side, path)) for path in EVERY]
            self.portals[side].wires = gates
        self.clock.call_at(0.0, self._look)

    # The network.

    def _leaves(self, side: Side, path: int, sealed: Sealed) -> bool:
        if side in self._dead:
            return False
        if side == "local" or sealed.data[0] & 0xF > INITIATION:  # answers go where the question came from
            return True
        return self._guard(side).sources[path] == self._nats[path].address

    def _arrive(self, path: int, direction: Direction, sealed: Sealed, now: float) -> None:
        outbound = direction == "outbound"
        side: Side = "remote" if outbound else "local"
        if side in self._dead:
            return
        data = sealed.data
        if self._kind.corruption and self._random.random() < self._kind.corruption:
            data = flipped(data, self._random)
        portal = self.portals[side]
        source = self._nats[path].address if outbound else HOSTED_ADDRESS
        portal.endpoint.receive_bytes(data, path, now, source, packet=sealed.packet)
        portal.poke(now)

    def _guard(self, side: Side) -> Guard:
        guard = self.portals[side].endpoint.guard
        assert isinstance(guard, Guard)
        return guard

    # Changes.

    def _change(self, change: Change, now: float) -> None:
        if change.what == "restart":
            side = SIDES[str(change.where)]
            self._dead.add(side)
            self._begin_life(side, now)
            self.clock.call_at(now + STARTING, partial(self._live_again, side))
            return
        path = int(change.where)
        if change.what in {"rebind", "readdress"}:  # seen from the other end it is the same
            self._nats[path].rebind()
            return
        up = change.what in {"unblock", "make"}
        for direction in DIRECTIONS:
            wire = self.wires[path, direction]
            wire.link.set_up(up, now)
            wire.arm()
        if change.what in {"delete", "make"}:  # home sees its own interfaces
            portal = self.portals["local"]
            tell = portal.endpoint.on_path_available if up else portal.endpoint.on_path_unavailable
            tell(path, now)
            portal.poke(now)

    def _live_again(self, side: Side, now: float) -> None:
        self._begin_life(side, now)
        self._dead.discard(side)
        self.portals[side].poke(now)

    def _begin_life(self, side: Side, now: float) -> None:
        """Let a portal know nothing but the addresses that it keeps over a restart."""
        self._lives += 1
        portal, sources = self.portals[side], list(self._guard(side).sources)
        self._count_refused(side)
        epoch = stream(self.scenario.seed, "life", side, str(self._lives)).getrandbits(32)
        portal.endpoint = build_endpoint(self.scenario, side, epoch=epoch)
        guard = self._guard(side)
        guard.sources[:] = sources
        guard.initiates = True
        self._rejected[side] = portal.endpoint.rejected
        portal.poke(now)

    def _count_refused(self, side: Side) -> None:
        for cause, count in self._rejected[side].items():
            self._refused[cause] = self._refused.get(cause, 0) + count

    # The transfer.

    def _look(self, now: float) -> None:
        delivered = self.flows[0].delivered_bytes
        if delivered > self._delivered:
            if self._begin is None:
                self._begin = now
                for change in self._kind.changes:
                    self.clock.call_at(now + change.at, partial(self._change, change))
            else:
                self._stall = max(self._stall, now - self._last)
            self._delivered, self._last = delivered, now
            if delivered >= self._size:
                self._end = now
                return
        self.clock.call_at(now + LOOK, self._look)

    def transfer(self) -> Record:
        """Let the transfer come to its end; return what became of it."""
        now = 0.0
        while self._end is None and now < HORIZON:
            now += STEP
            self.clock.run_until(now)
        for side in self.portals:
            self._count_refused(side)
        whole = self._end is not None and self._delivered == self._size
        duration = self._end - self._begin if self._end is not None and self._begin is not None else None
        problem = "" if whole else f"{self._delivered} of {self._size} bytes after {now:g} s"
        return Record(whole, duration, self._stall if self._begin is not None else None, self._refused, problem)


def simulate(kind: Kind, repetition: int, size: int = BYTES) -> Record:
    """Run one transfer of `size` bytes."""
    return FaultySimulation(kind, repetition, size).transfer()
