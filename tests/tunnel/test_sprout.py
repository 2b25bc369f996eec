"""Sprout: Bayes' rule and the forecast against closed forms of the Poisson process."""

from __future__ import annotations

from math import exp, factorial

import numpy as np
import pytest

from mpsim.tunnel.congestion import AckSample
from mpsim.tunnel.congestion.sprout import Sprout
from mpsim.tunnel.congestion.sprout_forecast import RateModel, poisson, rate_model

MSS = 1500
TICK = 0.02


def certain(model: RateModel, rate: float) -> np.ndarray:
    """The belief that the rate is the bin nearest to this one (packets/s)."""
    belief = np.zeros(len(model.rates))
    belief[int(np.argmin(np.abs(model.rates - rate)))] = 1.0
    return belief


def quantile(mean: float, doubt: float) -> int:
    """The least count whose Poisson distribution reaches this probability."""
    total, count = 0.0, 0
    while True:
        total += exp(-mean) * mean**count / factorial(count)
        if total >= doubt:
            return count
        count += 1


CONSTANT = (1000.0, 256, 0.0, 1.0, TICK)  # the authors', with a rate that does not wander


class TestForecast:
    @pytest.mark.parametrize("rate", [20.0, 100.0, 500.0, 900.0])
    @pytest.mark.parametrize("doubt", [0.05, 0.5])
    def test_of_a_constant_rate_it_is_the_quantile_of_a_poisson(self, rate: float, doubt: float) -> None:
        model = rate_model(*CONSTANT, 5)
        exact = float(model.rates[int(np.argmin(np.abs(model.rates - rate)))])
        assert model.least_deliveries(certain(model, rate), doubt) == quantile(exact * 5 * TICK, doubt)

    def test_of_an_outage_it_is_nothing(self) -> None:
        model = rate_model(*CONSTANT, 5)
        assert model.least_deliveries(certain(model, 0.0), 0.05) == 0

    def test_each_tick_to_come_is_as_uncertain_as_the_rate_has_become(self) -> None:
        # The variance of a Poisson count is its mean; a rate that wanders for k ticks adds sigma^2 k tick * tick^2.
        model = rate_model(1000.0, 256, 200.0, 1.0, TICK, 5)
        belief = certain(model, 500.0)
        likely = np.diff(model._forecast @ belief, prepend=0.0)
        counts = np.arange(len(likely))
        mean = float(likely @ counts)
        assert mean == pytest.approx(50, rel=0.01)
        variance = float(likely @ (counts - mean) ** 2)
        assert variance == pytest.approx(50 + 200**2 * TICK**3 * (0 + 1 + 2 + 3 + 4), rel=0.01)

    def test_the_poisson_distribution_is_the_textbooks(self) -> None:
        table = poisson(np.array([0.0, 3.0]), 5)
        assert table[0] == pytest.approx([1, 0, 0, 0, 0])
        assert table[1] == pytest.approx([exp(-3) * 3**count / factorial(count) for count in range(5)])


class TestBelief:
    def test_a_count_changes_it_by_bayes_rule(self) -> None:
        model = rate_model(*CONSTANT, 5)
        belief = np.zeros(256)
        belief[[51, 102]] = 0.25, 0.75
        means = model.rates[[51, 102]] * TICK
        likely = np.array([0.25, 0.75]) * np.exp(-means) * means**6
        assert model.observed(belief, 6)[[51, 102]] == pytest.approx(likely / likely.sum())

    def test_one_delivery_rules_out_an_outage(self) -> None:
        model = rate_model(*CONSTANT, 5)
        assert model.observed(model.anything(), 1)[0] == 0.0
        assert model.observed(certain(model, 0.0), 1).sum() == pytest.approx(1.0)

    def test_in_a_tick_it_spreads_as_a_brownian_motion(self) -> None:
        model = rate_model(1000.0, 256, 200.0, 1.0, TICK, 5)
        spread = model.evolved(certain(model, 500.0))
        mean = float(spread @ model.rates)
        deviation = float(np.sqrt(spread @ (model.rates - mean) ** 2))
        assert spread.sum() == pytest.approx(1.0)
        assert mean == pytest.approx(500, abs=3)
        assert deviation == pytest.approx(200 * TICK**0.5, rel=0.02)

    def test_an_outage_ends_once_a_second(self) -> None:
        model = rate_model(1000.0, 256, 200.0, 1.0, TICK, 5)
        later = model.evolved(certain(model, 0.0))
        assert later[0] == pytest.approx(exp(-TICK))
        assert later.sum() == pytest.approx(1.0)

    def test_many_counts_find_the_rate(self) -> None:
        model = rate_model(*CONSTANT, 5)
        belief = model.anything()
        for _ in range(200):
            belief = model.observed(belief, 8)  # 400 packets/s
        assert float(belief @ model.rates) == pytest.approx(400, rel=0.01)


def ack(now: float, sent: float, acked: int) -> AckSample:
    one = AckSample()
    one.now, one.sent_time, one.acked = now, sent, acked
    one.rtt = one.srtt = now - sent
    return one


def deliver(one: Sprout, begin: float, seconds: float, each: int) -> float:
    """Deliver so many packets in each tick, sent 40 ms before; return the time after."""
    now = begin
    for _ in range(round(seconds / TICK)):
        now += TICK
        one.on_sent(now - 0.015, MSS, 20 * MSS)
        one.on_acked(ack(now - 0.01, now - 0.05, each * MSS))
    return now


class TestWindow:
    def test_it_is_the_forecast_in_bytes(self) -> None:
        one = Sprout()
        one.start(MSS, 0.0)
        deliver(one, 0.0, 4.0, 8)  # 400 packets/s
        count = one._model().least_deliveries(one._belief, 0.05)
        assert one.cwnd == count * MSS
        assert 24 <= count <= quantile(40, 0.05)

    def test_silence_closes_it_once_an_answer_was_due(self) -> None:
        one = Sprout()
        one.start(MSS, 0.0)
        now = deliver(one, 0.0, 4.0, 8)
        before = one.cwnd
        one.on_timer(now + 0.04)
        assert one.cwnd > 0.6 * before
        one.on_timer(now + 0.3)
        assert one.cwnd <= 3 * MSS

    def test_an_idle_sender_learns_nothing(self) -> None:
        one = Sprout()
        one.start(MSS, 0.0)
        now = deliver(one, 0.0, 4.0, 8)
        one._unanswered.clear()
        before = one.cwnd
        assert one.next_timeout() is None
        one.on_timer(now + 10)
        assert one.cwnd == before

    def test_a_loss_changes_nothing(self) -> None:
        one = Sprout()
        one.start(MSS, 0.0)
        now = deliver(one, 0.0, 4.0, 8)
        before = one.cwnd
        one.on_lost(now, MSS, now - 0.05, 20 * MSS)
        assert one.cwnd == before
