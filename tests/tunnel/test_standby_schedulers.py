"""What the schedulers decide that keep to one path: active-backup, ecmp, overflow."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import Scheduler
from mpsim.tunnel.schedulers.active_backup import ActiveBackup
from mpsim.tunnel.schedulers.ecmp import Ecmp
from mpsim.tunnel.schedulers.overflow import Overflow

MSS = 1000


def path(index: int, metric: int = 0, *, full: bool = False) -> StubPath:
    one = StubPath(index, Random(index))
    one.metric, one.cwnd, one.bytes_in_flight = metric, 10.0 * MSS, 10 * MSS if full else 0
    return one


def packet(flow: object = 0, entered: float = 0.0) -> Packet:
    made = Packet(MSS, flow, None)
    made.entered = entered
    return made


def index_of(scheduler: Scheduler, paths: list[StubPath], now: float, of: Packet | None = None) -> int | None:
    one = scheduler.select(of or packet(), paths, now)
    assert one is None or isinstance(one, StubPath)
    return None if one is None else one.index


def test_active_backup_takes_the_lowest_metric_then_the_first() -> None:
    paths = [path(0, 5), path(1, 1), path(2, 1)]
    assert index_of(ActiveBackup(), paths, 0.0) == 1


def test_active_backup_waits_for_a_full_window_and_changes_for_a_lost_path() -> None:
    scheduler = ActiveBackup()
    first, second = path(0, full=True), path(1)
    assert index_of(scheduler, [first, second], 0.0) is None
    assert index_of(scheduler, [second], 0.1) == 1


def test_active_backup_goes_back_after_the_hold() -> None:
    scheduler = ActiveBackup(hold=2.0)
    first, second = path(0), path(1, 1)
    assert index_of(scheduler, [first, second], 0.0) == 0
    assert index_of(scheduler, [second], 1.0) == 1
    assert index_of(scheduler, [first, second], 3.0) == 1
    assert index_of(scheduler, [first, second], 4.9) == 1
    assert index_of(scheduler, [first, second], 5.0) == 0


def test_a_path_that_comes_and_goes_does_not_take_the_flows_with_it() -> None:
    scheduler = ActiveBackup(hold=1.0)
    first, second = path(0), path(1)
    index_of(scheduler, [first, second], 0.0)
    for step in range(1, 20):
        assert index_of(scheduler, [second] if step % 2 else [first, second], step * 0.6) == 1


def test_active_backup_does_not_hold_back_the_last_path() -> None:
    scheduler = ActiveBackup()
    first, second = path(0), path(1)
    index_of(scheduler, [first, second], 0.0)
    index_of(scheduler, [second], 1.0)
    assert index_of(scheduler, [first], 1.1) == 0


def test_a_path_that_was_never_lost_need_not_prove_itself() -> None:
    scheduler = ActiveBackup()
    assert index_of(scheduler, [path(1, 1)], 0.0) == 1
    assert index_of(scheduler, [path(0), path(1, 1)], 0.01) == 0


def test_ecmp_keeps_a_flow_on_its_path_and_spreads_many() -> None:
    paths = [path(0), path(1), path(2)]
    found = [index_of(Ecmp(), paths, 0.0, packet(flow)) for flow in range(300)]
    assert found == [index_of(Ecmp(), paths, 1.0, packet(flow)) for flow in range(300)]
    counts = Counter(found)
    assert all(70 <= counts[index] <= 130 for index in range(3))


def test_ecmp_is_the_same_in_every_process() -> None:
    flows = [(6, bytes([10, 0, 0, 1, number])) for number in range(16)]
    paths = [path(0), path(1)]
    found = [index_of(Ecmp(), paths, 0.0, packet(flow)) for flow in flows]
    assert found == [int(bit) for bit in "0010000000100010"]


def test_ecmp_by_weight() -> None:
    scheduler = Ecmp(weights=[1, 3])
    counts = Counter(index_of(scheduler, [path(0), path(1)], 0.0, packet(flow)) for flow in range(400))
    assert counts[0] == pytest.approx(100, abs=30)
    assert index_of(Ecmp(weights=[0, 1]), [path(0), path(1)], 0.0) == 1


def test_ecmp_moves_the_flows_of_a_lost_path_only_to_those_up() -> None:
    assert {index_of(Ecmp(), [path(2)], 0.0, packet(flow)) for flow in range(20)} == {2}


def test_a_flow_waits_on_its_own_path_and_not_for_ever() -> None:
    scheduler = Ecmp(queue=2 * MSS)
    only = path(0, full=True)
    assert index_of(scheduler, [only], 0.0) == 0  # queues there; the other flows go on
    only.queued_bytes = 2 * MSS
    assert index_of(scheduler, [only], 0.0) is None


def test_overflow_keeps_to_the_lowest_metric_while_it_has_room() -> None:
    scheduler = Overflow()
    assert index_of(scheduler, [path(0, 1), path(1), path(2)], 9.0) == 1


def test_overflow_goes_up_only_for_a_packet_that_has_waited() -> None:
    scheduler = Overflow(patience=0.01)
    paths = [path(0, full=True), path(1, 1)]
    assert index_of(scheduler, paths, 2.005, packet(entered=2.0)) is None
    assert scheduler.next_timeout() == pytest.approx(2.01)
    assert index_of(scheduler, paths, 2.0101, packet(entered=2.0)) == 1
    assert scheduler.next_timeout() is None


def test_overflow_is_more_patient_before_each_higher_metric() -> None:
    scheduler = Overflow(patience=0.01)
    paths = [path(0, full=True), path(1, 1, full=True), path(2, 7)]
    assert index_of(scheduler, paths, 0.015) is None
    assert index_of(scheduler, paths, 0.025) == 2


def test_overflow_does_not_wait_for_paths_that_are_down() -> None:
    assert index_of(Overflow(), [path(1, 1)], 0.0) == 1
