"""Plays a script: two real endpoints, the wires between them, whoever disturbs them, and a judge."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from traceback import extract_tb

from mpsim.nemesis.disturbing import Disturbance
from mpsim.nemesis.end import End
from mpsim.nemesis.foes import Strange
from mpsim.nemesis.inner import SMALLEST, Mark, packet
from mpsim.nemesis.invariants import Broken, check, check_drained, demand, guard_of
from mpsim.nemesis.judge import Judge, is_handshake
from mpsim.nemesis.script import SIDES, Script
from mpsim.nemesis.wires import Sent, Wires
from mpsim.scenario import Scenario, parse
from mpsim.tunnel.datagrams import INITIATION, RESPONSE, TAG_SIZE, Datagram
from mpsim.tunnel.packet import Packet

BACK = 2.0  # s after the last fault: from then on everything arrives
LOOK = 1.0  # s that this is watched
ARRIVED = 1.5  # s that those packets may take
DRAINED = 4.0  # s after the last packet nothing is left
TRAFFIC_BEGINS = 0.3  # s
CALM = 0.2  # of the usual rate, after the last fault: what has piled up is sent meanwhile
QUEUE = "20p"  # of an ingress queue
STEADY = 0.05  # s between the packets of that time
LARGEST = 1200  # bytes of an inner packet
MOST_AT_ONCE = 2000  # alarms in one moment
PUMPS = 50  # times that an end may have something more to say in one moment


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended: the invariant that was broken, if one was, how and when (s); how much happened."""

    invariant: str | None
    sentence: str
    at: float
    events: int
    delivered: int

    def __str__(self) -> str:
        if self.invariant is None:
            return f"kept; {self.events} events, {self.delivered} packets delivered"
        return f"BROKEN at {self.at:.6f} s: {self.sentence}"


def play(script: Script) -> Verdict:
    """Run a script to its end, or to the first invariant that does not hold."""
    world = World(script)
    try:
        world.run()
    except Broken as broken:
        return Verdict(broken.invariant, str(broken), world.now, world.events, len(world.judge.delivered))
    except Exception as error:  # noqa: BLE001  # whatever the endpoints raise breaks an invariant
        last = extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        sentence = f"survives: {type(error).__name__}: {error} ({where})"
        return Verdict("survives", sentence, world.now, world.events, len(world.judge.delivered))
    return Verdict(None, "", world.now, world.events, len(world.judge.delivered))


def scenario_of(script: Script) -> Scenario:
    """Return the scenario whose tunnel a script disturbs."""
    return parse(
        {
            "schema": 1,
            "name": "nemesis",
            "seed": script.seed,
            "warmup": "1s",
            "duration": "1s",
            "tunnel": {"mode": script.mode, "queue": {"kind": "droptail", "size": QUEUE}, **script.tunnel},
            "link": [
                {"name": f"path{number}", "rate": "10Mbit", "delay": f"{delay}s"}
                for number, delay in enumerate(script.delays)
            ],
            "flow": [{"kind": "ping"}],
        }
    )


class World:
    """Everything of one run."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.now = 0.0
        self.events = 0
        self._random = Random(f"world {script.seed}")
        self.wires = Wires(script.delays, Random(f"wires {script.seed}"))
        scenario = scenario_of(script)
        addresses = self.wires.addresses
        # Without keys nothing shows where the other end is: it has to be said.
        listens = None if script.mode != "none" else addresses["local"]
        self.ends = {
            "local": End(scenario, "local", Random(f"local {script.seed}"), addresses["remote"]),
            "remote": End(scenario, "remote", Random(f"remote {script.seed}"), listens),
        }
        self.judge = Judge(script, self.wires, self.ends)
        self._queue: list[tuple[float, int, str, Callable[[], None]]] = []
        self._number = 0
        self.sent: dict[str, list[Sent]] = {side: [] for side in SIDES}
        self.received: dict[str, list[Sent]] = {side: [] for side in SIDES}
        self._packets: dict[tuple[str, int, int], int] = {}
        self._counted: list[tuple[Mark, float]] = []  # those that have to arrive, and by when

    # Time.

    def at(self, when: float, side: str, what: Callable[[], None]) -> None:
        """Let something happen at a time (s); `side` is looked at after it."""
        self._number += 1
        heapq.heappush(self._queue, (max(when, self.now), self._number, side, what))

    def begin(self) -> None:
        """Begin both ends' first lives, and plan the faults and the traffic."""
        for end in self.ends.values():
            end.begin(0.0)
        Disturbance(self).plan()
        for side in SIDES:
            self.at(TRAFFIC_BEGINS, side, partial(self._give, side))

    def run(self) -> None:
        """Let everything happen; raises Broken, or what the endpoints raise."""
        self.begin()
        begin = self.script.over + BACK
        for side in SIDES:
            for number in range(int(LOOK / STEADY)):
                self.at(begin + number * STEADY, side, partial(self._give_counted, side))
        self.play_until(begin + LOOK + DRAINED)
        for mark, by in self._counted:
            arrived = self.judge.delivered.get(mark)
            demand(arrived is not None and arrived <= by, "alive", f"{mark} was to arrive by {by:.3f} s: {arrived}")
        for end in self.ends.values():
            check_drained(end)

    def play_until(self, until: float) -> None:
        """Let everything happen up to a time (s)."""
        at_once = 0
        while True:
            due, side = min((end.due() if end.alive else until + 1.0, name) for name, end in self.ends.items())
            event = self._queue[0] if self._queue else None
            alarm = event is None or due <= event[0]
            at = due if event is None or alarm else event[0]
            if at > until:
                return
            self.events += 1
            at_once = at_once + 1 if at <= self.now else 0
            demand(at_once < MOST_AT_ONCE, "time", f"{at_once} events at {self.now} s")
            self.now = max(self.now, at)
            if alarm:
                self._alarm(side)
            else:
                _, _, side, what = heapq.heappop(self._queue)
                what()
            self._look(side)

    def _alarm(self, side: str) -> None:
        end = self.ends[side]
        now = end.tell(self.now)
        end.endpoint.handle_timeout(now)
        demand(end.endpoint.next_timeout() > now, "time", f"{side}: the alarm after {now} s is not later")

    def _look(self, side: str) -> None:
        """Carry away what an end has to say, and look at it."""
        end = self.ends[side]
        if end.alive:
            self._pump(end)
            if self.script.greets:
                end.learn()
            check(end)

    # What enters and leaves an end.

    def _pump(self, end: End) -> list[Datagram]:
        now = end.tell(self.now)
        endpoint = end.endpoint
        if endpoint.deliverable:
            for packet_ in endpoint.packets_to_deliver(now):
                self.judge.on_delivered(end, packet_, self.now)
        datagrams = endpoint.datagrams_to_send(now)
        for datagram in datagrams:
            data = endpoint.to_bytes(datagram)
            if data is not None:
                self.judge.on_sealed(end, datagram, data)
                self.send(end, datagram, data)
        return datagrams

    def send(self, end: End, datagram: Datagram, data: bytes) -> None:
        """Put what an end has sealed on the wires."""
        to = end.destination(datagram)
        if to is None:
            return
        if not is_handshake(data):
            self.judge.on_sent(end, datagram, to)
        path = datagram.path
        if path in end.dark or to != self.wires.addresses[end.other][path]:
            return
        other = self.ends[end.other]
        guard = other.endpoint.guard
        sent = Sent(
            len(self.sent[end.side]),
            end.side,
            end.life,
            other.life,
            path,
            data,
            self.wires.addresses[end.side][path],
            self.now,
            guard.handshakes if guard is not None else 0,
        )
        self.sent[end.side].append(sent)
        for crossing in self.wires.cross(end.side, path, data, self.now):
            self.at(self.now + crossing.delay, end.other, partial(self._arrive, sent, crossing.data))

    def _arrive(self, sent: Sent, data: bytes) -> None:
        end = self.ends[SIDES[sent.side == SIDES[0]]]
        if not end.alive:
            return
        whole = data == sent.data or (
            is_handshake(sent.data)
            and data[0] & 0xF in (INITIATION, RESPONSE)
            and data[:-TAG_SIZE] == sent.data[:-TAG_SIZE]
        )
        if not whole or end.life in sent.arrived_in:
            self.receive_strange(end, Strange(data, sent.path, sent.source))
            return
        sent.arrived_in.add(end.life)
        self.received[end.side].append(sent)
        endpoint = end.endpoint
        before = endpoint.rejected.copy()
        source = sent.source if endpoint.guard is not None else None
        endpoint.receive_bytes(data, sent.path, end.tell(self.now), source)
        causes = endpoint.rejected - before
        if causes:
            self.judge.refused(end, sent, self.now, ", ".join(causes))
        if is_handshake(data):
            self.judge.answered_peer(end, data, self._pump(end))

    def receive_strange(self, end: End, strange: Strange) -> None:
        """Let an end receive what the other one has not sent, or has sent before."""
        now = end.tell(self.now)
        endpoint = end.endpoint
        guard = guard_of(endpoint)
        if guard is None:
            endpoint.receive_bytes(strange.data, strange.path, now)
            return
        for _ in range(PUMPS):
            if not self._pump(end):
                break
        endpoint.receive_bytes(strange.data, strange.path, now, strange.source)
        self.judge.answered_stranger(end, strange.data, [*guard._out, *endpoint.dispatch.out])

    def _give(self, side: str) -> None:
        """Give an end a packet, or a burst of them, now and then."""
        random = self._random
        end = self.ends[side]
        for _ in range(random.choice((1, 1, 1, 1, 1, 1, 1, 12))):
            if end.alive:
                self._give_one(end, random.choice((0, 0, 1, 2, 3)), random.randrange(SMALLEST, LARGEST))
        rate = self.script.rate if self.now < self.script.over else self.script.rate * CALM
        wait = random.expovariate(rate / 2.4)  # bursts are 2.4 packets in the mean
        if self.now + wait < self.script.over + BACK:
            self.at(self.now + wait, side, partial(self._give, side))

    def _give_counted(self, side: str) -> None:
        mark = self._give_one(self.ends[side], self._random.choice((0, 1)), SMALLEST)
        self._counted.append((mark, self.now + ARRIVED))

    def _give_one(self, end: End, cls: int, size: int) -> Mark:
        key = (end.side, end.life, cls)
        number = self._packets[key] = self._packets.get(key, -1) + 1
        mark = Mark(SIDES.index(end.side), end.life, cls, number)
        data = packet(mark, size)
        self.judge.on_given(mark, data)
        end.endpoint.receive_packet(Packet.from_bytes(data), end.tell(self.now))
        return mark

    def restart(self, side: str) -> None:
        """Begin another life of an end."""
        end = self.ends[side]
        end.begin(self.now)
        self.judge.disturbed(self.now)
        for path in end.dark:
            end.endpoint.on_path_unavailable(path, end.tell(self.now))
