"""BLEST and ECF: worked examples of when waiting for the near path is better than the far one."""

from __future__ import annotations

from math import inf

import pytest
from stubbing import MSS, View, ask, attach, path

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.schedulers import Scheduler, schedulers
from mpsim.tunnel.schedulers.blest import Blest, linger_time, sent_meanwhile
from mpsim.tunnel.schedulers.ecf import Ecf


def near_and_far(**far: float) -> list[StubPath]:
    """A near path, 20 ms, whose window of ten is full, and a far open one, 200 ms if nothing else is said."""
    return [path(0, srtt=0.02, in_flight=10), path(1, **{"srtt": 0.2, **far})]


@pytest.mark.parametrize("name", ["blest", "ecf"])
def test_the_near_path_while_it_has_room(name: str) -> None:
    scheduler = schedulers.create(name)
    paths = [path(0, srtt=0.2), path(1, srtt=0.02, in_flight=9), path(2, srtt=0.1)]
    attach(scheduler, paths)
    assert ask(scheduler, paths) == [1]


@pytest.mark.parametrize("name", ["blest", "ecf"])
def test_what_nothing_is_known_of_is_tried_and_not_waited_for(name: str) -> None:
    scheduler = schedulers.create(name)
    unknown, known = path(0, srtt=0.0), path(1, srtt=0.1)
    attach(scheduler, [unknown, known])
    assert ask(scheduler, [unknown, known]) == [0]
    unknown.bytes_in_flight = 10 * MSS
    assert ask(scheduler, [unknown, known]) == [1]


def ecf_with(paths: list[StubPath], packets: int) -> tuple[Scheduler, View]:
    scheduler = Ecf()
    return scheduler, attach(scheduler, paths, packets * MSS)


@pytest.mark.parametrize(
    ("packets", "chosen"),
    [
        (10, []),  # 20 ms * (1 + 10 / 10) = 40 ms, less than 200 ms
        (89, []),  # 198 ms
        (90, [1]),  # 200 ms: no longer less
        (1000, [1]),
    ],
)
def test_ecf_waits_while_the_near_path_would_be_done_first(packets: int, chosen: list[int]) -> None:
    paths = near_and_far()
    scheduler, _ = ecf_with(paths, packets)
    assert ask(scheduler, paths) == chosen


def test_ecf_once_waiting_wants_a_margin() -> None:
    paths = near_and_far()
    scheduler, view = ecf_with(paths, 100)
    assert ask(scheduler, paths) == [1]
    view.bytes = 10 * MSS
    assert ask(scheduler, paths) == []
    for packets, chosen in ((100, []), (114, []), (115, [1]), (100, [1])):  # 1.25 * 200 ms = 20 ms * (1 + 11.5)
        view.bytes = packets * MSS
        assert ask(scheduler, paths) == chosen, packets


def test_ecf_does_not_wait_two_near_round_trips_for_a_path_hardly_farther() -> None:
    # 40 ms < 45 ms, but 45 ms is not yet 2 * 20 ms + 10 ms of deviation.
    paths = near_and_far(srtt=0.035, rttvar=0.01)
    scheduler, _ = ecf_with(paths, 1)
    assert ask(scheduler, paths) == [1]
    # With a far window of five it takes the far path more than one round trip: 35 ms * 10 / 5.
    paths[1].cwnd = 5.0 * MSS
    scheduler, _ = ecf_with(paths, 10)
    assert ask(scheduler, paths) == []


def test_ecf_s_sigma_is_the_larger_deviation() -> None:
    paths = near_and_far(srtt=0.039)
    scheduler, _ = ecf_with(paths, 1)
    assert ask(scheduler, paths) == [1]  # 40 ms is not less than 39 ms
    paths[0].rttvar = 0.002
    assert ask(scheduler, paths) == [1]  # less than 41 ms, but 39 ms is not 2 * 20 ms + 2 ms
    paths[1].srtt = 0.05
    assert ask(scheduler, paths) == []


def test_blest_s_linger_time_grows_with_the_window_s_use() -> None:
    slow = path(1, srtt=0.1, in_flight=4, smallest_srtt=0.08, largest_srtt=0.16)
    assert linger_time(slow) == pytest.approx(0.12)  # 80 ms + 80 ms * (4 + 1) / 10
    slow.bytes_in_flight = 0
    assert linger_time(slow) == pytest.approx(0.1)  # never less than srtt
    slow.bytes_in_flight = 20 * MSS
    assert linger_time(slow) == pytest.approx(0.16)


def test_blest_s_near_path_grows_as_reno_does() -> None:
    fast = path(0, srtt=0.021, in_flight=10, ssthresh=10.0 * MSS)
    # 120 / 21 and the last begun one: 6 rounds of (11 + 5 // 2) packets
    assert sent_meanwhile(fast, 0.12) == 6 * 13 * MSS
    fast.ssthresh = 8.0 * MSS
    assert sent_meanwhile(fast, 0.12) == 6 * 12 * MSS
    fast.ssthresh = inf  # initial slow start
    assert sent_meanwhile(fast, 0.12) == (2**6 - 1) * 10 * MSS
    assert sent_meanwhile(fast, 10.0) == (2**16 - 1) * 10 * MSS
    fast.largest_srtt = 0.059  # on average 40 ms
    fast.ssthresh = 10.0 * MSS
    assert sent_meanwhile(fast, 0.11) == 3 * 12 * MSS


@pytest.mark.parametrize(("short", "chosen"), [(0, [1]), (2, [])])
def test_blest_sends_what_leaves_the_near_path_its_room(short: float, chosen: list[int]) -> None:
    paths = [
        path(0, srtt=0.021, in_flight=10, ssthresh=10.0 * MSS),
        path(1, srtt=0.1, in_flight=4, smallest_srtt=0.08, largest_srtt=0.16),
    ]
    scheduler = Blest()
    view = attach(scheduler, paths)
    # lambda times what the near path sends, the packet, and what the far one has in flight
    view.budget = 1.2 * 78 * MSS + MSS + 4 * MSS + 1 - short
    assert ask(scheduler, paths) == chosen


def test_blest_never_has_less_than_no_room() -> None:
    paths = near_and_far()
    scheduler = Blest()
    attach(scheduler, paths).budget = 0.0
    assert ask(scheduler, paths) == []


def test_blest_s_lambda_follows_the_receiver_s_room() -> None:
    paths = near_and_far()
    scheduler = Blest()
    view = attach(scheduler, paths)

    def scale(now: float) -> float:
        ask(scheduler, paths, now)
        return scheduler._lambda

    assert scale(0.0) == 1.2
    assert scale(0.19) == 1.2  # once in the far path's least srtt
    assert scale(0.21) == pytest.approx(1.19)
    view.stalled = 1
    assert scale(0.42) == pytest.approx(1.23)
    assert scale(0.63) == pytest.approx(1.22)  # the same stall counts once
    for step in range(1, 30):
        scale(0.63 + 0.21 * step)
    assert scheduler._lambda == 1.0
    for step in range(30, 60):
        view.stalled += 1
        scale(0.63 + 0.21 * step)
    assert scheduler._lambda == 1.3


@pytest.mark.parametrize(("name", "budget", "chosen"), [("blest", 1e9, [1]), ("blest", 1e5, []), ("ecf", 0.0, [])])
def test_a_path_without_a_window_has_that_of_its_rate(name: str, budget: float, chosen: list[int]) -> None:
    """As over TCP, whose send buffer alone says that it is full."""
    paths = [path(0, srtt=0.02, delivery_rate=8e6), path(1, srtt=0.2, delivery_rate=8e6)]
    for one in paths:
        one.cwnd = inf
    paths[0].queued_bytes = 1
    scheduler = schedulers.create(name)
    attach(scheduler, paths).budget = budget
    assert ask(scheduler, paths) == chosen
