"""Bugs to plant: a few characters of the source changed in memory, and which invariant notices, with which seed."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bug:
    """One bug.

    where: "module:Class.method", below mpsim.tunnel; old, new: what is changed in its source; seed: of a script that
    it breaks; invariant: the one that it breaks.
    """

    name: str
    where: str
    old: str
    new: str
    seed: int
    invariant: str


BUGS = (
    Bug(
        "the tag is not looked at",
        "security.session:Session.open",
        "if not equal(mac(self._receive_key, data[:-TAG_SIZE]), data[-TAG_SIZE:]):",
        "if False:",
        36,
        "authentic",
    ),
    Bug(
        "repeated datagrams are taken again",
        "security.session:Session.open",
        "window.knows(count)",
        "False",
        7,
        "addresses",
    ),
    Bug(
        "the window looks back a little only",
        "security.window:Window.knows",
        "if self.highest - count >= self._reach or count < 0:",
        "if self.highest - count >= 8:",
        3,
        "honest",
    ),
    Bug(
        "a path follows whatever comes in",
        "security.guard:Guard.open",
        "session = self._sessions.find(number, now)\n",
        "session = self._sessions.find(number, now)\n    self.sources[path] = source or self.sources[path]\n",
        1,
        "addresses",
    ),
    Bug(
        "initiations need not be new",
        "security.guard:Guard._receive_initiation",
        "if stamp <= self._stamp and not proved:",
        "if False:",
        7,
        "silent",
    ),
    Bug(
        "handshakes are computed as often as anybody likes",
        "security.cookie:Allowance.take",
        "if self._left < 1:",
        "if False:",
        33,
        "cheap",
    ),
    Bug(
        "keys are the same in every life",
        "security.guard:Guard._noise",
        "ephemeral=self._entropy(32)",
        "ephemeral=bytes(31) + b'7'",
        0,
        "nonces",
    ),
    Bug(
        "a cookie is brought back by another path",
        "security.pending:Pending.next_path",
        "return self._cookie_path",
        "return usable[self.count % len(usable)]",
        6,
        "alive",
    ),
    Bug(
        "silence of the other end is not noticed",
        "security.guard:Guard.next_timeout",
        "self._asked_since + SILENCE",
        "self._asked_since + 1000",
        21,
        "alive",
    ),
    Bug(
        "the other end's new life gets the old one's numbers",
        "incoming:Incoming.restart",
        "self.reorder.clear()",
        "pass",
        0,
        "alive",
    ),
    Bug(
        "a path that goes down keeps its flight",
        "path:Path.go_down",
        "self.bytes_in_flight = 0",
        "pass",
        0,
        "flight",
    ),
    Bug(
        "packets that wait on a dead path are lost",
        "dispatch:Dispatch.take_back",
        "self._orphans.extend(path.queue)",
        "pass",
        1,
        "memory",
    ),
    Bug(
        "a copy that waits for order is kept, too",
        "reorder.timeout:FixedTimeout.insert",
        "if sequence in self._held:\n",
        "if sequence in self._held and self._deliver(packet):\n",
        17,
        "once",
    ),
    Bug(
        "what is late is delivered and not counted",
        "reorder.timeout:FixedTimeout._insert_late",
        "self.late += 1",
        "pass",
        4,
        "order",
    ),
    Bug(
        "there may be any number of classes",
        "incoming:Incoming.receive",
        "if datagram.cls >= CLASSES:",
        "if False:",
        6,
        "memory",
    ),
    Bug(
        "what is lost with a path is not counted",
        "path:Path.go_down",
        "self.lost_datagrams += len(given_up)",
        "pass",
        0,
        "conserved",
    ),
    Bug(
        "what was too late for feedback is thrown away",
        "receiver:PathReceiver.has_forgotten",
        "sequence < self._floor",
        "False",
        4,
        "honest",
    ),
    Bug(
        "what feedback is about is not compared with the paths there are",
        "endpoint:Endpoint._receive_feedback",
        "if feedback.about >= len(self.paths):",
        "if False:",
        6,
        "survives",
    ),
    Bug(
        "copies that have arrived are remembered for ever",
        "repair.ledger:Ledger.on_acked",
        "if entry[0] <= 0:",
        "if False:",
        1,
        "memory",
    ),
    Bug(
        "the alarm may lie in the past",
        "endpoint:Endpoint.handle_timeout",
        "alarm if alarm > now else now + 1 / MICROSECONDS",
        "min(alarm, now)",
        0,
        "time",
    ),
)


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Change the function in memory, for as long as this lasts."""
    module_name, _, qualified = bug.where.partition(":")
    module = importlib.import_module(f"mpsim.tunnel.{module_name}")
    class_name, _, name = qualified.partition(".")
    owner: Any = getattr(module, class_name)
    original = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(original))
    assert source.count(bug.old) == 1, f"{bug.name}: {bug.where} has changed"
    scope: dict[str, Any] = {}
    exec(compile(source.replace(bug.old, bug.new), module.__file__ or "", "exec"), vars(module), scope)
    setattr(owner, name, scope[name])
    try:
        yield
    finally:
        setattr(owner, name, original)
