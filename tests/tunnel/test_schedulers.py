"""What each scheduler decides."""

from __future__ import annotations

from random import Random

import pytest

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import Scheduler, schedulers
from mpsim.tunnel.schedulers.round_robin import RoundRobin

PACKET = Packet(1000, "flow", None)
MSS = 1000


def path(index: int, *, srtt: float = 0.02, cwnd: int = 10, in_flight: int = 0) -> StubPath:
    one = StubPath(index, Random(index))
    one.srtt, one.cwnd, one.bytes_in_flight = srtt, float(cwnd * MSS), in_flight * MSS
    return one


def choices(scheduler: Scheduler, paths: list[StubPath], count: int) -> list[int | None]:
    """Ask so many times, every choice taking room in its window."""
    chosen: list[int | None] = []
    for _ in range(count):
        one = scheduler.select(PACKET, paths, 0.0)
        assert one is None or isinstance(one, StubPath)
        chosen.append(None if one is None else one.index)
        if one is not None:
            one.bytes_in_flight += MSS
    return chosen


QUEUEING = {"ecmp", "flowlet", "linux-default"}  # on their paths


@pytest.mark.parametrize("name", sorted({*schedulers.names()} - QUEUEING))
def test_nothing_goes_where_no_window_is_open(name: str) -> None:
    scheduler = schedulers.create(name)
    assert choices(scheduler, [path(0, in_flight=10), path(1, in_flight=10)], 1) == [None]


@pytest.mark.parametrize("name", ["greedy", "round-robin", "min-rtt"])
def test_the_only_open_window_is_taken(name: str) -> None:
    scheduler = schedulers.create(name)
    assert (
        choices(scheduler, [path(0, srtt=0.001, in_flight=10), path(1, srtt=0.5), path(2, in_flight=10)], 3) == [1] * 3
    )


def test_greedy_fills_every_window_and_splits_by_rate() -> None:
    paths = [path(0, cwnd=10), path(1, cwnd=30)]
    for one, rate in zip(paths, (8e6, 24e6), strict=True):
        one.delivery_rate, one.min_rtt = rate, 0.02
    chosen = choices(schedulers.create("greedy"), paths, 41)
    assert (chosen.count(0), chosen.count(1), chosen[-1]) == (10, 30, None)
    half = chosen[:20]
    assert half.count(0) == pytest.approx(5, abs=1)


def test_greedy_takes_what_delivers_first() -> None:
    paths = [path(0), path(1)]
    for one, rtt in zip(paths, (0.1, 0.02), strict=True):
        one.delivery_rate, one.min_rtt = 8e6, rtt
    # Forty milliseconds of a packet a millisecond make up for the longer way; the windows are not that large.
    assert choices(schedulers.create("greedy"), paths, 10) == [1] * 10
    paths[1].cwnd, paths[1].bytes_in_flight = 100.0 * MSS, 40 * MSS
    assert choices(schedulers.create("greedy"), paths, 1) == [0]


def test_greedy_splits_by_the_windows_before_it_knows_the_rates() -> None:
    paths = [path(0, cwnd=10), path(1, cwnd=30)]
    for one in paths:
        one.delivery_rate, one.min_rtt = 0.0, one.srtt
    assert choices(schedulers.create("greedy"), paths, 20).count(0) == pytest.approx(5, abs=1)


def test_greedy_tries_what_it_does_not_know() -> None:
    paths = [path(0), path(1)]
    paths[0].delivery_rate = 8e6
    paths[1].delivery_rate = paths[1].srtt = 0.0
    assert choices(schedulers.create("greedy"), paths, 1) == [1]


def test_min_rtt_fills_the_nearest_first() -> None:
    paths = [path(0, srtt=0.05, cwnd=2), path(1, srtt=0.01, cwnd=3), path(2, srtt=0.03, cwnd=2)]
    assert choices(schedulers.create("min-rtt"), paths, 8) == [1, 1, 1, 2, 2, 0, 0, None]


def test_min_rtt_tries_what_it_does_not_know() -> None:
    assert choices(schedulers.create("min-rtt"), [path(0, srtt=0.01), path(1, srtt=0.0)], 1) == [1]


def test_round_robin_takes_turns() -> None:
    assert choices(RoundRobin(), [path(0), path(1), path(2)], 7) == [0, 1, 2, 0, 1, 2, 0]


def test_round_robin_in_runs() -> None:
    assert choices(RoundRobin(packets=3), [path(0), path(1)], 9) == [0, 0, 0, 1, 1, 1, 0, 0, 0]


def test_round_robin_passes_over_a_full_window() -> None:
    assert choices(RoundRobin(), [path(0), path(1, cwnd=2), path(2)], 9) == [0, 1, 2, 0, 1, 2, 0, 2, 0]


def test_round_robin_waits_for_its_turn_if_told_to() -> None:
    paths = [path(0), path(1, cwnd=1)]
    assert choices(RoundRobin(cwnd_limited=False), paths, 6) == [0, 1, 0, None, None, None]
    paths[1].bytes_in_flight = 0
    assert choices(RoundRobin(cwnd_limited=False), paths, 1) == [0]


def test_round_robin_goes_on_when_a_path_disappears() -> None:
    scheduler = RoundRobin()
    paths = [path(0), path(1), path(2)]
    assert choices(scheduler, paths, 2) == [0, 1]
    assert choices(scheduler, paths[:2], 3) == [0, 1, 0]
    assert choices(scheduler, paths, 3) == [1, 2, 0]
