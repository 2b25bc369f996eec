"""What the schedulers learn: peekaboo (a bandit), musher (a search)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.linear_bandit import LinearArm, inverted
from mpsim.tunnel.schedulers.musher import Musher
from mpsim.tunnel.schedulers.peekaboo import Decision, Peekaboo
from mpsim.tunnel.schedulers.ratio_search import RatioSearch

MSS = 1000
PACKET = Packet(MSS, "flow", None)


def path(index: int, *, rtt: float = 0.02, in_flight: int = 0) -> StubPath:
    one = StubPath(index, Random(index))
    one.srtt = one.latest_rtt = one.min_rtt = rtt
    one.cwnd, one.bytes_in_flight = 10.0 * MSS, in_flight * MSS
    return one


# The bandit


def test_the_inverse_is_one() -> None:
    half = np.random.default_rng(1).normal(size=(6, 6))
    matrix = half @ half.T + np.eye(6)
    assert np.allclose(np.array(inverted(matrix.tolist())) @ matrix, np.eye(6))


@pytest.mark.parametrize("memory", [1.0, 0.9])
def test_an_arm_is_ridge_regression_whose_past_fades(memory: float) -> None:
    generator = np.random.default_rng(2)
    contexts, rewards = generator.normal(size=(30, 6)), generator.normal(size=30)
    arm = LinearArm(6, memory)
    for context, reward in zip(contexts, rewards, strict=True):
        arm.learn(context.tolist(), float(reward))
    weights = memory ** np.arange(29, -1, -1)
    gram = np.eye(6) + (contexts.T * weights) @ contexts
    theta = np.linalg.solve(gram, (contexts.T * weights) @ rewards)
    asked = generator.normal(size=6)
    expected = theta @ asked + 0.75 * np.sqrt(asked @ np.linalg.solve(gram, asked))
    assert arm.score(asked.tolist(), 0.75) == pytest.approx(expected)


def test_an_arm_that_knows_nothing_hopes() -> None:
    assert LinearArm(2, 1.0).score([3.0, 4.0], 0.5) == pytest.approx(2.5)


# Peekaboo


def test_a_decision_is_worth_what_is_acknowledged_after_it() -> None:
    decision = Decision(0, [], start=1.0, horizon=0.1, soonest=0.02)
    for after in (0.01, 0.05, 0.15, 0.25, 0.29):
        decision.count(1000, 1.0 + after)
    # 8 kbit over 20 (at least), 50, 150, 250 and 290 ms, in Mbit/s.
    expected = 0.9 * (0.4 + 0.16) + 0.7 * 0.16 / 3 + 0.5 * (0.032 + 0.008 / 0.29)
    assert decision.reward == pytest.approx(expected)


def test_peekaboo_takes_the_fast_path_while_it_has_room() -> None:
    fast, slow = path(0), path(1, rtt=0.1)
    assert Peekaboo().select(PACKET, [slow, fast], 0.0) is fast
    assert Peekaboo().select(PACKET, [path(0, in_flight=10), path(1, in_flight=10)], 0.0) is None


class Gambler:
    """A full fast path and an open slow one: a decision in every 0.4 s, and what it brings."""

    def __init__(self, scheduler: Peekaboo) -> None:
        self.scheduler = scheduler
        scheduler.random = Random(5)
        self.fast, self.slow = path(0), path(1, rtt=0.1)
        self.now = 0.0

    def play(self, count: int, brings: Callable[[bool], int]) -> Counter[bool]:
        """Decide so often; `brings` says how many packets are acknowledged if it waits, and if not."""
        waits: Counter[bool] = Counter()
        paths = [self.fast, self.slow]
        for _ in range(count):
            self.fast.bytes_in_flight = 10 * MSS
            waited = self.scheduler.select(PACKET, paths, self.now) is None
            waits[waited] += 1
            if waited:
                assert self.scheduler.select(PACKET, paths, self.now + 0.01) is None  # holds
            self.scheduler.on_acked(self.slow, brings(waited) * MSS, self.now + 0.05)
            self.fast.bytes_in_flight = 0
            assert self.scheduler.select(PACKET, paths, self.now + 0.06) is self.fast
            self.now += 0.4
            self.scheduler.on_acked(self.fast, MSS, self.now - 0.01)
        return waits


def waiting_pays(waited: bool) -> int:
    return 9 if waited else 3


def sending_pays(waited: bool) -> int:
    return 3 if waited else 9


def test_peekaboo_finds_the_better_action_and_after_a_change_the_other() -> None:
    gambler = Gambler(Peekaboo(keep_send=1.0, keep_wait=1.0))
    gambler.play(40, waiting_pays)
    assert gambler.play(50, waiting_pays)[True] >= 45
    gambler.play(100, sending_pays)
    assert gambler.play(50, sending_pays)[True] <= 5


def test_peekaboo_keeps_the_better_action_with_a_probability() -> None:
    gambler = Gambler(Peekaboo(learning=40))
    gambler.play(40, waiting_pays)
    assert gambler.play(400, waiting_pays)[True] == pytest.approx(0.7 * 400, rel=0.1)


# MuSher


def indices(scheduler: Musher, paths: list[StubPath], count: int) -> list[int | None]:
    """Ask so often; what cannot leave waits on its path."""
    chosen: list[int | None] = []
    for _ in range(count):
        one = scheduler.select(PACKET, paths, 0.0)
        chosen.append(None if one is None else one.index)
        if isinstance(one, StubPath) and not one.can_send(MSS, 0.0):
            one.queued_bytes += MSS
    return chosen


def test_musher_keeps_the_ratio_in_every_burst() -> None:
    assert indices(Musher(burst=10, ratio=30), [path(0), path(1)], 20) == ([0] * 3 + [1] * 7) * 2
    assert indices(Musher(burst=10, ratio=20), [path(0), path(1), path(2)], 10) == [0] * 2 + [1] * 4 + [2] * 4


def test_musher_lets_packets_wait_on_their_path_up_to_a_limit() -> None:
    paths = [path(0, in_flight=10), path(1)]
    scheduler = Musher(burst=4, queue=4 * MSS)
    assert indices(scheduler, paths, 9) == [0, 0, 1, 1, 0, 0, 1, 1, None]


def test_musher_gives_all_to_the_path_that_is_left() -> None:
    assert indices(Musher(burst=10), [path(1)], 10) == [1] * 10


def rate(ratio: int, first: float, second: float) -> float:
    """What two links carry if one gets `ratio` percent: the fuller one holds the other up."""
    return min(first / ratio, second / (100 - ratio)) * 100


def searched(search: RatioSearch, seconds: float, first: float, second: float, start: float = 0.0) -> float:
    """Let it search for so long with rates that are exact; return when that is."""
    now = start
    while now < start + seconds:
        search.sample(rate(search.ratio, first, second), 50_000, now)
        now += 0.2 if search.running else 0.1
    return now


def search_from(ratio: int) -> RatioSearch:
    return RatioSearch(ratio, step=5, holdoff=3.0, change=0.1, shrink=0.5, gain=0.02)


@pytest.mark.parametrize(("start", "first", "found"), [(50, 24e6, 75), (90, 24e6, 75), (75, 24e6, 75), (50, 8e6, 50)])
def test_musher_climbs_to_the_ratio_of_the_rates(start: int, first: float, found: int) -> None:
    search = search_from(start)
    searched(search, 4.0, first, 8e6)
    assert (search.ratio, search.running) == (found, False)


@pytest.mark.parametrize(("first", "found"), [(800e6, 95), (0.8e6, 5)])
def test_musher_stops_at_the_edge(first: float, found: int) -> None:
    search = search_from(50)
    searched(search, 6.0, first, 8e6)
    assert search.ratio == found


def test_musher_searches_again_when_the_rate_has_changed() -> None:
    search = search_from(50)
    now = searched(search, 4.0, 24e6, 8e6)
    search.sample(rate(75, 24e6, 8e6), 50_000, now)
    searched(search, 6.0, 8e6, 24e6, now)
    assert search.ratio == 25


def test_musher_searches_again_when_the_paths_hold_less() -> None:
    search = search_from(50)
    now = searched(search, 4.0, 8e6, 8e6)
    for step in range(4):
        search.sample(16e6, 20_000, now + step * 0.1)
        assert not search.running
    search.sample(16e6, 20_000, now + 0.4)
    assert search.running


def test_musher_waits_between_two_searches() -> None:
    search = search_from(50)
    for _ in range(9):
        search.sample(1e6, 0, 1.0)
    assert not search.running  # the first one has ended: nothing brings more
    for _ in range(10):
        search.sample(1e6, 0, 2.0)
    for _ in range(20):
        search.sample(9e6, 0, 3.9)
        assert not search.running
    for _ in range(5):
        search.sample(1e6, 0, 4.0)
    assert search.running


def test_musher_does_not_search_while_the_rate_still_grows() -> None:
    search = search_from(50)
    for step in range(1, 40):
        search.sample(step * 1e6, 0, step * 0.1)
        assert search.running == (step == 25)
        if search.running:
            break
    search.sample(26e6, 0, 2.6)
    assert search.ratio == 55


def test_musher_counts_what_is_acknowledged() -> None:
    scheduler = Musher(interval=0.1)
    scheduler.select(PACKET, [path(0), path(1)], 0.0)
    told: list[tuple[float, int]] = []
    scheduler.search.sample = lambda rate, held, _: told.append((rate, held))  # type: ignore[method-assign]
    for step in range(22):
        scheduler.on_acked(path(0), 1000, step * 0.01)
    assert told == [(pytest.approx(0.8e6), 0)] * 2
