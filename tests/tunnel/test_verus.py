"""Verus: the delay profile, the three rules of its estimate, and what a loss does."""

from __future__ import annotations

import pytest

from mpsim.tunnel.congestion import AckSample
from mpsim.tunnel.congestion.verus import Verus
from mpsim.tunnel.congestion.verus_profile import DelayProfile

MSS = 1000


class TestProfile:
    def line(self) -> DelayProfile:
        """20 ms and a millisecond a packet, known from 10 to 50."""
        profile = DelayProfile()
        for window in range(10, 51):
            profile.learn(window, 0.020 + window / 1000)
        profile.refresh()
        return profile

    @pytest.mark.parametrize("window", [10.0, 25.0, 32.5, 50.0])
    def test_a_known_line_is_followed_both_ways(self, window: float) -> None:
        profile = self.line()
        assert profile.delay(window) == pytest.approx(0.020 + window / 1000)
        assert profile.window(0.020 + window / 1000) == pytest.approx(window)

    def test_beyond_it_the_slope_goes_on_for_a_quarter(self) -> None:
        profile = self.line()
        assert profile.window(0.075) == pytest.approx(55)
        assert profile.window(1.0) == pytest.approx(62.5)

    def test_below_everything_known_there_is_one_packet(self) -> None:
        assert self.line().window(0.029) == 1.0
        assert DelayProfile().window(1.0) == 1.0

    def test_a_point_follows_its_delays_by_an_eighth(self) -> None:
        profile = DelayProfile()
        for delay in (0.08, 0.16, 0.16):
            profile.learn(7.9, delay)  # whole packets: 7
        profile.refresh()
        assert profile.delay(7) == pytest.approx(0.16 - 0.08 * 0.875**2)

    def test_what_falls_is_averaged_until_it_rises(self) -> None:
        # Least squares under "not falling": 40 and 20 become 30 and 30.
        profile = DelayProfile()
        for window, delay in ((1, 0.01), (2, 0.04), (3, 0.02), (4, 0.05)):
            profile.learn(window, delay)
        profile.refresh()
        assert [profile.delay(window) for window in (1, 2, 3, 4)] == pytest.approx([0.01, 0.03, 0.03, 0.05])
        assert profile.window(0.03) == pytest.approx(3)  # the largest with that delay

    def test_it_changes_when_it_is_refreshed(self) -> None:
        profile = self.line()
        for _ in range(100):
            profile.learn(10, 0.025)
        assert profile.delay(10) == pytest.approx(0.030)
        profile.refresh()
        assert profile.delay(10) == pytest.approx(0.025, abs=1e-4)


def sample(now: float, rtt: float, acked: int = MSS) -> AckSample:
    one = AckSample()
    one.now, one.acked, one.rtt, one.srtt = now, acked, rtt, rtt
    one.sent_time = now - rtt
    one.in_flight = 20 * MSS
    return one


def running(estimate: float = 0.050, average: float = 0.050) -> Verus:
    """One past slow start that knows the line of 20 ms and a millisecond a packet, with D_min 30 ms."""
    one = Verus()
    one.start(MSS, 0.0)
    for window in range(10, 51):
        one._profile.learn(window, 0.020 + window / 1000)
    one._profile.refresh()
    one._next_epoch, one._next_refresh = 1.005, 100.0
    one._min_rtt, one._estimate, one._average = 0.030, estimate, average
    one._in_flight = 20 * MSS
    one._last_answer = 1.0
    return one


class TestEstimate:
    def after(self, one: Verus, *delays: float) -> float:
        """Live through an epoch in which these delays were measured; return the estimate."""
        for number, delay in enumerate(delays):
            one.on_acked(sample(1.001 + number / 1000, delay))
        one.on_timer(1.005)
        return one._estimate

    def test_it_rises_by_delta2_while_the_delay_does_not(self) -> None:
        one = running()
        assert self.after(one, 0.041, 0.049) == pytest.approx(0.052)
        assert one.cwnd == pytest.approx(32 * MSS)
        assert one._average == pytest.approx(0.2 * 0.050 + 0.8 * 0.049)

    def test_it_falls_by_delta1_when_the_largest_delay_rises(self) -> None:
        one = running()
        assert self.after(one, 0.041, 0.051) == pytest.approx(0.049)
        assert one.cwnd == pytest.approx(29 * MSS)

    def test_it_falls_by_delta2_above_the_bound(self) -> None:
        assert self.after(running(average=0.061), 0.055) == pytest.approx(0.048)

    def test_it_never_falls_below_the_least_delay(self) -> None:
        assert self.after(running(estimate=0.0305), 0.055) == pytest.approx(0.030)

    def test_silence_counts_as_a_delay(self) -> None:
        one = running()
        one.on_timer(1.2)  # 200 ms without an answer, and something in flight
        assert one._average > 0.15
        assert one._estimate == 0.030

    def test_what_is_idle_or_not_limited_by_the_window_changes_nothing(self) -> None:
        one = running()
        one._in_flight = 0
        one.on_timer(1.2)
        assert (one._estimate, one._average) == (0.050, 0.050)
        one = running()
        seen = sample(1.001, 0.049)
        seen.cwnd_limited = False
        one.on_acked(seen)
        one.on_timer(1.005)
        assert one._estimate == 0.050

    def test_its_clock_sleeps_when_nothing_is_answered(self) -> None:
        one = running()
        assert one.next_timeout() == 1.005
        one.on_timer(2.5)
        assert one.next_timeout() is None


class TestLosses:
    def test_the_window_of_the_lost_packet_counts(self) -> None:
        one = running()
        one._set_window(40.0 * MSS, 1.000)
        one._set_window(30.0 * MSS, 1.003)
        one.on_lost(1.004, MSS, 1.001, 20 * MSS)
        assert one.cwnd == pytest.approx(0.7 * 40 * MSS)
        assert one._estimate == pytest.approx(0.048)  # the profile's delay of 28 packets
        one.on_lost(1.0045, MSS, 1.002, 20 * MSS)  # sent before: the same episode
        assert one.cwnd == pytest.approx(0.7 * 40 * MSS)

    def test_while_it_recovers_it_grows_as_reno_and_does_not_learn(self) -> None:
        one = running()
        one._set_window(40.0 * MSS, 1.0)
        one.on_lost(1.001, MSS, 1.0005, 20 * MSS)
        known = dict(one._profile._points)
        one.on_acked(sample(1.002, 0.040))
        assert one.cwnd == pytest.approx((28 + 1 / 28) * MSS)
        one.on_timer(1.02)
        assert one.cwnd == pytest.approx((28 + 1 / 28) * MSS)
        assert one._profile._points == known
        one.on_acked(sample(1.042, 0.0405))  # sent after the loss
        one.on_timer(1.045)
        assert one._profile._points != known

    def test_slow_start_ends_by_a_loss_and_learns_the_profile(self) -> None:
        one = Verus()
        one.start(MSS, 0.0)
        now = 1.0
        for _ in range(60):
            now += 0.001
            one.on_acked(sample(now, 0.020 + one.cwnd / MSS / 1000))
        assert one.cwnd == 70 * MSS
        one.on_lost(now, MSS, now - 0.05, 70 * MSS)
        assert one.cwnd < 0.7 * 70 * MSS
        assert one._estimate == pytest.approx(0.75 * 2 * 0.030)

    def test_or_by_half_a_second(self) -> None:
        one = Verus()
        one.start(MSS, 0.0)
        one.on_acked(sample(1.0, 0.1))
        assert one.next_timeout() is None
        one.on_acked(sample(1.6, 0.501))
        assert one.next_timeout() == pytest.approx(1.605)

    def test_a_timeout_starts_over(self) -> None:
        one = running()
        one.on_timeout(2.0, 20 * MSS)
        assert one.cwnd == MSS
        one.on_acked(sample(2.1, 0.05, acked=2 * MSS))
        assert one.cwnd == 3 * MSS
