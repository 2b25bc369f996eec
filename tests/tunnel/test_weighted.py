"""Deficit round robin: shares in bytes, and gobonding's measured speeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubbing import MSS, ask, carry, packet, path

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.schedulers.weighted import Weighted

OPEN = 10**9  # packets


def carried(scheduler: Weighted, paths: Sequence[StubPath], sizes: Sequence[int]) -> Counter[int]:
    """Return the bytes that each path carried."""
    total: Counter[int] = Counter()
    for size in sizes:
        (index,) = carry(scheduler, paths, of=packet(size=size))
        total[index] += size
    return total


def test_a_turn_lasts_for_as_many_bytes_as_the_weight_says() -> None:
    scheduler = Weighted(weights=[2, 1], quantum=2 * MSS)
    paths = [path(0, cwnd=OPEN), path(1, cwnd=OPEN)]
    assert [carry(scheduler, paths)[0] for _ in range(12)] == [0, 0, 0, 0, 1, 1] * 2


def test_what_is_left_of_a_grant_counts_in_the_next_turn() -> None:
    scheduler = Weighted(quantum=1500)
    paths = [path(0, cwnd=OPEN), path(1, cwnd=OPEN)]
    assert [carry(scheduler, paths)[0] for _ in range(10)] == [0, 1, 0, 0, 1, 1, 0, 1, 0, 0]


@given(
    weights=st.lists(st.floats(0.1, 10), min_size=2, max_size=4),
    seed=st.integers(0, 1000),
)
def test_shares_are_those_of_the_weights_in_bytes(weights: list[float], seed: int) -> None:
    random = Random(seed)
    paths = [path(index, cwnd=OPEN) for index in range(len(weights))]
    sizes = [random.choice((40, 576, 1400)) for _ in range(2000)]
    total = carried(Weighted(weights=weights), paths, sizes)
    # No path is further from its share than its grant and a packet (Shreedhar and Varghese, theorem 2).
    for index, weight in enumerate(weights):
        share = sum(sizes) * weight / sum(weights)
        assert abs(total[index] - share) <= 3000 * weight / min(weights) + 1400


def test_seventy_to_thirty() -> None:
    total = carried(Weighted(weights=[7, 3]), [path(0, cwnd=OPEN), path(1, cwnd=OPEN)], [1200] * 10_000)
    assert total[0] / sum(total.values()) == pytest.approx(0.7, rel=0.001)


def test_equal_weights_if_none_are_given_or_too_few() -> None:
    paths = [path(index, cwnd=OPEN) for index in range(3)]
    assert len(set(carried(Weighted(), paths, [MSS] * 360).values())) == 1
    total = carried(Weighted(weights=[2]), paths, [MSS] * 480)
    assert [total[index] for index in range(3)] == [240_000, 120_000, 120_000]


def test_weight_zero_is_for_the_last_resort() -> None:
    paths = [path(0, cwnd=OPEN), path(1, cwnd=OPEN)]
    scheduler = Weighted(weights=[0, 1])
    assert carried(scheduler, paths, [MSS] * 10) == {1: 10 * MSS}
    assert carried(scheduler, paths[:1], [MSS] * 10) == {0: 10 * MSS}


def test_a_full_window_is_passed_over_or_waited_for() -> None:
    paths = [path(0, cwnd=2), path(1, cwnd=OPEN)]
    scheduler = Weighted(quantum=MSS)
    assert [carry(scheduler, paths)[0] for _ in range(7)] == [0, 1, 0, 1, 1, 1, 1]
    waiting = Weighted(quantum=MSS, cwnd_limited=False)
    paths[0].bytes_in_flight = 0
    assert [carry(waiting, paths) for _ in range(6)] == [[0], [1], [0], [1], [], []]
    paths[0].bytes_in_flight = 0
    assert [carry(waiting, paths) for _ in range(2)] == [[0], [1]]


def test_a_turn_ends_with_its_path() -> None:
    paths = [path(0, cwnd=OPEN), path(1, cwnd=OPEN)]
    scheduler = Weighted(cwnd_limited=False)
    assert ask(scheduler, paths) == [0]
    assert ask(scheduler, paths[1:]) == [1]


class Meter:
    """Two paths that a measuring scheduler is told about."""

    def __init__(self) -> None:
        self.scheduler = Weighted(measured=True)
        self.paths = [path(0, srtt=0.1, cwnd=OPEN), path(1, srtt=0.1, cwnd=OPEN)]

    def send(self, index: int, now: float) -> None:
        self.paths[index].bytes_in_flight += MSS
        self.scheduler.on_sent(self.paths[index], packet(), now)

    def acknowledge(self, index: int, now: float) -> None:
        acked, self.paths[index].bytes_in_flight = self.paths[index].bytes_in_flight, 0
        self.scheduler.on_acked(self.paths[index], acked, now)

    def measure(self, index: int, packets: int, begin: float, delay: float = 0.05) -> None:
        """Send so many packets in half a second; the last one takes `delay`, its acknowledgement 50 ms."""
        for number in range(packets):
            self.send(index, begin + 0.5 * number / (packets - 1))
        self.acknowledge(index, begin + 0.5 + delay + 0.05)

    def speeds(self) -> list[float]:
        return [self.scheduler._weight(one) for one in self.paths]


def test_a_speed_is_what_was_sent_over_the_time_until_it_arrived() -> None:
    meter = Meter()
    assert meter.speeds() == [128e3, 128e3]
    meter.measure(0, 551, 1.0)
    assert meter.speeds() == pytest.approx([551 * 8000 / 0.55, 128e3])
    meter.measure(1, 276, 1.0, delay=0.05)
    total = carried(meter.scheduler, meter.paths, [MSS] * 3000)
    assert total[0] / total[1] == pytest.approx(551 / 276, rel=0.01)


def test_a_queue_counts_against_a_path() -> None:
    meter = Meter()
    meter.measure(0, 551, 1.0, delay=0.6)
    assert meter.speeds()[0] == pytest.approx(551 * 8000 / 1.1)


def test_small_changes_change_nothing_and_the_floor_holds() -> None:
    meter = Meter()
    meter.measure(0, 551, 1.0)
    before = meter.speeds()
    meter.measure(0, 600, 2.0)  # 9 %
    meter.measure(0, 500, 3.0)
    assert meter.speeds() == before
    meter.measure(0, 620, 4.0)  # 12.5 %
    assert meter.speeds()[0] == pytest.approx(620 * 8000 / 0.55)
    meter.measure(0, 2, 5.0)  # an idle path is thought slow
    assert meter.speeds()[0] == 128e3


def test_measured_weights_are_shown_and_fixed_ones_are_not() -> None:
    meter = Meter()
    assert [meter.scheduler.measured_weight(path) for path in meter.paths] == meter.speeds()
    meter.measure(0, 551, 1.0)
    assert meter.scheduler.measured_weight(meter.paths[0]) == pytest.approx(551 * 8000 / 0.55)
    assert Weighted(weights=[2, 1]).measured_weight(meter.paths[0]) is None


def test_what_is_lost_ends_a_measurement_as_well() -> None:
    meter = Meter()
    for number in range(551):
        meter.send(0, 1.0 + number / 1100)
    one = meter.paths[0]
    one.bytes_in_flight -= 51 * MSS
    meter.scheduler.on_lost(one, 51 * MSS, 1.55)
    assert meter.speeds()[0] == 128e3
    meter.acknowledge(0, 1.6)
    assert meter.speeds()[0] == pytest.approx(551 * 8000 / 0.55)  # counted as sent, as in gobonding
