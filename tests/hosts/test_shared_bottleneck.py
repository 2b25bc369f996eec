"""Coupled subflows over one bottleneck against one TCP, and over two paths of which one is better.

The bottleneck drops at random, and earlier the longer its queue (RED, as in the papers' testbeds): where a
drop-tail queue overflows all flows lose at once, and the answer depends on phases (see test_mptcp.py).
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from multipathing import Multipath, Net, share_against_tcp

from mpsim.network.link import Link
from mpsim.network.loss import Bernoulli
from mpsim.network.rate import ConstantRate

COUPLED = ["lia", "olia", "balia"]
BIT = 8


class RandomEarlyDrop(Link):
    """Drops with a probability that rises with the mean queue (Floyd and Jacobson, ToN 1993).

    Parameters
        rate: bit/s
        delay: one way, s
        seed: of its own stream
    """

    FIRST, LAST, MOST = 5, 60, 0.03  # packets, packets, probability at LAST
    GAIN = 0.02  # of the mean, a packet

    __slots__ = ("_mean", "_random")

    def __init__(self, rate: float, delay: float, seed: int) -> None:
        super().__init__(ConstantRate(rate), delay=delay, queue_packets=200)
        self._random = Random(seed)
        self._mean = 0.0

    def send(self, packet: Any, size: int, now: float) -> bool:
        while self._departures and self._departures[0] <= now:
            self._departures.popleft()
        self._mean += self.GAIN * (len(self._departures) - self._mean)
        likely = self.MOST * (self._mean - self.FIRST) / (self.LAST - self.FIRST)
        if self._random.random() < likely:
            self.drops["queue"] += 1
            return False
        return super().send(packet, size, now)


def share(congestion: str, seed: int) -> float:
    """Two subflows against one TCP over the same link: how many times its rate they take."""
    return share_against_tcp(RandomEarlyDrop(6e6, 0.04, seed), congestion, until=110)


@pytest.mark.parametrize("congestion", COUPLED)
def test_coupled_subflows_take_one_share(congestion: str) -> None:
    assert 0.8 <= share(congestion, seed=1) <= 1.25


def test_uncoupled_subflows_take_one_share_each() -> None:
    assert share("newreno", seed=1) > 1.5


def over_unequal(congestion: str, losses: tuple[float, float]) -> tuple[float, float]:
    """Goodput of each subflow, bit/s, over two fast links of these losses and 50 ms there and back."""
    links = [
        Link(ConstantRate(100e6), delay=0.025, queue_packets=10_000, loss=Bernoulli(loss, Random(number)))
        for number, loss in enumerate(losses)
    ]
    net = Net(links)
    Multipath(net, [0, 1], congestion=congestion)
    net.clock.run_until(5)
    before = [link.delivered_bytes for link in links]
    net.clock.run_until(65)
    first, second = ((link.delivered_bytes - old) * BIT / 60 for link, old in zip(links, before, strict=True))
    return first, second


@pytest.mark.parametrize("congestion", COUPLED)
def test_of_unequal_paths_they_use_the_better_one(congestion: str) -> None:
    better, worse = over_unequal(congestion, (0.003, 0.015))
    assert better > 2.5 * worse
    # Together about what a TCP gets on the better one: sqrt(3 / 2) / (rtt sqrt(p)) packets/s (Mathis et al., CCR 1997).
    alone = (1.5 / 0.003) ** 0.5 / 0.05 * 1500 * BIT
    assert 0.75 * alone < better + worse < 1.3 * alone


def test_wvegas_fills_both_links_with_ten_packets_in_their_queues() -> None:
    links = [Link(ConstantRate(rate), delay=0.02, queue_packets=100) for rate in (8e6, 4e6)]
    net = Net(links)
    connection = Multipath(net, [0, 1], congestion="wvegas")
    net.clock.run_until(10)
    before = connection.receiver.delivered_bytes
    for link in links:
        link.queue_delays.clear()
    net.clock.run_until(30)
    goodput = (connection.receiver.delivered_bytes - before) * BIT / 20
    assert goodput > 0.93 * 12e6
    assert all(not sum(link.drops.values()) for link in links)
    waiting = [
        sum(link.queue_delays) / len(link.queue_delays) * rate / 1500 / BIT
        for link, rate in zip(links, (8e6, 4e6), strict=True)
    ]
    assert 3 < sum(waiting) < 12  # alpha is 10 in all; bursts and rounding to whole packets move it
    assert waiting[0] > waiting[1]  # the faster link has the larger share
