"""Multipath TCP's end hosts: order, flow control, reinjection, and what coupling is for."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multipathing import MSS, Multipath, Net, share_against_tcp

from mpsim.hosts.mptcp.subflow import MOST_RTO
from mpsim.network.link import Link
from mpsim.network.loss import Bernoulli
from mpsim.network.rate import ConstantRate

MBIT = 1e6


def link(rate: float = 8 * MBIT, delay: float = 0.01, *, loss: float = 0.0, packets: int = 100, seed: int = 1) -> Link:
    chance = Bernoulli(loss, Random(seed)) if loss else None
    return Link(ConstantRate(rate), delay=delay, queue_packets=packets, loss=chance)


@pytest.mark.parametrize("total", [1, MSS, 10 * MSS + 1, 1_000_000])
def test_a_transfer_arrives_whole_and_ends(total: int) -> None:
    net = Net([link(), link(delay=0.03)])
    connection = Multipath(net, [0, 1], total_bytes=total)
    net.clock.run_until(20)
    assert connection.receiver.delivered_bytes == total
    assert connection.sender.done
    assert connection.receiver.duplicates == 0


def test_the_others_join_once_the_first_subflow_is_there() -> None:
    net = Net([link(), link()])
    connection = Multipath(net, [0, 1])
    net.clock.run_until(0.015)
    assert [one.tcp.connected for one in connection.sender.subflows] == [False, False]
    net.clock.run_until(0.025)
    assert [one.tcp.connected for one in connection.sender.subflows] == [True, False]
    net.clock.run_until(0.1)
    assert all(one.up for one in connection.sender.subflows)


@settings(max_examples=15)
@given(
    losses=st.lists(st.sampled_from([0.0, 0.01, 0.1]), min_size=1, max_size=3),
    scheduler=st.sampled_from(["min-rtt", "greedy", "round-robin"]),
    window=st.sampled_from([4 * MSS, 32 * MSS, 1000 * MSS]),
    cut=st.one_of(st.none(), st.floats(0.05, 1.0)),
    seed=st.integers(0, 1000),
)
def test_whatever_happens_everything_arrives_once_and_in_order(
    losses: list[float], scheduler: str, window: int, cut: float | None, seed: int
) -> None:
    net = Net([link(loss=loss, delay=0.01 * (2 * number + 1), seed=seed) for number, loss in enumerate(losses)])
    connection = Multipath(net, range(len(losses)), scheduler=scheduler, receive_window=window, total_bytes=300_000)
    if cut is not None:
        net.cut(0, False, cut)
        net.cut(0, True, cut + 2)
    net.clock.run_until(120)
    assert connection.sender.done
    assert connection.receiver.delivered_bytes == 300_000
    assert connection.sender.unacknowledged() == 0


def test_no_more_is_sent_than_the_receiver_has_room_for() -> None:
    window = 20
    net = Net([link(delay=0.2), link(16 * MBIT, delay=0.005)])
    connection = Multipath(net, [0, 1], receive_window=window * MSS)
    beyond = 0
    for step in range(1, 400):
        net.clock.run_until(step * 0.01)
        sender = connection.sender
        beyond = max(beyond, sender._next - connection.receiver.expected)
    assert beyond == window


def test_what_a_silent_subflow_carried_goes_over_the_other() -> None:
    net = Net([link(), link()])
    connection = Multipath(net, [0, 1])
    net.cut(0, False, 5.0)
    net.clock.run_until(7.0)
    stale, other = connection.sender.subflows
    assert stale.stale
    assert not stale.up
    assert other.reinjected > 0
    before = connection.receiver.delivered_bytes
    net.clock.run_until(15.0)
    assert (connection.receiver.delivered_bytes - before) * 8 / 8 == pytest.approx(0.952 * 8 * MBIT, rel=0.02)


def test_a_link_that_returns_is_noticed_within_the_capped_back_off() -> None:
    net = Net([link(), link()])
    connection = Multipath(net, [0, 1])
    net.cut(0, False, 5.0)
    net.cut(0, True, 15.0)
    net.clock.run_until(15.0)
    assert connection.sender.subflows[0].stale
    net.clock.run_until(15.0 + MOST_RTO + 0.1)
    assert connection.sender.subflows[0].up


def test_a_lost_carrier_is_acted_upon_at_once() -> None:
    net = Net([link(), link()])
    connection = Multipath(net, [0, 1])
    net.clock.run_until(5.0)
    sender, station = connection.sender, connection.station
    net.cut(0, False, 5.0)
    sender.on_path_unavailable(0, 5.0)
    station.flush(5.0)
    net.clock.run_until(5.3)
    assert sender.subflows[1].reinjected > 0
    assert sender.subflows[0].tcp.timeouts == 0
    net.cut(0, True, 6.0)
    net.clock.run_until(6.0)
    sender.on_path_available(0, 6.0)
    station.flush(6.0)
    net.clock.run_until(6.05)
    assert sender.subflows[0].up


def test_an_idle_subflow_is_up_as_soon_as_its_carrier_is_back() -> None:
    net = Net([link(), link()])
    connection = Multipath(net, [0, 1], total_bytes=10_000)
    net.clock.run_until(5.0)
    sender = connection.sender
    assert sender.done
    sender.on_path_unavailable(1, 5.0)
    assert not sender.subflows[1].up
    sender.on_path_available(1, 6.0)
    assert sender.subflows[1].up


def test_a_return_that_nobody_lost_changes_nothing() -> None:
    net = Net([link(), link()])
    connection = Multipath(net, [0, 1])
    net.clock.run_until(2.0)
    due = connection.sender.next_timeout()
    connection.sender.on_path_available(0, 2.0)
    assert connection.sender.next_timeout() == due


def goodput(connection: Multipath, net: Net, begin: float, end: float) -> float:
    net.clock.run_until(begin)
    before = connection.receiver.delivered_bytes
    net.clock.run_until(end)
    return (connection.receiver.delivered_bytes - before) * 8 / (end - begin)


def test_a_slow_link_blocks_a_small_window_and_relief_helps() -> None:
    def rate(*, opportunistic: bool) -> float:
        net = Net([link(16 * MBIT), link(1 * MBIT, delay=0.2)])
        connection = Multipath(net, [0, 1], receive_window=512 * 1024)
        if not opportunistic:
            connection.sender.relief = None
        return goodput(connection, net, 5, 20)

    blocked, relieved = rate(opportunistic=False), rate(opportunistic=True)
    assert blocked < 0.5 * 16 * MBIT  # worse than the fast link alone
    assert relieved > 0.8 * 16 * MBIT


def test_relief_slows_the_holder_at_most_once_a_round_trip() -> None:
    net = Net([link(16 * MBIT), link(1 * MBIT, delay=0.2)])
    connection = Multipath(net, [0, 1], receive_window=256 * 1024)
    net.clock.run_until(10)
    relief = connection.sender.relief
    assert relief is not None
    assert relief.retransmissions > 0
    assert 0 < relief.penalties <= 10 / 0.02


def over_one_bottleneck(congestion: str) -> float:
    """Two subflows against one TCP over the same link: how many times its rate they take."""
    return share_against_tcp(link(10 * MBIT, delay=0.02, packets=60), congestion, until=60)


def test_coupled_subflows_take_as_much_of_a_bottleneck_as_one_tcp() -> None:
    # The phases of deterministic drop-tail queues move it by a third.
    assert over_one_bottleneck("lia") == pytest.approx(1.0, abs=0.4)


def test_uncoupled_subflows_take_one_share_each() -> None:
    assert over_one_bottleneck("newreno") == pytest.approx(2.0, abs=0.6)


def test_backup_subflows_wait_for_the_others_to_fail() -> None:
    net = Net([link(), link()])
    connection = Multipath(net, [0, 1])
    connection.sender.subflows[1].metric = 1
    net.cut(0, False, 3.0)
    net.cut(0, True, 6.0)
    net.clock.run_until(3.0)
    backup = connection.sender.subflows[1].tcp
    assert backup.sent_segments == 0
    net.clock.run_until(6.0)
    taken = backup.sent_segments
    assert taken > 1000
    net.clock.run_until(8.0)
    given_back = backup.sent_segments
    net.clock.run_until(10.0)
    assert backup.sent_segments == given_back
