"""The simulated TCP obeys a pacing rate, and tells its congestion control the one-way delay."""

from __future__ import annotations

from itertools import pairwise

import pytest
from simulating import link, links, simulate, tcp
from talking import MSS, Talk

from mpsim.hosts.timers import Timers
from mpsim.tunnel.congestion import AckSample, CongestionController

RATE = 0.8e6  # bit/s: 100 segments a second


class Paced(CongestionController):
    """A large window at a constant rate.

    Parameters
        rate: pacing rate, bit/s
    """

    name = "paced"
    keeps_window = True

    def __init__(self, *, rate: float = RATE) -> None:
        self.rate = rate
        self.delays: list[float | None] = []

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = 1000.0 * mss
        self.pacing_rate = self.rate
        self.delays = []

    def on_acked(self, sample: AckSample) -> None:
        self.delays.append(sample.one_way_delay)


def test_segments_leave_two_by_two_at_the_rate() -> None:
    talk = Talk(None, congestion=Paced()).run(until=1.1)
    times = [time for time, index in talk.sent if index >= 0]
    assert len(times) == pytest.approx(100, abs=2)  # from 0.1 s on
    bursts = sorted(set(times))
    assert all(times.count(time) == 2 for time in bursts[:-1])
    assert [later - before for before, later in pairwise(bursts)] == pytest.approx([0.02] * (len(bursts) - 1))


def test_fast_rates_go_in_bursts_of_a_millisecond() -> None:
    timers = Timers()
    sent = 0
    while timers.may_send(1.0):
        timers.on_paced(1.0, MSS, 80e6)
        sent += 1
    assert sent == 9  # 80 Mbit/s are 9766 bytes in 1/1024 s
    assert timers.paced_at == pytest.approx(1.0 + sent * MSS * 8 / 80e6)


def test_a_wait_for_the_window_gives_no_credit() -> None:
    timers = Timers()
    timers.on_paced(1.0, MSS, RATE)
    timers.on_paced(5.0, MSS, RATE)
    assert timers.paced_at == pytest.approx(5.01)


def test_retransmissions_are_paced_as_well() -> None:
    talk = Talk(60, congestion=Paced(), fate=lambda index, before, _: None if index < 20 and not before else 0.0)
    talk.run()
    assert talk.receiver.delivered_bytes == 60 * MSS
    again = sorted(talk.times_of(index)[1] for index in range(20))
    assert again[-1] - again[0] >= 20 * MSS * 8 / RATE - 0.021


def test_a_window_that_is_kept_counts_in_recovery() -> None:
    talk = Talk(None, congestion=Paced(), fate=lambda index, *_: None if index == 20 else 0.0)
    talk.run(until=2.0)
    assert talk.sender.in_recovery
    assert talk.sender.window == 1000 * MSS


def test_one_way_delays_are_those_of_the_way_there() -> None:
    talk = Talk(40, congestion=Paced(), fate=lambda *_: 0.03).run()
    controller = talk.sender.congestion
    assert isinstance(controller, Paced)
    assert controller.delays[:-1] == pytest.approx([0.08] * (len(controller.delays) - 1))


def test_other_congestion_control_is_not_held_back() -> None:
    timers = Talk(200).run().sender.timers
    assert timers.paced_at == float("inf")


def test_subflows_are_paced() -> None:
    mptcp = {"system": "mptcp", "congestion": "bbr"}
    result = simulate(links("8Mbit", "8Mbit"), tcp("cubic"), tunnel=mptcp, warmup="4s", duration="4s")
    assert result.aggregation("inbound")["efficiency"] > 0.85


def test_a_paced_flow_has_a_shorter_queue() -> None:
    delays = []
    for rate in (15e6, 40e6):
        paced = {"name": f"{__file__}:Paced", "rate": rate}
        result = simulate([link("16Mbit", queue="100p")], tcp(paced), warmup="1s", duration="2s")
        delays.append(result.data["links"][0]["queue_delay_s"]["p50"])
    assert delays[0] < 0.002
    assert delays[1] > 0.05
