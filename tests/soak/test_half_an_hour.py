"""Half an hour of mixed faults: every invariant holds, and nothing that an endpoint remembers grows."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest

from mpsim.nemesis import KINDS, Fault, Script
from mpsim.nemesis.invariants import guard_of
from mpsim.nemesis.script import _draw_fault
from mpsim.nemesis.world import World

MINUTES = 30
ROUND = 6.0  # s: faults for four of them, and some calm
FAULTS = 3  # a round
SEEN = 2000  # datagrams that attackers remember
# Not what an endpoint remembers.
SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType)


def script(mode: str, minutes: int, kinds: list[str], seed: int) -> Script:
    """Faults without an end, or nearly."""
    random = Random(f"half an hour of {mode} {seed}")
    faults: list[Fault] = []
    for number in range(int(minutes * 60 / ROUND)):
        drawn = (_draw_fault(random, random.choice(kinds), 2) for _ in range(FAULTS))
        faults += [replace(fault, at=round(fault.at + number * ROUND, 3)) for fault in drawn]
    faults.sort(key=lambda fault: fault.at)
    tunnel = {
        "scheduler": "greedy",
        "congestion": "rate-pull",
        "reorder": {"mode": "adaptive"},
        "repair": ["retransmit"],
    }
    return Script(seed, mode, (0.02, 0.05), 30.0, tunnel, tuple(faults), greets=True)


def remembered(root: object) -> int:
    """The bytes of everything that can be reached from an object."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    size = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, SHARED):
            continue
        seen.add(id(one))
        size += sys.getsizeof(one)
        waiting += gc.get_referents(one)
    return size


def play(world: World, minutes: int) -> Iterator[dict[str, int]]:
    """Play minute by minute; after each yield how much both ends remember."""
    world.begin()
    for minute in range(1, minutes + 1):
        world.play_until(60.0 * minute)
        for lists in (world.sent, world.received):
            for seen in lists.values():
                del seen[:-SEEN]
        yield {side: remembered((end.endpoint, guard_of(end.endpoint))) for side, end in world.ends.items()}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["aead", "mac"])
def test_nothing_grows_after_the_first_minutes(mode: str) -> None:
    """Without restarts, which would forget what leaks."""
    kinds = [kind for kind in KINDS if kind not in {"restart", "hostility"}]
    world = World(script(mode, MINUTES, kinds, seed=1))
    sizes = list(play(world, MINUTES))
    handshakes = [end.endpoint.guard.handshakes for end in world.ends.values()]  # type: ignore[union-attr]
    assert min(handshakes) > MINUTES / 3  # keys were renewed all the time
    for side in world.ends:
        first = max(size[side] for size in sizes[:5])
        last = max(size[side] for size in sizes[-5:])
        assert last < 1.5 * first, [size[side] for size in sizes]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["aead", "none"])
def test_every_invariant_holds_with_restarts(mode: str) -> None:
    harmful = {"corruption", "rebinding", "replay", "reflection", "forgery", "flood", "hostility", "duplication"}
    kinds = [kind for kind in KINDS if mode != "none" or kind not in harmful]
    world = World(script(mode, MINUTES, kinds, seed=2))
    world.run()
    assert len(world.judge.delivered) > 10_000
