"""Redundant, LAMPS and flowlets: who carries copies, and who keeps to a path."""

from __future__ import annotations

import pytest
from stubbing import MSS, ask, carry, packet, path

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.schedulers.flowlet import Flowlet
from mpsim.tunnel.schedulers.lamps import Lamps, loss, transfer_time
from mpsim.tunnel.schedulers.redundant import Redundant


def test_redundant_takes_every_path() -> None:
    assert ask(Redundant(), [path(0), path(1), path(2)]) == [0, 1, 2]


def test_a_copy_waits_on_a_full_path_but_not_for_ever() -> None:
    paths = [path(0, cwnd=100), path(1, in_flight=10)]
    scheduler = Redundant(queue=3 * MSS)
    assert [carry(scheduler, paths) for _ in range(5)] == [[0, 1]] * 3 + [[0]] * 2
    paths[1].queued_bytes = 0
    assert ask(scheduler, paths) == [0, 1]


def test_redundant_waits_if_no_path_is_open() -> None:
    assert ask(Redundant(), [path(0, in_flight=10), path(1, in_flight=10)]) == []


def lossy(index: int, srtt: float, packets: float, *, in_flight: int = 0) -> StubPath:
    """A path that loses one of so many packets."""
    return path(index, srtt=srtt, in_flight=in_flight, last_loss=0.0, loss_interval=int(packets * MSS))


def test_lamps_lengthens_a_path_s_time_by_its_losses() -> None:
    assert transfer_time(path(0, srtt=0.1)) == pytest.approx(0.05)
    one = lossy(0, 0.1, 10)
    assert loss(one) == pytest.approx(0.1)
    assert transfer_time(one) == pytest.approx(0.05 * 1.1 / 0.9)
    assert loss(lossy(0, 0.1, 0.5)) == 1.0
    assert transfer_time(lossy(0, 0.1, 0.5)) == float("inf")


def test_lamps_believes_the_ratio_if_episodes_hide_losses() -> None:
    one = lossy(0, 0.1, 100)
    one.loss_ratio = 0.04
    assert loss(one) == 0.04


def test_lamps_takes_the_least_time_not_the_least_srtt() -> None:
    # 100 ms * 1.04 / 0.96 = 108.3 ms
    paths = [lossy(0, 0.1, 25), path(1, srtt=0.108), path(2, srtt=0.109)]
    assert ask(Lamps(), paths) == [1]
    paths[1].srtt = 0.1084
    assert ask(Lamps(), paths) == [0]


def test_lamps_lets_a_lossy_path_carry_copies() -> None:
    paths = [lossy(0, 0.02, 19), path(1, srtt=0.1, cwnd=2)]
    assert [carry(Lamps(), paths) for _ in range(3)] == [[1, 0], [1, 0], []]
    paths[0].loss_interval = 20 * MSS  # 5 % is not more than 5 %
    assert ask(Lamps(), paths) == [0]


def test_lamps_with_lossy_paths_only_is_redundant() -> None:
    paths = [lossy(0, 0.02, 10), lossy(1, 0.1, 10, in_flight=9)]
    assert [carry(Lamps(), paths) for _ in range(2)] == [[0, 1], [0]]


def test_a_flow_keeps_its_path_until_it_pauses() -> None:
    paths = [path(0, srtt=0.02, cwnd=100), path(1, srtt=0.1, cwnd=100)]
    scheduler = Flowlet()
    assert scheduler.pause(paths) == pytest.approx(0.045)  # 50 ms - 10 ms, and 5 ms
    paths[1].rttvar = 0.003
    assert scheduler.pause(paths) == pytest.approx(0.051)
    paths[1].rttvar = 0.0
    assert carry(scheduler, paths, 0.0) == [0]
    paths[0].bytes_in_flight = 60 * MSS  # now the other one is better
    paths[0].srtt, paths[1].srtt, paths[1].min_rtt = 0.1, 0.02, 0.02
    for step in range(1, 30):
        assert carry(scheduler, paths, 0.044 * step) == [0]
    assert carry(scheduler, paths, 0.044 * 29 + 0.046) == [1]


def test_each_flow_has_flowlets_of_its_own() -> None:
    paths = [path(0, delivery_rate=8e6, cwnd=100), path(1, delivery_rate=8e6, cwnd=100)]
    scheduler = Flowlet()
    assert [carry(scheduler, paths, 0.0, packet(flow))[0] for flow in "abcd"] == [0, 1, 0, 1]
    assert [carry(scheduler, paths, 0.001, packet(flow))[0] for flow in "dcba"] == [1, 0, 1, 0]


def test_a_fixed_pause() -> None:
    paths = [path(0, srtt=0.2), path(1, srtt=0.02)]
    assert Flowlet(gap=0.05).pause(paths) == 0.05


def test_a_flow_does_not_overtake_what_still_waits_on_its_path() -> None:
    paths = [path(0, srtt=0.02, in_flight=10), path(1, srtt=0.02, in_flight=11)]
    scheduler = Flowlet()
    assert carry(scheduler, paths, 0.0) == [0]
    paths[1].bytes_in_flight = 0
    assert ask(scheduler, paths, 1.0) == [0]
    paths[0].queued_bytes = 0
    assert ask(scheduler, paths, 2.1) == [1]


def test_a_flow_whose_path_is_lost_goes_on_at_once() -> None:
    paths = [path(0), path(1, srtt=0.1)]
    scheduler = Flowlet()
    assert carry(scheduler, paths) == [0]
    assert carry(scheduler, paths[1:], 0.001) == [1]
    assert carry(scheduler, paths, 0.002) == [1]


def test_a_flow_waits_on_its_own_path_and_then_all_wait() -> None:
    one = path(0, in_flight=10)
    scheduler = Flowlet(queue=2 * MSS)
    assert [carry(scheduler, [one]) for _ in range(3)] == [[0], [0], []]
