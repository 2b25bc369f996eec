"""NewReno, CUBIC and HyStart++ against closed forms and the worked values of their RFCs."""

from __future__ import annotations

from math import inf, sqrt

import pytest

from mpsim.tunnel.congestion import AckSample, CongestionController, controllers
from mpsim.tunnel.congestion.cubic import Cubic
from mpsim.tunnel.congestion.hystart import CSS_ROUNDS, RTT_SAMPLES, HyStart
from mpsim.tunnel.congestion.newreno import NewReno

MSS = 1000


def sample(now: float, acked: int = MSS, sent: float | None = None, rtt: float = 0.1, **more: object) -> AckSample:
    """An acknowledgement of what was sent a round trip ago."""
    one = AckSample()
    one.now, one.acked, one.rtt, one.srtt, one.min_rtt = now, acked, rtt, rtt, rtt
    one.sent_time = now - rtt if sent is None else sent
    for name, value in more.items():
        setattr(one, name, value)
    return one


def started(controller: CongestionController) -> CongestionController:
    controller.start(MSS, 0.0)
    return controller


def lossless_round(controller: CongestionController, now: float, rtt: float = 0.1) -> float:
    """Acknowledge one window, packet by packet, spread over a round trip; return the time after it."""
    count = int(controller.cwnd // MSS)
    for number in range(count):
        controller.on_acked(sample(now + rtt * (number + 1) / count, rtt=rtt))
    return now + rtt


class TestNewReno:
    def test_slow_start_doubles_each_round(self) -> None:
        reno = started(NewReno())
        assert reno.cwnd == 10 * MSS
        now = 1.0
        for expected in (20, 40, 80):
            now = lossless_round(reno, now)
            assert reno.cwnd == expected * MSS

    def test_congestion_avoidance_adds_one_packet_a_round(self) -> None:
        reno = started(NewReno())
        reno.cwnd = reno.ssthresh = 50.0 * MSS
        now = 1.0
        for round_ in range(1, 6):
            now = lossless_round(reno, now)
            assert reno.cwnd == pytest.approx((50 + round_) * MSS, abs=0.2 * MSS)

    def test_it_crosses_the_threshold_without_a_jump(self) -> None:
        reno = started(NewReno())
        reno.ssthresh = 10.5 * MSS
        reno.on_acked(sample(1.0, acked=2 * MSS))
        assert reno.cwnd == pytest.approx((10.5 + 1.5 / 10.5) * MSS)

    def test_one_halving_a_round(self) -> None:
        reno = started(NewReno())
        reno.cwnd = 40.0 * MSS
        reno.on_lost(2.0, MSS, 1.90, 40 * MSS)
        assert reno.cwnd == reno.ssthresh == 20 * MSS
        reno.on_lost(2.05, MSS, 1.99, 30 * MSS)  # sent before the halving: the same episode
        assert reno.cwnd == 20 * MSS
        reno.on_lost(2.2, MSS, 2.01, 20 * MSS)  # sent after it: another one
        assert reno.cwnd == 10 * MSS

    def test_no_growth_while_it_recovers(self) -> None:
        reno = started(NewReno())
        reno.cwnd = 40.0 * MSS
        reno.on_lost(2.0, MSS, 1.9, 40 * MSS)
        reno.on_acked(sample(2.05, sent=1.95))
        assert reno.cwnd == 20 * MSS
        reno.on_acked(sample(2.15, sent=2.05))
        assert reno.cwnd == pytest.approx((20 + 1 / 20) * MSS)

    @pytest.mark.parametrize("name", ["newreno", "cubic"])
    def test_what_was_not_used_does_not_grow(self, name: str) -> None:
        controller = started(controllers.create(name))
        controller.on_acked(sample(1.0, cwnd_limited=False))
        assert controller.cwnd == 10 * MSS

    def test_a_minimum_of_two_packets(self) -> None:
        reno = started(NewReno())
        for now in range(2, 12):
            reno.on_lost(float(now), MSS, now - 0.1, 10 * MSS)
        assert reno.cwnd == 2 * MSS

    @pytest.mark.parametrize("name", ["newreno", "cubic"])
    def test_a_timeout_starts_from_the_bottom(self, name: str) -> None:
        controller = started(controllers.create(name))
        controller.cwnd = 40.0 * MSS
        controller.on_timeout(2.0, 40 * MSS)
        assert controller.cwnd == 2 * MSS
        assert 20 * MSS <= controller.ssthresh <= 28 * MSS
        controller.on_timeout(3.0, 2 * MSS)  # backed off again: the threshold stays
        assert controller.ssthresh >= 20 * MSS

    @pytest.mark.parametrize("name", ["newreno", "cubic"])
    def test_a_needless_reduction_is_taken_back_once(self, name: str) -> None:
        controller = started(controllers.create(name))
        controller.cwnd = 40.0 * MSS
        controller.on_lost(2.0, MSS, 1.9, 40 * MSS)
        controller.on_loss_undone(2.1)
        assert (controller.cwnd, controller.ssthresh) == (40 * MSS, inf)
        controller.on_loss_undone(2.2)
        assert controller.cwnd == 40 * MSS

    def test_a_mark_counts_as_a_loss(self) -> None:
        reno = started(NewReno())
        reno.on_congestion_mark(2.0, 1.9)
        assert reno.cwnd == 5 * MSS


def mean_window(controller: CongestionController, loss: float, rtt: float, top: float) -> float:
    """Mean window (packets) where exactly every 1/loss-th packet is lost and the round-trip time is constant.

    top: the window (packets) at which to begin, by a loss: near the steady state, which is slow to reach.
    """
    started(controller)
    controller.cwnd = top * MSS
    controller.on_lost(1.0, MSS, 0.9, int(controller.cwnd))
    now, period, cycles = 1.0 + rtt, round(1 / loss), 10
    begin = now
    for _ in range(cycles):
        for _ in range(period):
            now += rtt * MSS / controller.cwnd
            controller.on_acked(sample(now, rtt=rtt, sent=now - rtt / 2))
        controller.on_lost(now, MSS, now - 1e-9, int(controller.cwnd))
        now += 1e-9
    return cycles * period * rtt / (now - begin)


def test_newreno_follows_the_square_root() -> None:
    # Mathis et al., CCR 1997: a sawtooth between W/2 and W with a mean of sqrt(3/2) / sqrt(p).
    for loss in (1e-2, 1e-3, 1e-4):
        mean = sqrt(1.5 / loss)
        assert mean_window(NewReno(), loss, 0.1, top=mean * 4 / 3) == pytest.approx(mean, rel=0.05)


class TestCubic:
    @pytest.mark.parametrize(("loss", "rtt"), [(1e-4, 0.1), (3e-5, 0.1), (1e-4, 0.2)])
    def test_mean_window_is_that_of_rfc_9438(self, loss: float, rtt: float) -> None:
        # Section 5.1: AVG_W_cubic = 1.054 * RTT^0.75 / p^0.75 for C = 0.4, beta = 0.7; the top of the
        # saw is 4 / (3 + beta) of it.
        mean = 1.054 * (rtt / loss) ** 0.75
        cubic = Cubic(hystart=False, fast_convergence=False)
        assert mean_window(cubic, loss, rtt, top=mean * 4 / 3.7) == pytest.approx(mean, rel=0.03)

    def test_where_reno_is_faster_it_is_as_fast(self) -> None:
        # Section 4.3: short round trips and much loss are the Reno-friendly region.
        assert mean_window(Cubic(), 1e-2, 0.02, top=15) == pytest.approx(sqrt(1.5 / 1e-2), rel=0.15)

    def test_the_reno_friendly_estimate_slows_down_until_the_old_window_is_back(self) -> None:
        cubic = started(Cubic(hystart=False))
        cubic.cwnd = 100.0 * MSS
        cubic.on_lost(1.0, MSS, 0.9, 100 * MSS)
        assert cubic.cwnd == pytest.approx(70 * MSS)
        rtt = 0.01
        now = first = 1.0 + rtt
        alpha = 3 * 0.3 / 1.7  # section 4.3, until the window before the cut is reached; then 1
        for rounds, expected in ((20, 70 + 20 * alpha), (30 / alpha, 100), (400, 100 + 400 - 30 / alpha)):
            while now < first + rounds * rtt:
                now += rtt * MSS / cubic.cwnd
                cubic.on_acked(sample(now, rtt=rtt, sent=now - rtt / 2))
            assert cubic.cwnd / MSS == pytest.approx(expected, rel=0.02)

    def test_far_from_reno_the_curve_is_the_cubic(self) -> None:
        cubic = started(Cubic(hystart=False))
        cubic.cwnd = 1000.0 * MSS
        cubic.on_lost(1.0, MSS, 0.9, 1000 * MSS)
        k = (300 / 0.4) ** (1 / 3)
        rtt = 0.2
        now = first = 1.0 + rtt
        for mark in (0.25, 0.5, 1.0, 1.5):
            while now < first + mark * k:
                now += rtt * MSS / cubic.cwnd
                cubic.on_acked(sample(now, rtt=rtt, sent=now - rtt / 2))
            expected = 0.4 * (mark * k - k) ** 3 + 1000
            assert cubic.cwnd / MSS == pytest.approx(expected, rel=0.02)

    def test_fast_convergence_gives_way(self) -> None:
        windows = []
        for fast in (True, False):
            cubic = started(Cubic(hystart=False, fast_convergence=fast))
            cubic.cwnd = 1000.0 * MSS
            cubic.on_lost(1.0, MSS, 0.9, 1000 * MSS)
            cubic.on_lost(2.0, MSS, 1.9, 700 * MSS)  # at 700, below the last maximum
            assert cubic.cwnd == pytest.approx(490 * MSS)
            now = 2.2
            while now < 2.2 + (210 / 0.4) ** (1 / 3):
                now += 0.2 * MSS / cubic.cwnd
                cubic.on_acked(sample(now, rtt=0.2, sent=now - 0.05))
            windows.append(cubic.cwnd / MSS)
        # Section 4.7: the plateau is at 700 * (1 + beta) / 2, or at 700 without it.
        assert windows == pytest.approx([700 * 0.85, 700], rel=0.02)

    def test_time_in_which_the_window_was_not_used_does_not_count(self) -> None:
        ends = []
        for pause in (0.0, 60.0):
            cubic = started(Cubic(hystart=False))
            cubic.cwnd = 200.0 * MSS
            cubic.on_lost(1.0, MSS, 0.9, 200 * MSS)
            now = 1.2
            for step in range(4000):
                now += 0.1 * MSS / cubic.cwnd
                if step == 2000:
                    now += pause
                    cubic.on_acked(sample(now, cwnd_limited=False, sent=now - 0.05))
                cubic.on_acked(sample(now, sent=now - 0.05))
            ends.append(cubic.cwnd)
        assert ends[1] == pytest.approx(ends[0], rel=0.02)


class TestHyStart:
    def rounds(self, *rtts: float, per_round: int = 10) -> tuple[HyStart, list[float]]:
        """Play rounds of these round-trip times; return the growth in each, per acknowledged byte."""
        slow = HyStart()
        now = 1.0
        growth = []
        for rtt in rtts:
            total = 0.0
            for number in range(per_round):
                now += rtt / per_round
                one = sample(now, rtt=rtt, sent=now - rtt + 1e-6 if number else now - 1e-6)
                total += slow.growth(one, 10.0 * MSS, MSS)
            growth.append(total / (per_round * MSS))
        return slow, growth

    def test_a_constant_delay_never_ends_it(self) -> None:
        slow, growth = self.rounds(*[0.1] * 20)
        assert growth == [1.0] * 20
        assert not slow.finished

    def test_a_rising_delay_slows_it_down_and_ends_it_after_five_rounds(self) -> None:
        # 0.1 s / 8 = 12.5 ms is what the delay has to rise by.
        slow, growth = self.rounds(0.1, 0.1, 0.12, *[0.12] * CSS_ROUNDS)
        assert growth[:2] == [1.0, 1.0]
        assert growth[3] == 0.25
        assert slow.finished

    @pytest.mark.parametrize(("rtts", "ends"), [((0.1, 0.112), False), ((0.1, 0.113), True)])
    def test_the_threshold_is_an_eighth(self, rtts: tuple[float, float], ends: bool) -> None:
        slow, _ = self.rounds(rtts[0], *[rtts[1]] * (CSS_ROUNDS + 2))
        assert slow.finished == ends

    @pytest.mark.parametrize(
        ("low", "high", "ends"), [(0.010, 0.0135, False), (0.010, 0.0145, True), (0.4, 0.417, True)]
    )
    def test_the_threshold_is_between_4_and_16_ms(self, low: float, high: float, ends: bool) -> None:
        slow, _ = self.rounds(low, *[high] * (CSS_ROUNDS + 2))
        assert slow.finished == ends

    def test_a_delay_that_falls_again_resumes_slow_start(self) -> None:
        slow, growth = self.rounds(0.1, 0.12, 0.12, 0.1, 0.1, 0.1, 0.1, 0.1)
        assert growth[2] == 0.25
        assert growth[-1] == 1.0
        assert not slow.finished

    def test_few_samples_decide_nothing(self) -> None:
        slow, growth = self.rounds(0.1, *[0.2] * 10, per_round=RTT_SAMPLES - 1)
        assert set(growth) == {1.0}
        assert not slow.finished

    def test_one_acknowledgement_grows_by_at_most_eight_packets(self) -> None:
        assert HyStart().growth(sample(1.0, acked=50 * MSS), 100.0 * MSS, MSS) == 8 * MSS
