"""PCC Vivace: the utility of an interval, the steps that follow from it, and the rate it settles at."""

from __future__ import annotations

from random import Random

import pytest

from mpsim.tunnel.congestion import AckSample
from mpsim.tunnel.congestion.vivace import Vivace
from mpsim.tunnel.congestion.vivace_interval import MonitorInterval

MSS = 1500
WEIGHTS = (0.9, 900.0, 11.35, 0.02)  # exponent, latency, loss, floor


def interval(rate: float, slope: float = 0.0, lost: float = 0.0) -> MonitorInterval:
    """An interval of 100 packets whose round-trip times grow with a slope."""
    made = MonitorInterval(rate, 5.0, 5.1)
    made.sent = 100 * MSS
    made.lost = round(lost * made.sent)
    for number in range(100):
        made.add_rtt(5.0 + number / 1000, 0.05 + slope * number / 1000)
    return made


class TestUtility:
    @pytest.mark.parametrize("slope", [-0.1, 0.0, 0.05, 0.5])
    def test_the_gradient_is_the_slope_of_the_line(self, slope: float) -> None:
        assert interval(10e6, slope).rtt_gradient() == pytest.approx(slope)

    def test_it_is_that_of_the_paper(self) -> None:
        # x^0.9 - 900 x dRTT/dt - 11.35 x L, x in Mbit/s
        assert interval(10e6).utility(*WEIGHTS) == pytest.approx(10**0.9)
        assert interval(10e6, 0.05).utility(*WEIGHTS) == pytest.approx(10**0.9 - 900 * 10 * 0.05)
        assert interval(10e6, 0.0, 0.1).utility(*WEIGHTS) == pytest.approx(10**0.9 - 11.35 * 10 * 0.1)

    @pytest.mark.parametrize("slope", [-0.2, 0.019])
    def test_a_queue_that_shrinks_or_hardly_grows_costs_nothing(self, slope: float) -> None:
        assert interval(10e6, slope).utility(*WEIGHTS) == pytest.approx(10**0.9)

    def test_two_samples_are_no_line(self) -> None:
        made = MonitorInterval(1e6, 0.0, 1.0)
        made.add_rtt(0.1, 0.05)
        made.add_rtt(0.2, 0.09)
        assert made.rtt_gradient() == 0.0


def started(rate: float = 10e6) -> Vivace:
    """One that is probing at a rate."""
    one = Vivace()
    one.start(MSS, 0.0)
    one._set_rate(rate)
    one._probe()
    return one


class TestDecisions:
    def decide(self, one: Vivace, *utilities: float) -> None:
        rates = list(one._plan)
        one._results = list(zip(rates, utilities, strict=True))
        one._decide()

    def test_probes_are_five_percent_off_in_alternating_order(self) -> None:
        assert list(started()._plan) == pytest.approx([10.5e6, 9.5e6, 9.5e6, 10.5e6])

    def test_pairs_that_disagree_are_repeated(self) -> None:
        one = started()
        self.decide(one, 2.0, 1.0, 2.0, 1.0)
        assert (one._phase, one.rate) == ("probing", 10e6)
        assert len(one._plan) == 4

    def test_a_step_is_the_gradient_within_the_bound(self) -> None:
        # dU = 0.3 over 1 Mbit/s: 0.3 Mbit/s is less than the least step; 10 is more than 5 %.
        for gain, step in ((0.3, 0.5e6), (0.51, 0.51e6), (10.0, 0.05 * 10.5e6)):
            one = started()
            self.decide(one, 1 + gain, 1, 1, 1 + gain)
            assert one._phase == "moving"
            assert one.rate == pytest.approx(10.5e6 + step)

    def test_downwards_as_well(self) -> None:
        one = started()
        self.decide(one, 1.0, 1.45, 1.45, 1.0)
        assert one.rate == pytest.approx(9.5e6 - 0.05 * 9.5e6)

    def test_bound_and_amplifier_grow_while_the_direction_stays(self) -> None:
        one = started()
        self.decide(one, 100.0, 0.0, 0.0, 100.0)  # 5 % of 10.5, and the bound has been met once
        assert one.rate == pytest.approx(10.5e6 * 1.05)
        for bound in (0.10, 0.15):
            before = one.rate
            one._move_on(before, one._last[1] + 100)
            assert one.rate == pytest.approx(before * (1 + bound))
        one._bounded = 9
        before, (rate, utility) = one.rate, one._last
        one._move_on(before, utility + 0.6 * (before - rate) / 1e6)  # gradient 0.6, fourth round
        assert one.rate == pytest.approx(before + 0.6e6 * ((4 + 1) / 2) ** 1.2)

    def test_less_utility_takes_the_last_step_back(self) -> None:
        one = started()
        self.decide(one, 1.51, 1.0, 1.0, 1.51)
        before = one.rate
        one._move_on(before, 1.0)
        assert one._phase == "probing"
        assert one.rate == pytest.approx(before - 0.05 * before)  # the gradient is steep: the bound

    def test_starting_doubles_while_it_pays(self) -> None:
        one = Vivace()
        one.start(MSS, 0.0)
        one._set_rate(2e6)
        for rate, utility in ((2e6, 1.8), (4e6, 3.5), (8e6, 6.5)):
            one._start_up(rate, utility)
            assert one.rate == 2 * rate
        one._start_up(16e6, -50.0)
        assert (one.rate, one._phase) == (8e6, "probing")


def settle(
    capacity: float, seconds: float, base: float = 0.04, buffer: float = 1.0, loss: float = 0.0
) -> tuple[float, float]:
    """Let it fill a link of bit/s, whose packets are lost when the queue has `buffer` s, or by chance.

    Return the delivered rate and the mean queue, s, of the last half.
    """
    one = Vivace()
    one.start(MSS, 0.0)
    now = free_at = next_send = 0.0
    answers: list[tuple[float, float, bool]] = []  # (at, sent, lost), in order
    delivered = queued = count = 0
    random = Random(1)
    while now < seconds:
        while answers and answers[0][0] <= next_send:
            now, sent, gone = answers.pop(0)
            if gone:
                one.on_lost(now, MSS, sent, 0)
                continue
            seen = AckSample()
            seen.now, seen.acked, seen.sent_time, seen.rtt = now, MSS, sent, now - sent
            seen.srtt, seen.min_rtt = now - sent, base
            one.on_acked(seen)
            if now > seconds / 2:
                delivered, queued, count = delivered + MSS * 8, queued + (now - sent - base), count + 1
        now = next_send
        waiting = max(0.0, free_at - now)
        gone = waiting > buffer or random.random() < loss
        if waiting <= buffer:
            free_at = max(free_at, now) + MSS * 8 / capacity
        answers.append((max(free_at + base, answers[-1][0] if answers else 0.0), now, gone))
        one.on_sent(now, MSS, 0)
        next_send = now + (MSS * 8 / one.pacing_rate if one.pacing_rate else base / 10)
    return delivered / (seconds / 2), queued / count


@pytest.mark.parametrize("capacity", [4e6, 20e6, 100e6])
def test_it_converges_to_the_links_rate(capacity: float) -> None:
    rate, queue = settle(capacity, 16.0)
    assert rate == pytest.approx(capacity, rel=0.1)
    assert queue < 0.02


def test_one_percent_of_loss_is_borne() -> None:
    # NewReno would get sqrt(3 / 2) / (rtt sqrt(p)) = 3.7 Mbit/s (Mathis et al., CCR 1997).
    rate, _ = settle(20e6, 16.0, loss=0.01)
    assert rate > 0.7 * 20e6
