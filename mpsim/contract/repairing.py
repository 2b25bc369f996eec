"""The contract of a repair: it repeats only what is on its way or lost, says so, and lets time pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isnan
from random import Random

from mpsim.contract import common
from mpsim.contract.common import ContractError, demand
from mpsim.contract.lives import SEEDS, numbers_of, survive, survive_many
from mpsim.tunnel.datagrams import Data
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.repair import Repair

STEPS = 300
MOST_IN_FLIGHT = 100  # datagrams on a path
TICKS = 50  # calls of the clock that may be due at one moment
CLASSES = 4

Asked = list[tuple[object, ...]]


class StubFlight:
    """A path as a repair sees it."""

    def __init__(self, index: int, random: Random) -> None:
        self.index = index
        self.up = True
        self.srtt = random.choice((0.0, random.uniform(0.005, 0.3)))
        self.min_rtt = self.srtt * 0.8 or float("inf")
        self.waiting_since = float("inf")
        self.flight: list[Data] = []
        self.next_number = 0

    @property
    def bytes_in_flight(self) -> int:
        """Bytes without an answer."""
        return sum(sent.size for sent in self.flight)

    def flight_after(self, number: int) -> Sequence[Data]:
        """Return what is in flight beyond a path sequence."""
        return [sent for sent in self.flight if sent.path_sequence > number]


class Life:
    """One life of a repair, as numbers tell it; what it asked for is in `asked`. Raises ContractError."""

    def __init__(self, repair: Repair, count: int, random: Random) -> None:
        self.repair = repair
        self.paths = [StubFlight(index, random) for index in range(count)]
        self.now = 0.0
        self.asked: Asked = []
        self._next = [0] * CLASSES
        repair.attach(self)

    def play(self, numbers: Iterable[int]) -> Asked:
        """Live through the steps; return what was asked for."""
        steps = (self._send, self._send, self._answer, self._lose, self._flap)
        for drawn in numbers:
            number, choice = divmod(drawn, len(steps))
            self.now += (number % 97 + 1) * 1e-3
            steps[choice](self.paths[number % len(self.paths)], number // 97)
            self._clock()
        return self.asked

    def _send(self, path: StubFlight, number: int) -> None:
        if not path.up or len(path.flight) >= MOST_IN_FLIGHT:
            return
        cls = number % CLASSES
        packet = Packet(100 + number % 1300, "flow", None, cls=cls)
        sent = Data(1, path.index, path.next_number, 0, cls, self._next[cls], packet)
        path.next_number += 1
        self._next[cls] += 1
        sent.time = self.now
        if not path.flight:
            path.waiting_since = self.now
        path.flight.append(sent)
        self.repair.on_sent(sent, self.now)

    def _answer(self, path: StubFlight, number: int) -> None:
        del path.flight[: number % 12]
        path.waiting_since = self.now if path.flight else float("inf")
        path.srtt = path.srtt or 0.05
        path.min_rtt = min(path.min_rtt, path.srtt)

    def _lose(self, path: StubFlight, number: int) -> None:
        if not path.flight:
            return
        lost = path.flight.pop(number % len(path.flight))
        before = len(self.asked)
        kept = self.repair.on_lost(lost, self.now)
        again = [one for one in self.asked[before:] if one[:3] == ("again", lost.cls, lost.tunnel_sequence)]
        demand(len(again) == kept, f"on_lost said {kept!r} and asked for {len(again)} repetitions")
        demand(not isnan(self.repair.announce_at(lost, self.now)), "a loss is announced at no time")

    def _flap(self, path: StubFlight, number: int) -> None:
        if number % 4 == 0:
            path.up = not path.up
            path.flight.clear()
            path.waiting_since = float("inf")

    def _clock(self) -> None:
        for _ in range(TICKS):
            due = self.repair.next_timeout()
            demand(not isnan(due), "next_timeout is not a number")
            if due > self.now:
                return
            self.repair.on_time(self.now)
        raise ContractError(f"after {TICKS} calls of on_time there is still something due at the same moment")

    # What a repair may ask for (Outlet).

    def patience(self) -> float:
        """Return how long a packet is worth sending again (s)."""
        return 0.2

    def alternatives(self, path: int) -> int:
        """Return how many other paths are up."""
        return sum(other.up for other in self.paths if other.index != path)

    def send_again(self, lost: Data, origin: float, until: float) -> None:
        """Take note of a repetition."""
        demand(until >= self.now, "a repetition is asked for that comes too late")
        self.asked.append(("again", lost.cls, lost.tunnel_sequence, origin, until))

    def send_copy(self, sent: Data, until: float, *, stalled: bool = False, urgent: bool = False) -> None:
        """Take note of a copy."""
        demand(sent in self.paths[sent.path].flight, "a copy is asked for of what is not in flight")
        demand(until >= self.now, "a copy is asked for that comes too late")
        self.asked.append(("copy", sent.cls, sent.tunnel_sequence, stalled))

    def send_parity(self, cls: int, first: int, count: int, index: int, packet: Packet, until: float) -> None:
        """Take note of parity."""
        demand(first >= 0 and count >= 1, "parity of nothing")
        demand(first + count <= self._next[cls], "parity of packets that were never sent")
        demand(index >= 0 and count + index <= 255, "parity that no header has room for")
        self.asked.append(("parity", cls, first, count, index, packet.size))


def play(repair: Repair, count: int, numbers: Iterable[int], seed: int = 0) -> Asked:
    """Lead a repair through one life with `count` paths; raises ContractError."""
    return Life(repair, count, Random(seed)).play(numbers)


def _lead(repair: Repair, drawn: Sequence[int], seed: int) -> None:
    play(repair, 1 + seed % 4, drawn, seed)


def live(found: type[Repair], lives: int) -> None:
    """Lead repairs through so many lives of random lengths. Raises ContractError."""
    survive_many(found, _lead, lives)


def survives_random_lives(found: type[Repair]) -> None:
    """Whatever happens, it asks for what makes sense, and its clock stands still in between."""
    survive(found, _lead, STEPS)


def is_deterministic(found: type[Repair]) -> None:
    """Equal lives make it ask for the same: no state is shared, and no chance is drawn from elsewhere."""
    for seed in SEEDS:
        first, second = (play(found(), 3, numbers_of(seed, STEPS), seed) for _ in range(2))
        demand(first == second, f"life {seed} asks for something else the second time")


CHECKS: Sequence[Callable[[type], None]] = (
    *common.CHECKS,
    survives_random_lives,
    is_deterministic,
)
