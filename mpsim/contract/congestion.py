"""The contract of a congestion control: a window that never goes below its minimum and grows by acknowledgements."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import isnan

from mpsim.contract import common
from mpsim.contract.common import demand
from mpsim.contract.lives import SEEDS, numbers_of, survive, survive_many
from mpsim.tunnel.congestion import AckSample, CongestionController
from mpsim.units import BITS_PER_BYTE

MSS = 1500
STEPS = 400
MOST_IN_FLIGHT = 200  # packets; what has no window has an end here

Decision = tuple[float, float | None]


class History:
    """One life of a controller: an owner that sends, hears, loses and waits, as numbers tell it.

    Every number is one step; equal numbers make equal lives. Sending is done oldest first, answers
    cover what is in flight, and the clock only goes forward, as with a real owner.
    """

    def __init__(self, controller: CongestionController) -> None:
        self.controller = controller
        self.now = 0.0
        self.flight: deque[float] = deque()  # sending times
        self.delivered = 0
        self.srtt = 0.0
        self.min_rtt = float("inf")
        self.highest = 0.0  # the window before the last reduction, at most
        self.floor = getattr(controller, "minimum_window", 1) * MSS
        controller.start(MSS, 0.0)
        self._inspect("start", float("inf"))

    def play(self, numbers: Iterable[int]) -> list[Decision]:
        """Live through the steps; return what the controller said after each. Raises ContractError."""
        steps = (self._send, self._acknowledge, self._send, self._acknowledge, self._lose, self._tick, self._rare)
        said = []
        for drawn in numbers:
            number, choice = divmod(drawn, len(steps))
            self.now += (number % 97 + 1) * 1e-4
            steps[choice](number // 97)
            said.append((self.controller.cwnd, self.controller.pacing_rate))
        return said

    def _inspect(self, what: str, most: float) -> None:
        cwnd, pacing = self.controller.cwnd, self.controller.pacing_rate
        demand(not isnan(cwnd), f"the window is not a number after {what}")
        demand(cwnd >= self.floor - 1e-6, f"a window of {cwnd} bytes after {what}, below {self.floor}")
        demand(cwnd <= most + 1e-6, f"the window grew from {most} to {cwnd} bytes by {what}")
        demand(pacing is None or pacing > 0, f"a pacing rate of {pacing} bit/s after {what}")

    def _send(self, number: int) -> None:
        for _ in range(number % 12 + 1):
            in_flight = len(self.flight) * MSS
            if (in_flight and in_flight + MSS > self.controller.cwnd) or len(self.flight) >= MOST_IN_FLIGHT:
                return
            self.flight.append(self.now)
            before = self.controller.cwnd
            self.controller.on_sent(self.now, MSS, in_flight + MSS)
            self._inspect("on_sent", before)

    def _acknowledge(self, number: int) -> None:
        if not self.flight:
            return
        count = number % min(len(self.flight), 10) + 1
        before = len(self.flight) * MSS
        sent = [self.flight.popleft() for _ in range(count)][-1]
        rtt = max(self.now - sent, 1e-4)
        self.min_rtt = min(self.min_rtt, rtt)
        self.srtt = self.srtt + (rtt - self.srtt) / 8 if self.srtt else rtt
        self.delivered += count * MSS
        sample = AckSample()
        sample.now, sample.acked, sample.sent_time = self.now, count * MSS, sent
        sample.rtt, sample.min_rtt, sample.srtt = rtt, self.min_rtt, self.srtt
        sample.delivery_rate = before * BITS_PER_BYTE / rtt if number % 5 else None
        sample.one_way_delay = rtt / 2 if number % 3 else None
        sample.app_limited = number % 4 == 0
        sample.cwnd_limited = number % 7 != 0
        sample.in_flight, sample.delivered = before, self.delivered
        sample.prior_delivered = max(0, self.delivered - before)
        self.controller.on_acked(sample)
        self._inspect("on_acked", float("inf"))

    def _lose(self, number: int) -> None:
        if not self.flight:
            return
        before, in_flight = self.controller.cwnd, len(self.flight) * MSS
        count = number % min(len(self.flight), 3) + 1
        sent = [self.flight.popleft() for _ in range(count)][-1]
        self.highest = max(self.highest, before)
        self.controller.on_lost(self.now, count * MSS, sent, in_flight)
        self._inspect("on_lost", before)

    def _tick(self, number: int) -> None:
        due = self.controller.next_timeout()
        if due is None or number % 2:
            return
        self.now = max(self.now, due)
        self.controller.on_timer(self.now)
        self._inspect("on_timer", float("inf"))
        due = self.controller.next_timeout()
        demand(due is None or due > self.now, f"on_timer at {self.now} s wants to be called again at {due} s")

    def _rare(self, number: int) -> None:
        before = self.controller.cwnd
        self.highest = max(self.highest, before)
        in_flight = len(self.flight) * MSS
        what = number % 6
        if what == 0:
            self.controller.on_timeout(self.now, in_flight)
            self._inspect("on_timeout", before)
        elif what == 1:
            self.controller.on_congestion_mark(self.now, self.flight[0] if self.flight else self.now)
            self._inspect("on_congestion_mark", before)
        elif what == 2:
            self.controller.on_loss_undone(self.now)
            self._inspect("on_loss_undone", self.highest)
        elif what == 3:
            self.flight.clear()  # everything is answered at last
            self.now += 1.0
        elif what == 4:
            self.controller.pause()  # the path was silent, and answers again
            self.now += 0.5
            self.controller.resume()
            self._inspect("resume", before)
        else:
            self.controller.pause()  # the path was down
            self.flight.clear()
            self.now += 1.0
            self.controller.start(MSS, self.now)
            self._inspect("start", float("inf"))


def _lead(controller: CongestionController, drawn: Sequence[int], _: int) -> None:
    History(controller).play(drawn)


def survives_random_lives(found: type[CongestionController]) -> None:
    """Whatever happens, the window keeps its minimum and grows only by acknowledgements or its own clock."""
    survive(found, _lead, STEPS)


def live(found: type[CongestionController], lives: int) -> None:
    """Lead controllers through so many lives of random lengths. Raises ContractError."""
    survive_many(found, _lead, lives)


def is_deterministic(found: type[CongestionController]) -> None:
    """Equal lives give equal windows: no state is shared, and no chance is drawn from elsewhere."""
    for seed in SEEDS:
        first, second = (History(found()).play(numbers_of(seed, STEPS)) for _ in range(2))
        demand(first == second, f"life {seed} gives other windows the second time")


def starts_anew(found: type[CongestionController]) -> None:
    """`start` after an outage forgets everything: the controller is as a fresh one."""
    for seed in SEEDS:
        used = found()
        History(used).play(numbers_of(seed, STEPS))
        fresh = found()
        lives = [History(controller).play(numbers_of(seed + 1000, STEPS)) for controller in (used, fresh)]
        demand(lives[0] == lives[1], f"after `start` a used controller differs from a fresh one (life {seed})")


def is_picklable_in_the_middle(found: type[CongestionController]) -> None:
    """A controller pickled in the middle of its life goes on as if nothing had been."""
    history = History(found())
    history.play(numbers_of(1, STEPS))
    again = pickle.loads(pickle.dumps(history))  # noqa: S301  # our own bytes
    drawn = numbers_of(2, STEPS)
    demand(again.play(drawn) == history.play(drawn), "pickling in the middle changes what comes after")


def bears_an_early_timer(found: type[CongestionController]) -> None:
    """`on_timer` before its time changes nothing."""
    for seed in SEEDS:
        history = History(found())
        history.play(numbers_of(seed, STEPS))
        controller = history.controller
        due = controller.next_timeout()
        if due is not None and due <= history.now:
            continue
        before = (controller.cwnd, controller.ssthresh, controller.pacing_rate, controller.next_timeout())
        controller.on_timer(history.now)
        after = (controller.cwnd, controller.ssthresh, controller.pacing_rate, controller.next_timeout())
        demand(before == after, f"an early on_timer changes {before} to {after}")


CHECKS: Sequence[Callable[[type], None]] = (
    *common.CHECKS,
    survives_random_lives,
    is_deterministic,
    starts_anew,
    is_picklable_in_the_middle,
    bears_an_early_timer,
)
