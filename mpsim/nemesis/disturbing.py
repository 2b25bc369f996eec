"""Lets the faults of a script happen: on the wires, at an end, or by somebody else's hand."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from mpsim.nemesis.end import End
from mpsim.nemesis.foes import Foe, Strange
from mpsim.nemesis.hostile import Hostile
from mpsim.nemesis.script import EVERY, Fault

if TYPE_CHECKING:
    from mpsim.nemesis.world import World

WIRES = frozenset({"loss", "corruption", "reordering", "duplication", "blackhole", "one-way"})
ATTACKS = frozenset({"replay", "reflection", "forgery", "flood", "hostility"})
HANDSHAKES = 0.3  # share of replays that are of handshake messages


class Disturbance:
    """All faults of a run.

    Parameters
        world: whose they are
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = Random(f"disturbance {world.script.seed}")
        self._paths = len(world.script.delays)

    def plan(self) -> None:
        """Let everything happen in its time."""
        for fault in self._world.script.faults:
            if fault.kind in WIRES:
                self._plan_wires(fault)
            elif fault.kind in ATTACKS:
                self._plan_attack(fault)
            else:
                self._plan_change(fault)

    def _plan_wires(self, fault: Fault) -> None:
        world, faults = self._world, self._world.wires.faults
        world.at(fault.at, fault.side, partial(faults.append, fault))
        world.at(fault.at + fault.lasts, fault.side, partial(faults.remove, fault))

    def _plan_attack(self, fault: Fault) -> None:
        world, end = self._world, self._world.ends[fault.side]
        random = Random(f"times of {fault} {world.script.seed}")
        if fault.kind == "hostility":
            hostile = Hostile(end, random)
            world.at(fault.at, fault.side, partial(self._turn_hostile, end))
            world.at(fault.at + fault.lasts, fault.side, partial(world.restart, fault.side))
            attack = partial(self._send_worst, hostile, end)
        else:
            attack = partial(self._attack, fault, end, foe_of(world, fault.side))
        for _ in range(int(fault.amount)):
            world.at(fault.at + fault.lasts * random.random(), fault.side, attack)

    def _plan_change(self, fault: Fault) -> None:
        world, side, end = self._world, fault.side, self._world.ends[fault.side]
        paths = range(self._paths) if fault.path == EVERY else (fault.path,)
        if fault.kind == "restart":
            world.at(fault.at, side, end.die)
            world.at(fault.at + fault.lasts, side, partial(world.restart, side))
        elif fault.kind == "leap":
            world.at(fault.at, side, partial(self._leap, end, fault.amount))
        elif fault.kind == "wall":
            world.at(fault.at, side, partial(end.set_time_of_day, fault.amount))
        for path in paths:
            if fault.kind == "rebinding":
                world.at(fault.at, side, partial(world.wires.rebind, "local", path))
            elif fault.kind == "carrier":
                world.at(fault.at, side, partial(self._cut, end, path))
                world.at(fault.at + fault.lasts, side, partial(self._mend, end, path))

    def _send_worst(self, hostile: Hostile, end: End) -> None:
        made = hostile.sealed(self._paths) if end.alive else None
        if made is not None:
            self._world.judge.on_nonce(end, made[1])
            self._world.send(end, *made)

    def _attack(self, fault: Fault, end: End, foe: Foe) -> None:
        strange = self._strange(fault, foe) if end.alive else None
        if strange is not None:
            self._world.receive_strange(end, strange)

    def _strange(self, fault: Fault, foe: Foe) -> Strange | None:
        world = self._world
        if fault.kind == "flood":
            return foe.flood()
        if fault.kind == "reflection":
            return foe.replay(world.sent[fault.side])
        seen = world.received[fault.side]
        if fault.kind == "forgery":
            return foe.forge(seen)
        return foe.initiation(seen) if self._random.random() < HANDSHAKES else foe.replay(seen)

    @staticmethod
    def _turn_hostile(end: End) -> None:
        end.hostile.add(end.life)

    def _leap(self, end: End, amount: float) -> None:
        end.leap(amount)
        self._world.judge.disturbed(self._world.now)

    def _cut(self, end: End, path: int) -> None:
        end.dark.add(path)
        if end.alive:
            end.endpoint.on_path_unavailable(path, end.tell(self._world.now))

    def _mend(self, end: End, path: int) -> None:
        end.dark.discard(path)
        if end.alive:
            end.endpoint.on_path_available(path, end.tell(self._world.now))


def foe_of(world: World, side: str) -> Foe:
    """Return somebody who wishes an end ill; only in modes with keys."""
    end = world.ends[side]
    guard = end.endpoint.guard
    assert guard is not None
    identity = guard._credentials.own_identity
    random = Random(f"foe of {side} {world.script.seed}")
    return Foe(random, len(world.script.delays), identity, world.wires.addresses[end.other])
