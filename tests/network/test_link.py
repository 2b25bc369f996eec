"""A link's departures by hand, its queue, its changes while it runs, and that it never loses count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.network.link import Link, bandwidth_delay_product
from mpsim.network.rate import ConstantRate, TraceRate

MEGABYTE = 8e6  # bit/s: a byte takes a microsecond
FAR = 1e6


def link(rate: float = MEGABYTE, **more: Any) -> Link:
    return Link(ConstantRate(rate), **more)


def arrivals(wire: Link, until: float = FAR) -> list[tuple[float, Any]]:
    """Take all arrivals, each at the time that the link itself names."""
    seen = []
    while (at := wire.next_timeout()) is not None and at <= until:
        seen += [(pytest.approx(at, abs=1e-12), packet) for packet in wire.arrivals(at)]
    return seen


def test_departures_follow_each_other() -> None:
    wire = link(delay=0.010)
    assert wire.next_timeout() is None
    for packet, size, at in (("a", 1000, 0.0), ("b", 500, 0.0), ("c", 1500, 0.0005), ("d", 100, 5.0)):
        assert wire.send(packet, size, at)
    assert arrivals(wire) == [(0.011, "a"), (0.0115, "b"), (0.013, "c"), (5.0101, "d")]
    assert wire.queue_delays == pytest.approx([0.0, 0.001, 0.001, 0.0])
    assert (wire.delivered_packets, wire.delivered_bytes) == (4, 3100)


def test_nothing_arrives_early_and_order_is_kept() -> None:
    wire = link(delay=0.010)
    wire.send("a", 1000, 0.0)
    wire.send("b", 1000, 0.0)
    assert wire.arrivals(0.0109) == []
    assert wire.arrivals(0.0121) == ["a", "b"]


def test_queue_in_packets_does_not_count_the_one_in_transmission() -> None:
    wire = link(queue_packets=2)
    assert [wire.send(number, 1000, 0.0) for number in range(5)] == [True, True, True, False, False]
    assert wire.drops["queue"] == 2
    assert wire.queue_bytes(0.0005) == 3000
    assert not wire.send("full", 1000, 0.0009)
    assert wire.send("room", 1000, 0.001)  # the first has just left
    assert wire.queue_bytes(0.0025) == 2000


def test_queue_in_bytes() -> None:
    wire = link(queue_bytes=1500)
    assert wire.send("in transmission", 1500, 0.0)
    assert wire.send("a", 1000, 0.0)
    assert not wire.send("too long", 501, 0.0)
    assert wire.send("fits", 500, 0.0)
    assert not wire.send("full", 1, 0.0)
    assert wire.send("room", 1000, 0.0016)  # "a" is in transmission now, 500 bytes wait
    assert not wire.send("full again", 1, 0.0016)
    assert wire.drops == {"queue": 3, "loss": 0, "down": 0}


def test_a_rate_that_changes_in_the_middle_of_a_packet() -> None:
    wire = link()
    wire.send("a", 1000, 0.0)
    wire.send("b", 1000, 0.0)
    wire.set_rate(ConstantRate(MEGABYTE / 2), 0.0005)
    # Half of "a" has left; 500 bytes at 2 us each, then 1000.
    assert arrivals(wire) == [(0.0015, "a"), (0.0035, "b")]
    wire.send("c", 1000, 1.0)
    wire.set_rate(ConstantRate(2 * MEGABYTE), 1.001)
    assert arrivals(wire) == [(1.00125, "c")]


def test_what_has_left_is_not_touched_by_a_new_rate() -> None:
    wire = link(delay=0.1)
    wire.send("a", 1000, 0.0)
    wire.set_rate(ConstantRate(MEGABYTE / 1000), 0.05)
    assert arrivals(wire) == [(0.101, "a")]


def test_a_shorter_delay_lets_nothing_overtake() -> None:
    wire = link(delay=0.100)
    wire.send("a", 1000, 0.0)
    wire.set_delay(0.010)
    wire.send("b", 1000, 0.001)
    wire.send("c", 1000, 0.200)
    assert arrivals(wire) == [(0.101, "a"), (0.101, "b"), (0.211, "c")]


def test_a_link_that_is_cut_loses_its_queue_and_what_is_in_flight() -> None:
    wire = link(delay=0.010)
    for number in range(3):
        wire.send(number, 1000, 0.0)
    assert wire.arrivals(0.011) == [0]
    wire.set_up(False, 0.0115)
    assert wire.next_timeout() is None
    assert wire.drops["down"] == 2
    assert not wire.send("while down", 1000, 0.5)
    assert wire.drops["down"] == 3
    assert wire.queue_bytes(0.5) == 0
    wire.set_up(True, 1.0)
    assert wire.send("later", 1000, 1.0)
    assert arrivals(wire) == [(1.011, "later")]
    assert wire.offered_packets == 5


def test_to_say_the_same_twice_changes_nothing() -> None:
    wire = link(delay=0.010)
    wire.send("a", 1000, 0.0)
    wire.set_up(True, 0.005)
    assert arrivals(wire) == [(0.011, "a")]


def test_capacity_knows_changes_and_outages() -> None:
    wire = link(MEGABYTE)
    assert wire.capacity_bits(0.0, 10.0) == pytest.approx(10 * MEGABYTE)
    wire.set_rate(ConstantRate(2 * MEGABYTE), 4.0)
    wire.set_up(False, 6.0)
    wire.set_up(True, 9.0)
    assert wire.capacity_bits(0.0, 10.0) == pytest.approx((4 + 2 * 2 + 0 + 2) * MEGABYTE)
    assert wire.capacity_bits(5.0, 7.0) == pytest.approx(2 * MEGABYTE)
    assert wire.capacity_bits(6.5, 8.0) == 0


def test_a_rate_changed_while_down_counts_from_the_way_up() -> None:
    wire = link(MEGABYTE)
    wire.set_up(False, 1.0)
    wire.set_rate(ConstantRate(2 * MEGABYTE), 2.0)
    wire.set_up(True, 3.0)
    assert wire.capacity_bits(0.0, 4.0) == pytest.approx(3 * MEGABYTE)


class EverySecond:
    """Loses every second packet."""

    def __init__(self) -> None:
        self.count = 0

    def loses(self) -> bool:
        self.count += 1
        return self.count % 2 == 0


def test_a_lost_packet_has_used_the_link() -> None:
    wire = link(loss=EverySecond())
    for number in range(4):
        assert wire.send(number, 1000, 0.0)
    assert arrivals(wire) == [(0.001, 0), (0.003, 2)]
    assert wire.drops["loss"] == 2
    wire.set_loss(None)
    wire.send("sure", 1000, 1.0)
    assert arrivals(wire) == [(1.001, "sure")]


@given(
    packets=st.lists(st.tuples(st.floats(0, 0.01), st.integers(40, 1500)), min_size=1, max_size=60),
    limit=st.integers(1, 10),
)
def test_departures_are_those_of_the_recursion(packets: list[tuple[float, int]], limit: int) -> None:
    """Lindley: a packet begins when it comes or when the one before it has left, whichever is later."""
    wire = link(queue_packets=limit)
    now, left = 0.0, []
    expected = []
    for gap, size in packets:
        now += gap
        waiting = [at for at in left if at > now]
        accepted = len(waiting) <= limit
        assert wire.send(len(expected), size, now) == accepted
        if accepted:
            left.append(max(now, left[-1] if left else 0.0) + size * 8 / MEGABYTE)
            expected.append((left[-1], len(expected)))
    assert arrivals(wire) == [(pytest.approx(at, abs=1e-9), number) for at, number in expected]


def _random_steps(wire: Link, now: float) -> dict[int, Callable[[int], object]]:
    return {
        0: lambda value: wire.send(value, 40 + value % 1400, now),
        1: lambda value: wire.send(value, 1500, now),
        2: lambda _: wire.arrivals(now),
        3: lambda value: wire.set_rate(ConstantRate(1e4 * (value + 1)), now),
        4: lambda value: wire.set_delay(value / 1e4),
        5: lambda value: wire.set_up(value % 3 > 0, now),
    }


@given(
    steps=st.lists(st.tuples(st.floats(0, 0.05), st.integers(0, 5), st.integers(0, 999)), max_size=80),
    limits=st.sampled_from([{}, {"queue_packets": 5}, {"queue_bytes": 6000}]),
    trace=st.booleans(),
)
def test_no_packet_is_ever_miscounted(steps: list[tuple[float, int, int]], limits: dict[str, int], trace: bool) -> None:
    rate = TraceRate([0.001, 0.002, 0.010, 0.011]) if trace else ConstantRate(1e6)
    wire = Link(rate, delay=0.005, loss=EverySecond(), **limits)
    now, offered = 0.0, 0
    for gap, what, value in steps:
        now += gap
        offered += what in {0, 1}
        _random_steps(wire, now)[what](value)
        assert wire.up or wire.next_timeout() is None
        assert wire.queue_bytes(now) >= 0
        assert wire.offered_packets == offered
    wire.arrivals(FAR)
    assert wire.next_timeout() is None
    assert wire.delivered_packets + sum(wire.drops.values()) == offered


def test_bandwidth_delay_product() -> None:
    assert bandwidth_delay_product(16e6, 0.040) == 80_000
    assert bandwidth_delay_product(1.0, 0.0) == 1
