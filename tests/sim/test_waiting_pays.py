"""What BLEST, ECF, OTIAS and DAPS are for: paths of 10 and 100 ms beside each other."""

from __future__ import annotations

import pytest
from multipathing import MSS, Multipath, Net
from simulating import link, simulate, tcp

from mpsim.hosts.echo import Written
from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate
from mpsim.registry import Spec
from mpsim.tunnel.congestion import AckSample, CongestionController

MBIT = 1e6
LONG = 30.0  # s


def unequal(near: float, far: float, *delays: float) -> Net:
    """A near and a far link, of 10 and 100 ms if nothing else is said."""
    return Net(
        [
            Link(ConstantRate(rate), delay=delay, queue_packets=100)
            for rate, delay in zip((near, far), delays or (0.01, 0.1), strict=True)
        ]
    )


def until_delivered(net: Net, connection: Multipath, total: int, begin: float) -> float:
    """Return how long it takes until so many bytes have been delivered (s)."""
    now = begin
    while connection.receiver.delivered_bytes < total:
        now += 0.001
        assert now < begin + LONG
        net.clock.run_until(now)
    return now - begin


def transfer(scheduler: str, total: int, window: int) -> float:
    net = unequal(25 * MBIT, 5 * MBIT)
    connection = Multipath(net, [0, 1], scheduler=scheduler, receive_window=window, total_bytes=total)
    return until_delivered(net, connection, total, 0.0)


def request(scheduler: str, size: int) -> float:
    """Return how long a message takes over a connection that is there and idle."""
    net = unequal(16 * MBIT, 4 * MBIT)
    written = Written()
    connection = Multipath(net, [0, 1], scheduler=scheduler, source=written)
    net.clock.run_until(1.0)
    written.available = size
    connection.sender.push(1.0)
    connection.station.flush(1.0)
    return until_delivered(net, connection, size, 1.0)


@pytest.mark.parametrize("scheduler", ["blest", "ecf"])
def test_a_message_does_not_wait_for_its_end_on_the_far_path(scheduler: str) -> None:
    """Ten segments fit into the near path's window; the lowest round-trip time first sends the rest by the far one."""
    assert request("min-rtt", 50_000) > 0.11
    assert request(scheduler, 50_000) < 0.06


@pytest.mark.parametrize("scheduler", ["blest", "ecf"])
def test_a_transfer_is_not_blocked_by_the_far_path_s_segments(scheduler: str) -> None:
    """The receive window is what 30 Mbit/s need for 70 ms, and a segment of the far path stays for 100 and more."""
    assert transfer(scheduler, 2_000_000, 256 << 10) < 0.93 * transfer("min-rtt", 2_000_000, 256 << 10)


@pytest.mark.parametrize("scheduler", ["blest", "ecf"])
@pytest.mark.parametrize("rates", [("25Mbit", "5Mbit"), ("8Mbit", "8Mbit")], ids="+".join)
def test_in_a_tunnel_as_well(rates: tuple[str, str], scheduler: str) -> None:
    times = {}
    for name in (scheduler, "min-rtt"):
        result = simulate(
            [link(rates[0], "10ms"), link(rates[1], "100ms", "b")],
            tcp(bytes="2MB"),
            tunnel={"scheduler": name},
            warmup="0s",
            duration="6s",
        )
        times[name] = result.flow("tcp")["completion_s"]
    assert times[scheduler] < times["min-rtt"]


class Fixed(CongestionController):
    """A window of twenty packets."""

    name = "fixed"

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = self.ssthresh = 20.0 * mss

    def on_acked(self, sample: AckSample) -> None:
        """It stays."""


def held(scheduler: Spec) -> tuple[int, int]:
    """Return how many chunks came out of order, and how many at most waited for one before them, in two seconds.

    Windows leave at once and come back so, as the schedule has it: the links are far from being full.
    """
    net = unequal(1e9, 1e9, 0.008, 0.032)
    connection = Multipath(net, [0, 1], scheduler=scheduler, congestion=Fixed)
    net.clock.run_until(1.0)
    receiver = connection.receiver
    before, bytes_before, receiver.most_held = receiver.out_of_order, receiver.delivered_bytes, 0
    net.clock.run_until(3.0)
    # Windows of twenty each 16 and 64 ms
    assert receiver.delivered_bytes - bytes_before == pytest.approx(20 * MSS * (2 / 0.016 + 2 / 0.064), rel=0.02)
    return receiver.out_of_order - before, receiver.most_held


def test_on_constant_links_what_daps_plans_arrives_in_order() -> None:
    late, waiting = held("min-rtt")
    assert late > 500
    assert waiting == 40
    # The paper's plan has a window for each forward delay, so that the far path's come too early.
    assert held("daps")[1] <= waiting / 2
    assert held({"name": "daps", "ack_clocked": True}) == (0, 0)


def test_otias_holds_less_than_the_lowest_round_trip_time_first() -> None:
    assert held("otias")[1] <= held("min-rtt")[1] / 2
