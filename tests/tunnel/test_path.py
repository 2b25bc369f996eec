"""A path's sender: round-trip times, losses by RFC 9002, the delivery rate, liveness, pacing."""

from __future__ import annotations

from math import inf

import pytest

from mpsim.tunnel.congestion import AckSample, CongestionController, controllers
from mpsim.tunnel.datagrams import Data, Feedback
from mpsim.tunnel.liveness import DEAD_AFTER, INITIAL_RTT, PROBE_ACTIVE, PROBE_AGAIN, PROBE_DOWN, PROBE_IDLE
from mpsim.tunnel.loss_detection import Nack, Rfc9002
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.path import Path
from mpsim.tunnel.receiver import FEEDBACK_DELAY
from mpsim.tunnel.wire import OVERHEAD, microseconds

SIZE = 1000
ON_WIRE = SIZE + OVERHEAD


class Bench:
    """A path that is up, and a far end that says what the test wants."""

    def __init__(self, congestion: str | CongestionController = "newreno", detection: str = "rfc9002") -> None:
        controller = controllers.create(congestion) if isinstance(congestion, str) else congestion
        self.path = Path(
            0,
            congestion=controller,
            detection=Rfc9002() if detection == "rfc9002" else Nack(),
            mss=1500,
        )
        self.path.come_up(0.0)

    def send(self, now: float, count: int = 1) -> list[Data]:
        return [
            self.path.transmit(Packet(SIZE, "flow", None), 0, number, 0, 1, now, microseconds(now))
            for number in range(count)
        ]

    def hear(
        self, now: float, *ranges: tuple[int, int], held: float = 0.0, ack: int = 0, nack: int = 0, marks: int = 0
    ) -> tuple[int, list[int]]:
        """Feedback (ranges highest first) sent `held` seconds after the newest came; bytes and lost numbers."""
        back = microseconds(now)  # as if the way back took no time
        feedback = Feedback(2, 0, 0, back, 0, ranges, microseconds(now - held), 0, ack, nack, marks)
        acked, lost = self.path.on_feedback(feedback, now)
        return acked, [sent.path_sequence for sent in lost]


def test_round_trip_times_are_smoothed_as_in_rfc_9002() -> None:
    path = Bench().path
    path.update_rtt(0.100)
    assert (path.srtt, path.rttvar, path.min_rtt) == (0.100, 0.050, 0.100)
    path.update_rtt(0.200)
    assert path.rttvar == pytest.approx(0.75 * 0.050 + 0.25 * 0.100)
    assert path.srtt == pytest.approx(0.875 * 0.100 + 0.125 * 0.200)
    path.update_rtt(0.050)
    assert (path.min_rtt, path.latest_rtt) == (0.050, 0.050)


def test_what_the_far_end_held_back_is_not_the_path_s() -> None:
    bench = Bench()
    bench.send(1.0, 2)
    bench.hear(1.060, (0, 1), held=0.010)
    assert bench.path.srtt == pytest.approx(0.050, abs=2e-6)


def test_only_the_newest_gives_a_sample() -> None:
    bench = Bench()
    bench.send(1.0, 3)
    bench.hear(1.050, (2, 2))
    bench.hear(1.060, (2, 2), (0, 0))  # nothing new about 2
    assert bench.path.srtt == pytest.approx(0.050, abs=2e-6)


def test_three_later_ones_are_a_loss() -> None:
    bench = Bench()
    bench.send(1.0, 5)
    assert bench.hear(1.050, (1, 1)) == (ON_WIRE, [])
    assert bench.hear(1.051, (1, 2)) == (ON_WIRE, [])
    assert bench.hear(1.052, (1, 3)) == (ON_WIRE, [0])  # 3 - 0 >= 3
    assert bench.path.lost_datagrams == 1
    assert bench.path.bytes_in_flight == ON_WIRE


def test_several_holes_at_once() -> None:
    bench = Bench()
    bench.send(1.0, 10)
    assert bench.hear(1.050, (9, 9), (5, 6), (2, 2)) == (4 * ON_WIRE, [0, 1, 3, 4])
    # 7 and 8 are too near to the newest.
    assert bench.path.bytes_in_flight == 2 * ON_WIRE


def test_nine_eighths_of_a_round_trip_are_a_loss() -> None:
    bench = Bench()
    bench.send(1.0)
    bench.send(1.001)
    assert bench.hear(1.101, (1, 1)) == (ON_WIRE, [])
    deadline = 1.0 + 9 / 8 * 0.1
    assert bench.path.flight.lost_at == pytest.approx(deadline, abs=1e-5)
    assert bench.path.next_timeout() <= deadline + 1e-5
    assert not bench.path.on_time(deadline - 0.001)
    assert [sent.path_sequence for sent in bench.path.on_time(deadline + 0.001)] == [0]


def test_a_late_one_is_no_loss() -> None:
    bench = Bench()
    bench.send(1.0, 3)
    bench.hear(1.050, (1, 2))
    assert bench.hear(1.055, (0, 2)) == (ON_WIRE, [])
    assert bench.path.flight.lost_at == inf
    assert bench.path.bytes_in_flight == 0


def test_feedback_that_repeats_acknowledges_nothing() -> None:
    bench = Bench()
    bench.send(1.0, 4)
    assert bench.hear(1.050, (0, 2))[0] == 3 * ON_WIRE
    assert bench.hear(1.051, (0, 2)) == (0, [])
    assert bench.hear(1.052, (0, 1)) == (0, [])  # overtaken by a newer one


@pytest.mark.parametrize("ranges", [((0, 9),), ((5, 2**31),), ((2**32 - 5, 2**32 - 1),)])
def test_what_was_never_sent_cannot_be_acknowledged(ranges: tuple[tuple[int, int], ...]) -> None:
    bench = Bench()
    bench.send(1.0, 3)
    with pytest.raises(ValueError, match="never sent"):
        bench.hear(1.1, *ranges)
    assert bench.path.bytes_in_flight == 3 * ON_WIRE


def test_numbers_go_on_beyond_32_bits() -> None:
    bench = Bench()
    bench.path.next_sequence = 2**32 - 2
    bench.path.flight.largest_acked = 2**32 - 3
    numbers = [sent.path_sequence for sent in bench.send(1.0, 4)]
    assert numbers == [2**32 - 2, 2**32 - 1, 2**32, 2**32 + 1]
    # On the wire the newest is 1; its range begins before the turn.
    assert bench.hear(1.1, (-2, 1)) == (4 * ON_WIRE, [])


def test_nack_is_the_receiver_s_word() -> None:
    bench = Bench(detection="nack")
    bench.send(1.0, 8)
    # 2 is missing: the receiver still waits (ACK 2), whatever came after it.
    assert bench.hear(1.05, (3, 7), (0, 1), ack=2) == (2 * ON_WIRE, [])
    assert bench.hear(1.10, (3, 7), (0, 1), ack=8, nack=3) == (5 * ON_WIRE, [2])


def test_nack_gives_up_after_three_round_trips() -> None:
    bench = Bench(detection="nack")
    bench.send(1.0, 2)
    bench.hear(1.1, (0, 0), ack=1)
    assert bench.path.srtt == pytest.approx(0.1, abs=1e-5)
    assert not bench.path.on_time(1.29)
    assert [sent.path_sequence for sent in bench.path.on_time(1.31)] == [1]


class Recording(CongestionController):
    """Keeps what it is told."""

    name = "recording"
    cwnd = 1e9

    def __init__(self) -> None:
        self.rates: list[tuple[float | None, bool]] = []
        self.lost: list[int] = []
        self.marks = 0

    def on_acked(self, sample: AckSample) -> None:
        self.rates.append((sample.delivery_rate, sample.app_limited))

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self.lost.append(lost)

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        self.marks += 1


def test_the_delivery_rate_is_that_of_the_bottleneck() -> None:
    """Forty datagrams are under way, and one each 2 ms leaves the bottleneck and is answered."""
    control = Recording()
    bench = Bench(control)
    bench.send(0.0, 40)
    for number in range(200):
        bench.hear(0.050 + number * 0.002, (0, number))
        bench.send(0.050 + number * 0.002)
    # The first burst and what was sent while it was answered is behind after 80.
    rates = [rate for rate, _ in control.rates[80:]]
    assert rates == pytest.approx([ON_WIRE * 8 / 0.002] * len(rates), rel=0.001)
    assert bench.path.delivery_rate == pytest.approx(ON_WIRE * 8 / 0.002, rel=0.001)


def test_a_sender_that_bursts_measures_no_more_than_it_sent() -> None:
    """Acknowledgements that come in one lump do not look like a fast path (the send rate bounds it)."""
    control = Recording()
    bench = Bench(control)
    for number in range(50):
        bench.send(number * 0.010)
    bench.hear(0.6, (0, 20))
    bench.hear(0.6001, (0, 49))
    assert max(rate for rate, _ in control.rates if rate) <= ON_WIRE * 8 / 0.010 * 1.1


def test_a_slow_application_does_not_lower_the_estimate() -> None:
    control = Recording()
    bench = Bench(control)
    path = bench.path
    bench.send(0.0, 40)
    for number in range(40):
        bench.hear(0.050 + number * 0.002, (0, number))
        bench.send(0.050 + number * 0.002)
    for number in range(40, 80):
        bench.hear(0.050 + number * 0.002, (0, number))
    fast = path.delivery_rate
    for number in range(80, 90):
        path.delivery.on_no_data(path.bytes_in_flight)
        bench.send(number * 1.0)
        bench.hear(number * 1.0 + 0.05, (0, number))
    assert all(limited for _, limited in control.rates[80:])
    assert control.rates[-1][0] == pytest.approx(ON_WIRE * 8 / 0.05, rel=0.01)
    assert path.delivery_rate == fast


def test_losses_and_marks_reach_the_algorithm() -> None:
    control = Recording()
    bench = Bench(control)
    bench.send(1.0, 6)
    bench.hear(1.05, (3, 5), marks=1)
    bench.hear(1.06, (3, 5), marks=1)  # the same count: nothing new
    bench.hear(1.07, (3, 5), marks=3)
    assert control.lost == [3 * ON_WIRE]
    assert control.marks == 2


def test_recovery_ends_though_one_answer_has_taken_the_loss_ratio_to_zero() -> None:
    bench = Bench(Recording())
    bench.send(1.0, 300)
    bench.hear(1.05, (1, 3))
    assert bench.path.loss_ratio == pytest.approx(1 / 256)
    bench.hear(1.06, (1, 299))  # all sent before the loss was noticed
    assert (bench.path.loss_ratio, bench.path.in_recovery) == (0.0, True)
    bench.send(1.1)
    bench.hear(1.15, (1, 300))
    assert not bench.path.in_recovery


def test_a_window_admits_what_fits() -> None:
    bench = Bench()
    path = bench.path
    count = int(path.cwnd // ON_WIRE)
    bench.send(1.0, count - 1)
    assert path.can_send(SIZE, 1.0)
    bench.send(1.0)
    assert path.bytes_in_flight <= path.cwnd
    assert not path.can_send(SIZE, 1.0)
    path.queue.append((Packet(SIZE, "flow", None), 0, 0, 0))
    assert not path.can_send(1, 1.0)  # what waits on the path goes first


def test_a_packet_larger_than_the_window_goes_alone() -> None:
    bench = Bench(Recording())
    bench.path.cwnd = 100.0
    assert bench.path.can_send(SIZE, 1.0)
    bench.send(1.0)
    assert not bench.path.can_send(1, 1.0)


def test_pacing_spreads_what_the_window_allows() -> None:
    control = Recording()
    control.pacing_rate = ON_WIRE * 8 / 0.010
    bench = Bench(control)
    sent = 0
    now = 1.0
    while now < 2.0:
        if bench.path.can_send(SIZE, now):
            bench.send(now)
            sent += 1
        else:
            assert now < bench.path.pacing_alarm(now) <= now + 0.011
        now += 0.0005
    assert sent == pytest.approx(100, abs=2)


def test_silence_kills_after_400_ms_and_not_before() -> None:
    bench = Bench()
    path = bench.path
    path.update_rtt(0.020)
    bench.send(1.0)
    assert path.grace == DEAD_AFTER == 0.4
    assert not path.is_dead(1.399)
    assert path.is_dead(1.4001)
    assert [sent.path_sequence for sent in path.go_down(1.4001)] == [0]
    assert not path.up
    assert path.bytes_in_flight == 0


def test_a_slow_path_gets_more_time() -> None:
    path = Bench().path
    path.update_rtt(1.0)
    path.wait_for_answer(1.0)
    assert path.grace == path.probe_timeout() > 1.0


def test_an_overdue_answer_is_asked_for() -> None:
    bench = Bench()
    path = bench.path
    path.update_rtt(0.020)
    path.probe_sent(0.9, active=True)
    path.waiting_since = inf
    bench.send(1.0)
    # RFC 9002, section 6.2.1: srtt + 4 rttvar + the far end's delay.
    assert path.probe_timeout() == pytest.approx(0.020 + 4 * 0.010 + FEEDBACK_DELAY)
    assert path.probe_at() == pytest.approx(1.0 + path.probe_timeout())
    path.probe_sent(1.07, active=True)
    assert path.probe_at() == pytest.approx(1.07 + PROBE_AGAIN)


def test_probes_by_the_calendar() -> None:
    path = Bench().path
    path.probe_sent(1.0, active=True)
    path.heard(1.02)
    assert path.probe_at() == 1.0 + PROBE_ACTIVE
    path.probe_sent(2.0, active=False)
    path.heard(2.02)
    assert path.probe_at() == 2.0 + PROBE_IDLE
    path.go_down(3.0)
    assert path.probe_at() == 3.0
    path.probe_sent(3.0, active=False)
    assert path.probe_at() == 3.0 + PROBE_DOWN
    path.carrier = False
    assert path.probe_at() == inf


def test_an_unknown_path_is_given_a_guess() -> None:
    assert Path(0, congestion=controllers.create("newreno"), detection=Rfc9002(), mss=1500).probe_timeout() == (
        2 * INITIAL_RTT
    )


def test_on_the_way_up_everything_begins_anew() -> None:
    bench = Bench()
    path = bench.path
    bench.send(1.0, 6)
    bench.hear(1.05, (3, 5))
    assert path.cwnd < 10 * 1500
    path.go_down(2.0)
    path.come_up(3.0)
    assert path.cwnd == 10 * 1500
    assert path.ssthresh == inf
    assert bench.send(3.0)[0].path_sequence == 6  # numbers go on
    assert path.next_timeout() < inf


def test_an_answered_probe_passes_over_what_was_sent_before_it() -> None:
    bench = Bench()
    path = bench.path
    path.update_rtt(0.02)
    bench.send(1.0, 2)
    following = path.next_sequence
    bench.send(1.0)  # in the same instant, but after it
    assert [sent.path_sequence for sent in path.on_probe_answered(following, 1.1)] == [0, 1]
    assert path.bytes_in_flight == ON_WIRE
    assert not path.on_time(1.5)
