"""The attack on two simulated portals with real keys, and the nemesis' scripts."""

from __future__ import annotations

from collections import Counter
from functools import partial
from random import Random

from experiments.fault_plans import BYTES, EVERY, UNDISTURBED
from experiments.fault_simulation import HOSTED_ADDRESS, FaultySimulation, simulate
from experiments.hostility import RATE, Evidence, Strangers
from mpsim.build import SIDES, Direction, Side
from mpsim.nemesis import draw, play
from mpsim.tunnel.datagrams import Sealed

SCRIPTS = range(10_000, 10_050)  # seeds that no test has
SIZE = BYTES  # of the transfer


class HostileSimulation(FaultySimulation):
    """A transfer while both portals are attacked.

    Parameters
        seed: of the run
    """

    def __init__(self, seed: int) -> None:
        super().__init__(UNDISTURBED, seed, SIZE)
        self.passed = self.astray = self.cookies = 0
        self.causes: Counter[str] = Counter()
        others = {"local": [HOSTED_ADDRESS] * len(EVERY), "remote": [nat.address for nat in self._nats]}
        self.strangers = {
            side: Strangers(
                Random(f"strangers of {side} {seed}"), self._guard(side)._credentials.own_identity, others[side]
            )
            for side in SIDES
        }
        for side in SIDES:
            self.clock.call_at(self.scenario.warmup, partial(self._attack, side))

    def _leaves(self, side: Side, path: int, sealed: Sealed) -> bool:
        honest = HOSTED_ADDRESS if side == "local" else self._nats[path].address
        known = self._guard(side).sources[path]
        self.astray += known is not None and known != honest
        return super()._leaves(side, path, sealed)

    def _arrive(self, path: int, direction: Direction, sealed: Sealed, now: float) -> None:
        super()._arrive(path, direction, sealed, now)
        to: Side = "remote" if direction == "outbound" else "local"
        for side in SIDES:
            self.strangers[side].see(sealed.data, path, to_it=side == to)

    def _attack(self, side: Side, now: float) -> None:
        if self._end is not None:
            return
        made = self.strangers[side].next()
        if made is not None:
            kind, strange = made
            self.strangers[side].sent[kind] += 1
            self._receive(side, strange.data, strange.path, strange.source, now)
        self.clock.call_at(now + 1 / RATE, partial(self._attack, side))

    def _receive(self, side: Side, data: bytes, path: int, source: tuple[str, int], now: float) -> None:
        portal, guard = self.portals[side], self._guard(side)
        before, waiting = guard.rejected.copy(), guard.waiting
        portal.endpoint.receive_bytes(data, path, now, source)
        refused = guard.rejected - before
        self.causes += refused
        self.passed += not refused
        # Who asks with a spoofed address is answered there, and by no more than it has sent.
        answers = guard._out[waiting:]
        self.cookies += len(answers)
        self.astray += sum(len(answer.data) > len(data) for answer in answers)
        guard._out = guard._out[:waiting]  # on their way to strangers; nothing of the tunnel's
        portal.poke(now)


def attack(seed: int = 1) -> Evidence:
    """Attack two simulated portals during a transfer."""
    undisturbed = simulate(UNDISTURBED, seed, SIZE)
    simulation = HostileSimulation(seed)
    record = simulation.transfer()
    sent: Counter[str] = Counter()
    for strangers in simulation.strangers.values():
        sent += strangers.sent
    return Evidence(
        dict(sent),
        simulation.passed,
        simulation.astray,
        simulation.cookies,
        dict(simulation.causes),
        record.whole,
        record.duration_s,
        undisturbed.duration_s,
        problem=record.problem,
    )


def play_scripts() -> dict[str, int]:
    """Play scripts of the nemesis; return how many, and in how many every invariant has held."""
    verdicts = [play(draw(seed)) for seed in SCRIPTS]
    return {"played": len(verdicts), "kept": sum(verdict.invariant is None for verdict in verdicts)}
