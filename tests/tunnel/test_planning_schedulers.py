"""OTIAS and DAPS: who carries what so that it arrives in order."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubbing import MSS, ask, carry, path

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.schedulers.daps import Daps
from mpsim.tunnel.schedulers.otias import Otias, arrival


def test_otias_counts_the_round_trips_that_a_packet_waits() -> None:
    one = path(0, srtt=0.1, cwnd=10, in_flight=4)
    assert arrival(one, is_open=True) == pytest.approx(0.05)
    one.bytes_in_flight = 10 * MSS
    # ceil((q - free + 1) / cwnd) round trips and a half
    for queued, rounds in ((0, 1), (9, 1), (10, 2), (19, 2), (20, 3)):
        one.queued_bytes = queued * MSS
        assert arrival(one, is_open=False) == pytest.approx((rounds + 0.5) * 0.1)
    one.bytes_in_flight = 4 * MSS
    one.queued_bytes = 15 * MSS  # six of them fit
    assert arrival(one, is_open=False) == pytest.approx(0.15)
    one.queued_bytes = 16 * MSS
    assert arrival(one, is_open=False) == pytest.approx(0.25)


def test_otias_fills_a_full_near_path_until_the_far_one_is_as_near() -> None:
    paths = [path(0, srtt=0.02, in_flight=10), path(1, srtt=0.1, cwnd=5)]
    # Near: 30 ms behind ten more, 50 ms behind twenty; far: 50 ms.
    assert [carry(Otias(), paths)[0] for _ in range(25)] == [0] * 20 + [1] * 5
    assert ask(Otias(), paths) == []  # nothing could overtake it: it waits in the ingress queue


def test_otias_takes_the_nearer_open_path() -> None:
    assert ask(Otias(), [path(0, srtt=0.1), path(1, srtt=0.02)]) == [1]
    assert ask(Otias(), [path(0, srtt=0.1), path(1, srtt=0.0)]) == [1]
    assert ask(Otias(), [path(0, srtt=0.1), path(1, srtt=0.0, in_flight=10)]) == [0]


def test_otias_bears_paths_without_a_window() -> None:
    paths = [path(0, srtt=0.02, delivery_rate=8e6, queued_bytes=40 * MSS), path(1, srtt=0.09)]
    paths[0].cwnd = inf
    assert arrival(paths[0], is_open=False) == pytest.approx(2 * 0.02 + 0.01)  # 20 packets a round trip
    assert ask(Otias(), paths) == [1]


def plan(scheduler: Daps, *paths: StubPath) -> list[tuple[int, int]]:
    return list(scheduler.plan(paths))


def test_daps_plans_for_the_least_common_multiple_of_the_delays() -> None:
    near, far = path(0, srtt=0.008, cwnd=2), path(1, srtt=0.024, cwnd=3)
    assert plan(Daps(), near, far) == [(0, 2), (0, 2), (0, 2), (1, 3)]
    assert plan(Daps(), path(0, srtt=0.016, cwnd=2), far) == [(0, 2), (1, 3), (0, 2), (0, 2), (1, 3)]
    assert plan(Daps(), far, near) == [(0, 2), (0, 2), (0, 2), (1, 3)]
    assert plan(Daps(), near) == [(0, 2)]


def test_daps_counts_round_trips_if_told_so() -> None:
    near, far = path(0, srtt=0.008, cwnd=2), path(1, srtt=0.024, cwnd=3)
    # Arrivals at 4, 12, 20 ms and at 12 ms.
    assert plan(Daps(ack_clocked=True), near, far) == [(0, 2), (0, 2), (1, 3), (0, 2)]


@pytest.mark.parametrize(
    ("srtt", "delay"), [(0.0001, 4), (0.008, 4), (0.0119, 4), (0.0121, 8), (0.019, 8), (0.021, 12), (0.2, 100)]
)
def test_daps_rounds_forward_delays_to_four_milliseconds(srtt: float, delay: int) -> None:
    # The turns of a path of 4 ms before the first one of this.
    turns = plan(Daps(), path(0, srtt=srtt, cwnd=1), path(1, srtt=0.008, cwnd=1))
    first = [index for index, _ in turns].index(0)
    assert first == (delay // 4 if srtt > 0.008 else 0)


def test_daps_plans_not_too_far_ahead() -> None:
    turns = plan(Daps(longest=0.5), path(0, srtt=0.104), path(1, srtt=0.136))  # 52, 68; together 884 ms
    assert len(turns) == 500 // 52 + 500 // 68


@given(
    delays=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    windows=st.lists(st.integers(1, 50), min_size=4, max_size=4),
    ack_clocked=st.booleans(),
)
def test_what_daps_plans_arrives_in_order(delays: list[int], windows: list[int], ack_clocked: bool) -> None:
    """On links of constant delay where a path delivers a window in each forward delay, or in each round trip."""
    paths = [path(index, srtt=0.008 * delay, cwnd=windows[index]) for index, delay in enumerate(delays)]
    turns = plan(Daps(ack_clocked=ack_clocked), *paths)
    delivered = [0] * len(paths)
    arrivals = []
    for index, packets in turns:
        assert packets == windows[index]
        way, window = 4 * delays[index], delivered[index]
        arrivals.append(way * (2 * window + 1 if ack_clocked else window + 1))
        delivered[index] += 1
    assert arrivals == sorted(arrivals)
    assert all(delivered)


def test_daps_commits_to_a_full_path_what_comes_before_an_open_one_s_turn() -> None:
    paths = [path(0, srtt=0.008, cwnd=2), path(1, srtt=0.024, cwnd=3)]
    scheduler = Daps()
    assert [carry(scheduler, paths)[0] for _ in range(9)] == [0] * 6 + [1] * 3
    assert paths[0].queued_bytes == 4 * MSS
    assert ask(scheduler, paths) == []  # nothing is open


def test_daps_passes_over_a_path_that_went_down() -> None:
    paths = [path(0, srtt=0.008, cwnd=2), path(1, srtt=0.024, cwnd=3)]
    scheduler = Daps()
    assert carry(scheduler, paths) == [0]
    assert [carry(scheduler, paths[1:])[0] for _ in range(3)] == [1] * 3


def test_daps_smooths_windows_once_a_round_trip() -> None:
    one = path(0, srtt=0.008, cwnd=80)
    scheduler = Daps()
    ask(scheduler, [one], 0.0)
    one.cwnd = 16.0 * MSS
    ask(scheduler, [one], 0.004)
    assert plan(scheduler, one) == [(0, 80)]
    ask(scheduler, [one], 0.009)
    assert plan(scheduler, one) == [(0, 72)]
    ask(scheduler, [one], 0.018)
    assert plan(scheduler, one) == [(0, 65)]


def test_daps_without_delays_or_windows() -> None:
    assert ask(Daps(), [path(0, srtt=0.0)]) == [0]
    one = path(0, srtt=0.1, delivery_rate=8e6)
    one.cwnd = inf
    scheduler = Daps()
    assert ask(scheduler, [one]) == [0]
    assert plan(scheduler, one) == [(0, 100)]  # 8 Mbit/s over a round trip
