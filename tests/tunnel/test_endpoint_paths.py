"""Paths of an endpoint that come, go, fall silent and have metrics."""

from __future__ import annotations

import pytest
from pairing import Pair, cut, data_of, ready

ROUND_ROBIN = {"scheduler": "round-robin", "congestion": "none"}


def test_a_silent_path_is_left_and_taken_again() -> None:
    pair = ready(0.01, 0.01)
    pair.loses = cut(1)
    begin = pair.now
    gone = None
    for number in range(600):
        pair.send(number)
        pair.run(pair.now + 0.005)
        if gone is None and not pair.local.paths[1].up:
            gone = pair.now - begin
    assert gone == pytest.approx(0.4, abs=0.06)  # 400 ms without a proof of life
    assert pair.local.paths[0].up
    pair.run(pair.now + 0.5)
    # What was on its way when the path died is lost; from then on nothing is.
    missing = set(range(600)) - set(pair.payloads("remote"))
    assert missing
    assert max(missing) < 0.5 / 0.005
    pair.loses = cut()
    pair.run(pair.now + 0.5)
    assert pair.local.paths[1].up
    before = len(data_of(pair.carried, "local"))
    pair.send(*range(1000, 1020))
    pair.run(pair.now + 1.0)
    assert {datagram.path for datagram in data_of(pair.carried, "local")[before:]} == {0, 1}


def test_an_idle_path_that_dies_is_noticed_in_a_while() -> None:
    pair = ready(0.01, 0.01)
    pair.loses = cut(1)
    pair.run(pair.now + 6.0)
    assert [path.up for path in pair.local.paths] == [True, False]
    assert [path.up for path in pair.remote.paths] == [True, False]


def test_a_path_without_carrier_is_left_at_once() -> None:
    pair = ready(0.01, 0.01, tunnel=ROUND_ROBIN)
    pair.send(*range(4))
    pair.local.on_path_unavailable(1, pair.now)
    assert [path.up for path in pair.local.paths] == [True, False]
    assert pair.local.abandoned_packets == 2  # those in flight on it; they may still arrive
    before = len(pair.carried)
    pair.send(*range(4, 8))
    assert {datagram.path for datagram in data_of(pair.carried[before:], "local")} == {0}
    pair.run(pair.now + 1.0)
    assert not pair.local.paths[1].up
    pair.local.on_path_available(1, pair.now)
    pair.run(pair.now + 0.1)
    assert pair.local.paths[1].up


def test_when_every_path_is_gone_packets_wait() -> None:
    pair = ready(0.01, 0.01)
    pair.loses = cut(0, 1)
    pair.send("lost", "lost too")
    pair.run(pair.now + 2.0)
    assert not any(path.up for path in pair.local.paths)
    pair.send(1, 2)
    pair.loses = cut()
    pair.run(pair.now + 2.0)
    assert pair.payloads("remote") == [1, 2]


def test_the_lowest_metric_that_is_up_carries_everything() -> None:
    pair = Pair(0.01, 0.03)
    for end in pair.ends.values():
        end.paths[1].metric = 10
    pair.run(1.0)
    pair.send(*range(20))
    pair.run(2.0)
    assert {datagram.path for datagram in data_of(pair.carried, "local")} == {0}
    pair.local.on_path_unavailable(0, pair.now)
    pair.send(*range(20, 40))
    pair.run(3.0)
    assert pair.payloads("remote") == list(range(40))
    assert {datagram.path for datagram in data_of(pair.carried, "local")[20:]} == {1}


def test_a_near_path_of_a_high_metric_is_not_used_while_others_come_up() -> None:
    pair = Pair(0.2, 0.001)
    for end in pair.ends.values():
        end.paths[1].metric = 10
    pair.send(*range(20))
    pair.run(2.0)
    assert pair.payloads("remote") == list(range(20))
    assert {datagram.path for datagram in data_of(pair.carried, "local")} == {0}


def test_a_high_metric_is_used_when_the_others_do_not_come_up() -> None:
    pair = Pair(0.01, 0.01, loses=cut(0))
    for end in pair.ends.values():
        end.paths[1].metric = 10
    pair.send(*range(20))
    pair.run(1.0)
    assert pair.payloads("remote") == list(range(20))


def test_what_may_work_again_is_probed_often() -> None:
    pair = ready(0.01)
    pair.loses = lambda *_: True
    pair.send(0)
    pair.run(pair.now + 100.0)
    assert not pair.local.paths[0].up
    pair.local.on_path_unavailable(0, pair.now)
    pair.local.on_path_available(0, pair.now)
    pair.carried.clear()
    pair.run(pair.now + 1.1)
    assert sum(side == "local" for side, _ in pair.carried) == 6  # after a minute it had been one a second
