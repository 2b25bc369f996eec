"""OLIA, BALIA and wVegas: worked examples of their laws; alone, each is what it is derived from."""

from __future__ import annotations

import pytest
from acknowledging import MSS, family

from mpsim.tunnel.congestion import AckSample, CongestionController, controllers
from mpsim.tunnel.congestion.olia import Olia
from mpsim.tunnel.congestion.wvegas import WVegas

LIKE_NEWRENO_ALONE = ["lia", "olia", "balia"]


def acked(one: CongestionController, now: float = 1.0, rtt: float | None = None, size: int = MSS) -> AckSample:
    sample = AckSample()
    sample.now, sample.acked, sample.srtt = now, size, one.srtt
    sample.rtt = one.srtt if rtt is None else rtt
    sample.sent_time = now - sample.rtt
    return sample


def grow(one: CongestionController) -> float:
    """Acknowledge a packet; return the growth in packets."""
    before = one.cwnd
    one.on_acked(acked(one))
    return (one.cwnd - before) / MSS


@pytest.mark.parametrize("name", LIKE_NEWRENO_ALONE)
def test_alone_they_grow_and_shrink_as_newreno(name: str) -> None:
    lonely = controllers.create(name)
    lonely.start(MSS, 0.0)
    lonely.cwnd = lonely.ssthresh = 20.0 * MSS
    lonely.srtt = 0.1
    for one in (lonely, *family(name, (20, 0.1))):
        assert grow(one) == pytest.approx(1 / 20)
        one.on_lost(2.0, MSS, 1.5, 20 * MSS)
        assert one.cwnd == pytest.approx(10.025 * MSS)


@pytest.mark.parametrize("name", LIKE_NEWRENO_ALONE)
@pytest.mark.parametrize("count", [2, 4])
def test_equal_paths_grow_together_as_one_over_their_number(name: str, count: int) -> None:
    # Equal windows w: each law gives 1 / (n^2 w) for a packet acknowledged.
    paths = family(name, *[(20, 0.1)] * count)
    assert grow(paths[0]) == pytest.approx(1 / (count**2 * 20), rel=1e-6)


class TestOlia:
    def paths(self, *windows_and_rtts: tuple[float, float], between: tuple[int, ...]) -> list[CongestionController]:
        made = family("olia", *windows_and_rtts)
        for one, size in zip(made, between, strict=True):
            assert isinstance(one, Olia)
            one._between_losses = size
        return made

    def test_the_best_path_with_the_largest_window_adds_no_epsilon(self) -> None:
        wide, narrow = self.paths((30, 0.1), (10, 0.1), between=(10**6, 10**5))
        assert grow(wide) == pytest.approx(30 / 40**2)
        wide.cwnd = 30.0 * MSS
        assert grow(narrow) == pytest.approx(10 / 40**2)

    def test_a_better_path_with_a_small_window_is_given_what_the_largest_gives_up(self) -> None:
        wide, narrow = self.paths((30, 0.1), (10, 0.1), between=(10**5, 10**6))
        assert grow(wide) == pytest.approx(30 / 40**2 - 1 / 2 / 30)
        wide.cwnd = 30.0 * MSS
        assert grow(narrow) == pytest.approx(10 / 40**2 + 1 / 2 / 10)

    def test_paths_are_ranked_by_bytes_between_losses_over_the_square_of_the_round_trip(self) -> None:
        # 4 times the bytes make up for twice the round-trip time: a little more, and the far path is the better.
        for size, sign in ((410_000, 1), (390_000, 0)):
            near, far = self.paths((30, 0.1), (10, 0.2), between=(100_000, size))
            shared = 10 / 0.2**2 / (30 / 0.1 + 10 / 0.2) ** 2
            assert grow(far) == pytest.approx(shared + sign / 2 / 10)
            far.cwnd = 10.0 * MSS
            assert grow(near) == pytest.approx(30 / 0.1**2 / (30 / 0.1 + 10 / 0.2) ** 2 - sign / 2 / 30)

    def test_several_share_what_is_given_and_taken(self) -> None:
        # n = 4; two of the largest window, one of the best, one neither.
        paths = self.paths((30, 0.1), (30, 0.1), (10, 0.1), (10, 0.1), between=(1, 1, 10**6, 1))
        expected = [-1 / (4 * 2), -1 / (4 * 2), 1 / 4, 0.0]
        for one, epsilon in zip(paths, expected, strict=True):
            window = one.cwnd
            assert grow(one) == pytest.approx((window / MSS) / 80**2 + epsilon / (window / MSS), rel=1e-3)
            one.cwnd = window

    def test_what_counts_is_the_longer_of_the_last_two_intervals(self) -> None:
        (one,) = family("olia", (10, 0.1))
        assert isinstance(one, Olia)
        one.on_acked(acked(one, size=70 * MSS))
        one.on_lost(2.0, MSS, 1.9, 0)
        one.on_acked(acked(one, now=3.0, size=20 * MSS))
        assert one.quality == pytest.approx(70 * MSS / 0.1**2)
        one.on_lost(4.0, MSS, 3.9, 0)
        assert one.quality == pytest.approx(20 * MSS / 0.1**2)
        one.on_acked(acked(one, now=5.0, size=30 * MSS))
        assert one.quality == pytest.approx(30 * MSS / 0.1**2)

    def test_a_window_given_up_keeps_its_minimum(self) -> None:
        wide, narrow = self.paths((3, 0.1), (2, 0.1), between=(1, 10**6))
        for _ in range(50):
            wide.on_acked(acked(wide))
            narrow.cwnd = 2.0 * MSS
        assert wide.cwnd >= 2 * MSS


class TestBalia:
    def test_the_increase_is_that_of_the_draft(self) -> None:
        # x = 200 and 50 packets/s: a = 1 and 4.
        fast, slow = family("balia", (20, 0.1), (10, 0.2))
        assert grow(fast) == pytest.approx(200 / (0.1 * 250**2))
        fast.cwnd = 20.0 * MSS
        assert grow(slow) == pytest.approx(50 / (0.2 * 250**2) * (1 + 4) / 2 * (4 + 4) / 5)

    @pytest.mark.parametrize(("other", "left"), [(10, 0.5), (24, 0.4), (40, 0.25), (80, 0.25)])
    def test_a_slower_path_is_cut_more_up_to_three_quarters(self, other: float, left: float) -> None:
        one, _ = family("balia", (20, 0.1), (other, 0.1))
        one.on_lost(2.0, MSS, 1.9, 20 * MSS)
        assert one.cwnd == pytest.approx(20 * MSS * left)


class TestWvegas:
    def rounds(self, one: CongestionController, rtt: float, count: int = 1, begin: float = 10.0) -> float:
        """Play rounds of ten acknowledgements with one round-trip time; return the time after."""
        now = begin
        for _ in range(count):
            for _ in range(10):
                now += rtt / 10
                one.on_acked(acked(one, now, rtt, round(one.cwnd / 10)))
        return now

    def avoiding(self, *windows: float) -> list[WVegas]:
        """Siblings of a least round-trip time of 0.1 s, in congestion avoidance."""
        made = []
        for one in family("wvegas", *[(window, 0.1) for window in windows]):
            assert isinstance(one, WVegas)
            one._base = 0.1
            made.append(one)
        return made

    def test_alone_it_grows_to_ten_packets_of_queue_and_shrinks_above(self) -> None:
        # diff = 50 (1 - 0.1 / rtt): 4 packets at 0.1087 s, 12 at 0.1316 s.
        (one,) = self.avoiding(50)
        self.rounds(one, 0.1087, 3)
        assert one.alpha == 10
        assert one.cwnd >= 51 * MSS
        (one,) = self.avoiding(50)
        now = self.rounds(one, 0.1316, 1)
        before = one.cwnd
        self.rounds(one, 0.1316, 1, begin=now)
        assert one.cwnd == before - MSS

    def test_shares_are_those_of_the_rates(self) -> None:
        # 90 and 30 packets at 0.12 s: diff = 15 and 5, both above alpha at first; shares 3 : 1 of ten packets.
        fast, slow = self.avoiding(90, 30)
        fast.rate, slow.rate = 90 * MSS / 0.12, 30 * MSS / 0.12
        self.rounds(fast, 0.12, 2)
        assert fast.alpha == pytest.approx(7.5, rel=0.03)
        self.rounds(slow, 0.12, 2)
        assert slow.alpha == pytest.approx(2.5, rel=0.05)

    def test_twice_the_least_queueing_delay_drains_the_queue(self) -> None:
        # 10 of 50 packets wait at 0.125 s; twice as long a queue is 0.15 s.
        (one,) = self.avoiding(50)
        one._end_round(acked(one), 0.125)
        assert one._least_queue == pytest.approx(0.025)
        before = one.cwnd
        one._end_round(acked(one), 0.149)
        assert one.cwnd == before - MSS
        one._end_round(acked(one), 0.151)
        assert one.cwnd == pytest.approx((before - 2 * MSS) * 0.1 / (2 * 0.151))
        assert one._least_queue == 0.0

    def test_linuxs_drains_at_its_own_second_packet(self) -> None:
        for as_linux in (False, True):
            (one,) = self.avoiding(50)
            one.as_linux = as_linux
            now = self.rounds(one, 0.102, 2)
            before = one.cwnd
            self.rounds(one, 0.1045, 2, begin=now)
            assert (one.cwnd < before) == as_linux

    def test_slow_start_ends_when_a_packet_waits(self) -> None:
        one = controllers.create("wvegas")
        one.start(MSS, 0.0)
        one.srtt = 0.1
        now = self.rounds(one, 0.1, 3)
        assert one.cwnd > 40 * MSS
        assert one.ssthresh == float("inf")
        self.rounds(one, 0.11, 2, begin=now)
        assert one.ssthresh < float("inf")
        assert one.cwnd == pytest.approx(one.ssthresh, abs=2 * MSS)

    def test_a_loss_halves_and_begins_anew(self) -> None:
        (one,) = self.avoiding(50)
        self.rounds(one, 0.12, 3)
        before = one.cwnd
        one.on_lost(20.0, MSS, 19.9, 0)
        assert one.cwnd == before / 2
        assert (one.alpha, one.rate) == (2, 0.0)
