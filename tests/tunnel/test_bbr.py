"""BBR, both versions: worked examples of their rules, and what they do to a link."""

from __future__ import annotations

from typing import Any

import pytest
from acknowledging import MSS, Acknowledging, started
from simulating import link, simulate, tcp

from mpsim.result import Result
from mpsim.tunnel.congestion.bbr import CYCLE, Bbr, Phase
from mpsim.tunnel.congestion.bbr3 import Bbr3
from mpsim.tunnel.congestion.bbr3 import Phase as Phase3

RTT = 0.1
RATE = 8e6  # bit/s: 100 packets a round trip
PRODUCT = 100.0  # packets


def filled(controller: Any, rounds: int = 12) -> Acknowledging:
    """Let a path of this rate deliver to a controller until it is in its cycle."""
    acks = Acknowledging(started(controller))
    for _ in range(rounds):
        acks.round(RTT, packets=100, delivery_rate=RATE, in_flight=100 * MSS, prior_delivered=acks.delivered)
    return acks


class TestVersion1:
    def test_startup_doubles_and_paces_at_2_89_times_what_is_delivered(self) -> None:
        bbr = started(Bbr())
        acks = Acknowledging(bbr)
        assert acks.round(RTT) == 20
        assert acks.round(RTT) == 40
        assert bbr.phase is Phase.STARTUP
        assert bbr.pacing_rate == pytest.approx(2.885 * 0.99 * bbr.bandwidth)

    def test_a_full_pipe_is_drained_and_then_cruised_with_two_products(self) -> None:
        bbr = Bbr(extra=0)
        acks = filled(bbr, rounds=6)
        assert bbr.phase is not Phase.STARTUP
        acks.packet(RTT, delivery_rate=RATE, in_flight=90 * MSS)
        assert bbr.phase is Phase.PROBE_BW
        filled_window = acks.round(RTT, packets=300, delivery_rate=RATE, in_flight=100 * MSS)
        assert filled_window == pytest.approx(2 * PRODUCT, abs=2)  # two more while it probes

    def test_the_cycle_has_eight_steps_of_a_round_trip(self) -> None:
        bbr = Bbr()
        acks = filled(bbr)
        acks.packet(RTT, delivery_rate=RATE, in_flight=90 * MSS)
        gains = []
        for _ in range(16):
            gains.append(bbr.pacing_gain)
            acks.now += RTT * 1.001
            # In flight is what ends the probe for more, and what would end its drain early.
            acks.packet(RTT, delivery_rate=RATE, in_flight=400 * MSS)
        first = gains.index(1.25)
        assert gains[first : first + 8] == list(CYCLE)

    def test_a_rate_limited_by_lack_of_data_does_not_lower_the_model(self) -> None:
        bbr = Bbr()
        acks = filled(bbr)
        for _ in range(20):
            acks.round(RTT, packets=10, delivery_rate=RATE / 10, app_limited=True, prior_delivered=acks.delivered)
        assert bbr.bandwidth == RATE
        for _ in range(12):
            acks.round(RTT, packets=10, delivery_rate=RATE / 10, prior_delivered=acks.delivered)
        assert bbr.bandwidth == RATE / 10

    def test_a_loss_keeps_what_is_in_flight_for_a_round_trip_and_then_nothing_has_been(self) -> None:
        bbr = Bbr()
        acks = filled(bbr)
        acks.packet(RTT, delivery_rate=RATE, in_flight=90 * MSS)
        before = bbr.cwnd
        bbr.on_lost(acks.now, MSS, acks.now - RTT, 100 * MSS)
        assert bbr.cwnd == 99 * MSS
        acks.now += RTT / 2
        acks.packet(RTT, delivery_rate=RATE, in_flight=99 * MSS)
        assert bbr.cwnd == 99 * MSS
        acks.now += RTT
        acks.packet(RTT, delivery_rate=RATE, in_flight=99 * MSS)
        assert bbr.cwnd >= before - 2 * MSS  # two more while it probes

    def test_an_old_least_round_trip_time_is_measured_anew_with_four_packets(self) -> None:
        bbr = Bbr()
        acks = filled(bbr)
        acks.now += 10.5
        acks.packet(RTT * 1.2, delivery_rate=RATE, in_flight=100 * MSS)
        acks.packet(RTT * 1.2, delivery_rate=RATE, in_flight=100 * MSS)
        assert bbr.phase is Phase.PROBE_RTT
        assert bbr.cwnd == 4 * MSS
        begin = acks.now
        while bbr.cwnd == 4 * MSS:
            acks.now += RTT / 4
            acks.packet(RTT, delivery_rate=RATE / 25, in_flight=4 * MSS)
        assert 0.2 <= acks.now - begin <= 0.2 + 2 * RTT
        assert bbr.bandwidth == RATE
        assert bbr.cwnd > 100 * MSS


class TestVersion3:
    def test_gains_are_those_of_the_draft(self) -> None:
        gains = {phase.name: phase.value[1:] for phase in Phase3}
        assert gains["STARTUP"] == (2.77, 2.0)
        assert gains["DOWN"] == (0.9, 2.0)
        assert gains["UP"] == (1.25, 2.25)

    def up(self) -> tuple[Bbr3, Acknowledging]:
        """Return one that probes for more bandwidth, with 130 packets in flight."""
        bbr = Bbr3(extra=0)
        acks = filled(bbr)
        for _ in range(200):
            acks.now += RTT
            acks.packet(RTT, delivery_rate=RATE, in_flight=90 * MSS, prior_delivered=acks.delivered)
            if bbr.phase is Phase3.UP:
                break
        assert bbr.phase is Phase3.UP
        bbr.on_sent(acks.now + 0.01, MSS, 130 * MSS)
        acks.now += 0.01 + RTT
        acks.packet(RTT, delivery_rate=RATE, in_flight=130 * MSS)
        return bbr, acks

    @pytest.mark.parametrize(("packets", "cut"), [(2, False), (3, True)])
    def test_a_probe_that_loses_more_than_2_percent_sets_the_long_term_bound(self, packets: int, cut: bool) -> None:
        bbr, acks = self.up()
        bbr.on_lost(acks.now, packets * MSS, acks.now - RTT, 130 * MSS)  # 2 % are 2.6 packets
        assert (bbr._long.window == 130 * MSS) == cut
        assert (bbr.phase is Phase3.DOWN) == cut

    def test_cruising_leaves_15_percent_of_the_bound_to_others(self) -> None:
        bbr, acks = self.up()
        bbr.on_lost(acks.now, 3 * MSS, acks.now - RTT, 130 * MSS)
        for _ in range(40):
            acks.now += RTT / 10
            acks.packet(RTT, delivery_rate=RATE, in_flight=80 * MSS)
            if bbr.phase is Phase3.CRUISE:
                break
        assert bbr.phase is Phase3.CRUISE
        assert bbr.cwnd <= 0.85 * bbr._long.window

    def test_each_lossy_round_leaves_seven_tenths_but_what_was_delivered(self) -> None:
        bbr = Bbr3(extra=0)
        acks = filled(bbr)
        while bbr.phase is not Phase3.CRUISE:
            acks.now += RTT / 10
            acks.packet(RTT, delivery_rate=RATE, in_flight=90 * MSS)
        acks.round(RTT, packets=100, delivery_rate=RATE / 2, in_flight=90 * MSS, prior_delivered=acks.delivered)
        bbr.on_lost(acks.now, MSS, acks.now - RTT, 90 * MSS)
        acks.now += RTT
        acks.packet(RTT, delivery_rate=RATE / 2, in_flight=90 * MSS, prior_delivered=acks.delivered)
        assert bbr.bandwidth == pytest.approx(0.7 * RATE)

    def test_it_cruises_by_the_bandwidth_that_was_seen_whatever_losses_have_left(self) -> None:
        bbr = Bbr3(extra=0)
        filled(bbr)
        bbr._short.rate = 0.7 * RATE  # a lossy round
        assert bbr.bandwidth == pytest.approx(0.7 * RATE)
        assert bbr._has_come_down(int(PRODUCT * MSS))
        assert not bbr._has_come_down(int(PRODUCT * MSS) + 1)

    def test_a_probe_of_the_round_trip_time_leaves_half_a_product(self) -> None:
        bbr = Bbr3(extra=0)
        acks = filled(bbr)
        acks.now += 5.5
        for _ in range(2):
            acks.packet(RTT, delivery_rate=RATE, in_flight=100 * MSS)
        assert bbr.phase is Phase3.PROBE_RTT
        assert bbr.cwnd == pytest.approx(PRODUCT / 2 * MSS)


def inbound(result: Result) -> dict[str, Any]:
    return next(row for row in result.data["links"] if row["direction"] == "inbound")


@pytest.mark.parametrize(("name", "least"), [("bbr", 0.93), ("bbr3", 0.88)])
@pytest.mark.parametrize("round_trip", [20, 100])
def test_it_fills_the_link_with_a_product_of_queue_at_most(name: str, least: float, round_trip: int) -> None:
    wide = link("16Mbit", f"{round_trip / 2:g}ms", queue="1000p")
    result = simulate([wide], tcp(name), warmup="4s", duration="8s")
    assert result.aggregation("inbound")["efficiency"] > least
    # Two products in flight are one in the queue; bursts come on top.
    assert inbound(result)["queue_delay_s"]["p95"] < round_trip / 1000 + 0.01
    assert inbound(result)["queue_delay_s"]["p50"] < 0.5 * round_trip / 1000


def test_it_probes_the_round_trip_time_every_ten_seconds() -> None:
    result = simulate([link("16Mbit", "20ms", queue="1000p")], tcp("bbr"), warmup="1s", duration="14s")
    arrived = [
        (t, value) for t, entity, _, metric, value in result.rows if metric == "throughput_bps" and "flow" in entity
    ]
    low = [t for t, rate in arrived if t > 1 and rate < 4e6]  # four packets a round trip are 1.2 Mbit/s
    assert low
    assert 9.5 < low[0] < 13
    assert low[-1] - low[0] < 0.5  # once, for 0.2 s and a round trip


@pytest.mark.parametrize(("name", "loss", "least"), [("bbr", 0.01, 0.85), ("bbr", 0.03, 0.8), ("bbr3", 0.01, 0.4)])
def test_random_loss_is_no_congestion(name: str, loss: float, least: float) -> None:
    lossy = link("16Mbit", "25ms", queue="1bdp", loss={"down": loss, "up": 0.0})
    result = simulate([lossy], tcp(name), warmup="4s", duration="6s")
    assert result.aggregation("inbound")["efficiency"] > least


@pytest.mark.parametrize("name", ["bbr", "bbr3"])
def test_a_tunnel_path_has_it_too(name: str) -> None:
    result = simulate([link("16Mbit", "20ms")], tcp("cubic"), tunnel={"congestion": name}, warmup="4s", duration="5s")
    assert result.aggregation("inbound")["efficiency"] > 0.85
    assert inbound(result)["queue_delay_s"]["p50"] < 0.02
