"""The contract of a scheduler: it answers with paths it was given, changes none of them, and never stalls."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from random import Random

from mpsim.contract import common
from mpsim.contract.common import demand
from mpsim.contract.lives import SEEDS, numbers_of, survive, survive_many
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import PathView, Scheduler

STEPS = 300
MSS = 1500


class StubPath:
    """A path as a scheduler sees it, with windows that tests open and close."""

    def __init__(self, index: int, random: Random) -> None:
        self.index = index
        self.metric = 0
        self.up = True
        self.cwnd = random.randrange(2, 60) * float(MSS)
        self.ssthresh = random.choice((float("inf"), self.cwnd / 2))
        self.bytes_in_flight = 0
        self.queued_bytes = 0
        self.srtt = random.choice((0.0, random.uniform(0.005, 0.3)))
        self.rttvar = self.srtt / 4
        self.min_rtt = self.srtt or float("inf")
        self.latest_rtt = self.srtt
        self.smallest_srtt, self.largest_srtt = self.min_rtt, self.srtt
        self.delivery_rate = random.choice((0.0, random.uniform(1e5, 1e8)))
        self.loss_ratio = random.choice((0.0, random.uniform(0, 0.2)))
        self.mss = MSS
        self.pacing_rate = random.choice((None, random.uniform(1e5, 1e8)))
        self.delivered = 0
        self.in_recovery = False
        self.last_loss = float("-inf")
        self.loss_interval = 0

    def can_send(self, size: int, now: float) -> bool:
        """Return whether the window has room."""
        return self.up and not self.queued_bytes and self.bytes_in_flight + size <= self.cwnd


class StubView:
    """A tunnel as a scheduler sees it: a few packets wait."""

    def __init__(self, paths: Sequence[StubPath]) -> None:
        self.paths = paths
        self.waiting = [packet(number) for number in range(3)]
        self.budget = 100.0 * MSS
        self.stalled = 0
        self.flows: dict[object, int] = {}

    def backlog(self) -> int:
        """Return the bytes that wait."""
        return sum(one.size for one in self.waiting)

    def peek(self, position: int) -> Packet | None:
        """Return one of the waiting packets."""
        return self.waiting[position] if position < len(self.waiting) else None

    def unacknowledged(self) -> int:
        """Return the bytes in flight."""
        return sum(path.bytes_in_flight for path in self.paths)

    def reorder_budget(self) -> float:
        """Return what tests say."""
        return self.budget

    def reorder_occupancy(self) -> int | None:
        """Return that it is not known."""
        return None

    def stalls(self) -> int:
        """Return what tests say."""
        return self.stalled

    def flow_bytes(self, flow: object) -> int:
        """Return the bytes of a flow that have left."""
        return self.flows.get(flow, 0)


def packet(number: int) -> Packet:
    """Return a packet of one of five flows, that has waited since 0 s."""
    made = Packet(40 + number * 131 % 1400, number % 5, None, cls=number % 3)
    made.entered = 0.0
    return made


def attached(scheduler: Scheduler, count: int, seed: int) -> list[StubPath]:
    """Attach a scheduler to a tunnel of so many paths, and return them."""
    random = Random(seed)  # a reproducible life
    paths = [StubPath(index, random) for index in range(count)]
    scheduler.attach(StubView(paths), Random(seed + 1))
    return paths


def chosen_of(answer: object, offered: Sequence[StubPath]) -> list[StubPath]:
    """Return the paths of an answer as a list. Raises ContractError if it is none that a scheduler may give."""
    if answer is None:
        return []
    given = list(answer) if isinstance(answer, Sequence) else [answer]
    chosen = [path for one in given for path in offered if path is one]
    demand(len(chosen) == len(given), f"select returned {answer!r}, which was not among the paths")
    indices = [path.index for path in chosen]
    demand(len(set(indices)) == len(indices), f"select returned a path twice: {indices}")
    return chosen


def play(scheduler: Scheduler, count: int, numbers: Iterable[int], seed: int = 0) -> list[list[int]]:
    """Lead a scheduler through a life with `count` paths; return its choices as indices. Raises ContractError."""
    paths = attached(scheduler, count, seed)
    now = 0.0
    choices = []
    for drawn in numbers:
        number, what = divmod(drawn, 8)
        now += (number % 50) * 1e-3
        path = paths[number % count]
        if what <= 4:
            choices.append(_ask(scheduler, paths, packet(number), now))
        elif what == 5 and path.bytes_in_flight:
            acked, path.bytes_in_flight = path.bytes_in_flight, 0
            path.srtt = path.srtt or 0.02
            path.smallest_srtt = min(path.smallest_srtt, path.srtt)
            path.largest_srtt = max(path.largest_srtt, path.srtt)
            path.delivered += acked
            path.in_recovery = False
            scheduler.on_acked(path, acked, now)
        elif what == 6 and path.bytes_in_flight:
            lost = min(path.bytes_in_flight, MSS)
            path.bytes_in_flight -= lost
            path.cwnd = max(path.cwnd / 2, 2.0 * MSS)
            path.in_recovery, path.last_loss, path.loss_interval = True, now, path.delivered
            scheduler.on_lost(path, lost, now)
        elif what == 7:
            path.up = not path.up
            path.bytes_in_flight = path.queued_bytes = 0
        due = scheduler.next_timeout()
        if due is not None and number % 3 == 0:
            scheduler.on_timeout(max(now, due) if number % 2 else now)
    return choices


def _ask(scheduler: Scheduler, paths: Sequence[StubPath], wanted: Packet, now: float) -> list[int]:
    offered = [path for path in paths if path.up]
    before = [dict(vars(path)) for path in paths]
    chosen = chosen_of(scheduler.select(wanted, offered, now), offered)
    demand([vars(path) for path in paths] == before, "select changed a path; it may only look")
    for path in chosen:
        if path.can_send(wanted.size, now):
            path.bytes_in_flight += wanted.size
            scheduler.on_sent(path, wanted, now)
        else:
            path.queued_bytes += wanted.size
    return [path.index for path in chosen]


def _lead(scheduler: Scheduler, drawn: Sequence[int], seed: int) -> None:
    play(scheduler, 1 + seed % 5, drawn, seed)


def survives_random_lives(found: type[Scheduler]) -> None:
    """Whatever happens to the paths, the answer is None or distinct paths of those offered."""
    survive(found, _lead, STEPS)


def live(found: type[Scheduler], lives: int) -> None:
    """Lead schedulers through so many lives of random lengths. Raises ContractError."""
    survive_many(found, _lead, lives)


def is_deterministic(found: type[Scheduler]) -> None:
    """Equal lives with equal random streams give equal choices."""
    for seed in SEEDS:
        first, second = (play(found(), 3, numbers_of(seed, STEPS), seed) for _ in range(2))
        demand(first == second, f"life {seed} gives other choices the second time")


def waits_without_paths(found: type[Scheduler]) -> None:
    """With no path up there is nothing to choose."""
    scheduler = found()
    attached(scheduler, 2, 1)
    none: list[PathView] = []
    demand(not scheduler.select(packet(1), none, 0.0), "select chose a path although none is up")


def does_not_stall(found: type[Scheduler]) -> None:
    """When every path is idle and open a packet goes: nothing would ever wake a scheduler that waits then."""
    for seed in SEEDS:
        scheduler = found()
        paths = attached(scheduler, 1 + seed % 4, seed)
        for number in range(50):
            for path in paths:
                path.bytes_in_flight = path.queued_bytes = 0
            chosen = chosen_of(scheduler.select(packet(number), paths, number * 0.1), paths)
            demand(bool(chosen), f"every path is idle and open, and packet {number} waits")
            for path in chosen:
                scheduler.on_sent(path, packet(number), number * 0.1)


def is_picklable_in_the_middle(found: type[Scheduler]) -> None:
    """A scheduler pickled after some choices goes on choosing the same."""
    scheduler = found()
    play(scheduler, 3, numbers_of(1, STEPS), 1)
    again = pickle.loads(pickle.dumps(scheduler))  # noqa: S301  # our own bytes
    drawn = numbers_of(2, STEPS)
    demand(play(again, 3, drawn, 2) == play(scheduler, 3, drawn, 2), "pickling changes the choices that follow")


CHECKS: Sequence[Callable[[type], None]] = (
    *common.CHECKS,
    survives_random_lives,
    is_deterministic,
    waits_without_paths,
    does_not_stall,
    is_picklable_in_the_middle,
)
