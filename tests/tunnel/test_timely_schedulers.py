"""What the schedulers decide that reckon when a packet arrives: sttf, stms, srpt, linux-default, smallest-delay."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

import pytest

from mpsim.contract.scheduling import StubPath
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import Scheduler
from mpsim.tunnel.schedulers.linux_default import LinuxDefault, pacing_rate
from mpsim.tunnel.schedulers.smallest_delay import SmallestDelay
from mpsim.tunnel.schedulers.srpt import Srpt
from mpsim.tunnel.schedulers.stms import Stms
from mpsim.tunnel.schedulers.sttf import Sttf, transfer_time

MSS = 1000
INFINITY = float("inf")


def path(
    index: int,
    *,
    rtt: float = 0.02,
    cwnd: float = 10,
    in_flight: int = 0,
    queued: int = 0,
    ssthresh: float = 1,
    rate: float = 0.0,
) -> StubPath:
    """A path of windows in packets, in congestion avoidance unless told otherwise."""
    one = StubPath(index, Random(index))
    one.srtt = one.latest_rtt = one.min_rtt = rtt
    one.cwnd, one.bytes_in_flight, one.queued_bytes = cwnd * MSS, in_flight * MSS, queued * MSS
    one.ssthresh, one.mss, one.delivery_rate, one.pacing_rate = ssthresh * MSS, MSS, rate, None
    return one


def packet(flow: object = 0, size: int = MSS) -> Packet:
    made = Packet(size, flow, None)
    made.entered = 0.0
    return made


def ask(scheduler: Scheduler, paths: Sequence[StubPath], now: float = 0.0) -> int | None:
    """Ask once, as the tunnel would: what cannot leave waits on its path."""
    one = scheduler.select(packet(), paths, now)
    if one is None:
        return None
    assert isinstance(one, StubPath)
    if one.can_send(MSS, now):
        one.bytes_in_flight += MSS
    else:
        one.queued_bytes += MSS
    return one.index


# STTF


def test_sttf_half_a_round_trip_while_the_window_has_room() -> None:
    assert transfer_time(path(0, rtt=0.02, in_flight=9), MSS) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("queued", "rounds"),
    # Window 10, full, 11 in the next round, then 12: the 1st to 11th wait one round, the 12th to 23rd two.
    [(0, 1), (10, 1), (11, 2), (22, 2), (23, 3)],
)
def test_sttf_counts_rounds_of_a_window_that_grows_by_one(queued: int, rounds: int) -> None:
    full = path(0, rtt=0.02, in_flight=10, queued=queued)
    assert transfer_time(full, MSS) == pytest.approx((rounds + 0.5) * 0.02)


@pytest.mark.parametrize(("queued", "rounds"), [(7, 1), (8, 2), (23, 2), (24, 3), (40, 3), (41, 4)])
def test_sttf_doubles_the_window_up_to_ssthresh(queued: int, rounds: int) -> None:
    # 4 full, then 8, 16, and 17 above a threshold of 12.
    full = path(0, rtt=0.02, cwnd=4, in_flight=4, queued=queued, ssthresh=12)
    assert transfer_time(full, MSS) == pytest.approx((rounds + 0.5) * 0.02)


def test_sttf_waits_for_the_near_path_as_long_as_that_is_sooner() -> None:
    near, far = path(0, rtt=0.01, in_flight=10), path(1, rtt=0.04)
    # By the far one 20 ms; by the near one 15 ms for a window of 11, and 25 ms for what comes after.
    assert [ask(Sttf(), [near, far]) for _ in range(13)] == [0] * 11 + [1] * 2


def test_sttf_commits_nothing_while_nothing_can_leave() -> None:
    assert ask(Sttf(), [path(0, rtt=0.01, in_flight=10), path(1, rtt=0.04, in_flight=10)]) is None


def test_sttf_does_not_wait_for_a_path_it_knows_nothing_of() -> None:
    assert ask(Sttf(), [path(0, rtt=0.0, in_flight=10), path(1, rtt=0.04)]) == 1
    assert ask(Sttf(), [path(0, rtt=0.0), path(1, rtt=0.04)]) == 0


# STMS


def test_stms_gives_the_slow_path_what_lies_a_gap_behind() -> None:
    # 8 Mbit/s for (100 - 20) / 2 ms are 40 packets.
    fast, slow = path(0, in_flight=10, rate=8e6), path(1, rtt=0.1)
    assert Stms().gap(fast, slow) == pytest.approx(40 * MSS)
    assert [ask(Stms(), [fast, slow]) for _ in range(43)] == [0] * 40 + [1] * 3


def test_stms_takes_the_window_for_a_rate_it_has_not_measured() -> None:
    assert Stms().gap(path(0, cwnd=20), path(1, rtt=0.1)) == pytest.approx(20 / 0.02 * 0.04 * MSS)


def test_stms_prefers_the_fast_path_and_waits_if_both_are_full() -> None:
    assert ask(Stms(), [path(0), path(1, rtt=0.1)]) == 0
    assert ask(Stms(), [path(0, in_flight=10), path(1, rtt=0.1, in_flight=10)]) is None


@pytest.mark.parametrize("error", [0.01, -0.01])
def test_stms_corrects_the_lead_by_what_comes_late_or_early(error: float) -> None:
    scheduler = Stms(gain=0.25)
    fast, slow = path(0, in_flight=10, rate=8e6), path(1, rtt=0.1, in_flight=2)
    while ask(scheduler, [fast, slow]) == 0:
        pass
    # 50 packets are before the slow one's on the fast path, two on its own.
    arrival = 0.05
    scheduler.on_acked(fast, 49 * MSS, arrival)  # not yet
    scheduler.on_acked(fast, MSS, arrival + fast.min_rtt / 2)
    scheduler.on_acked(slow, 2 * MSS, arrival)
    scheduler.on_acked(slow, MSS, arrival + error + slow.min_rtt / 2)
    assert scheduler.gap(fast, slow) == pytest.approx((0.04 + 0.25 * error) * 1e6)


def test_stms_learns_nothing_from_a_loss() -> None:
    scheduler = Stms()
    fast, slow = path(0, in_flight=10, rate=8e6), path(1, rtt=0.1, in_flight=2)
    while ask(scheduler, [fast, slow]) == 0:
        pass
    scheduler.on_lost(fast, MSS, 0.03)
    scheduler.on_acked(fast, 60 * MSS, 0.05)
    scheduler.on_acked(slow, 10 * MSS, 0.3)
    assert scheduler.gap(fast, slow) == pytest.approx(40 * MSS)


# SRPT


def served(scheduler: Srpt, waiting: deque[Packet], count: int, now: float = 0.0) -> list[object]:
    """Let so many packets leave; return their flows."""
    flows = []
    for _ in range(count):
        position = scheduler.pick(waiting, now)
        one = waiting[position]
        del waiting[position]
        scheduler.on_sent(path(0), one, now)
        flows.append(one.flow)
    return flows


def test_srpt_serves_the_flow_that_had_least_and_keeps_each_in_order() -> None:
    bulk, short = [packet("bulk") for _ in range(6)], [packet("short") for _ in range(2)]
    waiting = deque([*bulk, *short])
    scheduler = Srpt()
    served(scheduler, deque([packet("bulk")] * 3), 3)
    assert served(scheduler, waiting, 2) == ["short"] * 2
    assert list(waiting) == bulk
    assert served(scheduler, waiting, 1) == ["bulk"]
    assert list(waiting) == bulk[1:]


def test_srpt_shares_between_flows_that_had_as_much() -> None:
    waiting = deque([packet("a")] * 5 + [packet("b")] * 5)
    assert sorted(served(Srpt(), waiting, 6), key=str) == ["a"] * 3 + ["b"] * 3


def test_srpt_halves_what_flows_had() -> None:
    scheduler = Srpt(half_life=1.0)
    served(scheduler, deque([packet("old")] * 8), 8)
    served(scheduler, deque([packet("new")] * 3), 3, now=1.5)  # the old one counts 4 packets by now
    assert served(scheduler, deque([packet("old")] * 3 + [packet("new")] * 3), 3, now=1.6) == ["new", "old", "new"]


def test_srpt_goes_by_the_path_that_delivers_first() -> None:
    near, far = path(0, rtt=0.02, in_flight=9, rate=1e6), path(1, rtt=0.06, rate=1e6)
    assert ask(Srpt(), [near, far]) == 1  # 80 ms of queue and 10 against 8 and 30


# Linux


def test_linux_paces_by_the_window() -> None:
    assert pacing_rate(path(0, rtt=0.02, cwnd=10, ssthresh=30)) == pytest.approx(2.0 * 10 * MSS / 0.02)
    assert pacing_rate(path(0, rtt=0.02, cwnd=10, ssthresh=15)) == pytest.approx(1.2 * 10 * MSS / 0.02)
    assert pacing_rate(path(0, rtt=0.0)) == INFINITY
    paced = path(0)
    paced.pacing_rate = 8e6
    assert pacing_rate(paced) == 1e6


def test_linux_takes_what_flushes_first() -> None:
    # 5 packets of 600 kB/s are 8 ms; 3 of 200 kB/s are 15.
    assert ask(LinuxDefault(), [path(0, in_flight=5), path(1, rtt=0.06, in_flight=3)]) == 0
    assert ask(LinuxDefault(), [path(0, in_flight=5), path(1, rtt=0.06, in_flight=1)]) == 1


def test_linux_stays_for_a_burst() -> None:
    scheduler = LinuxDefault(burst=3 * MSS)
    paths = [path(0, cwnd=100), path(1, cwnd=100)]
    assert [ask(scheduler, paths) for _ in range(9)] == [0] * 3 + [1] * 3 + [0] * 3


def test_linux_waits_for_the_send_buffer_of_the_chosen_one_alone() -> None:
    scheduler = LinuxDefault(burst=MSS, send_buffer=2.0)
    # 20 packets are two windows; 19 take 32 ms to flush, 3 of the other 50.
    paths = [path(0, in_flight=10, queued=9), path(1, rtt=0.2, in_flight=3)]
    assert [ask(scheduler, paths) for _ in range(2)] == [0, None]


def test_linux_averages_the_pacing_rate_by_bytes() -> None:
    scheduler = LinuxDefault(burst=10 * MSS)
    one = path(0, cwnd=40)
    for _ in range(10):
        ask(scheduler, [one])  # a burst at 2400 kB/s
    one.cwnd = 20.0 * MSS
    ask(scheduler, [one])  # the next at 1200, with as much held: the mean, 1800
    other = path(1, cwnd=40)
    one.bytes_in_flight, other.bytes_in_flight = 18 * MSS, 25 * MSS
    for _ in range(9):
        scheduler.select(packet(), [one], 0.0)
    assert ask(scheduler, [one, other]) == 0  # 10 ms against 10.4; at 1200 kB/s it were 15


# Smallest delay


def test_smallest_delay_waits_rather_than_use_another() -> None:
    assert ask(SmallestDelay(), [path(0, rtt=0.01, in_flight=10), path(1)]) is None


def test_smallest_delay_changes_for_what_is_clearly_nearer() -> None:
    scheduler = SmallestDelay(margin=0.1)
    first, second = path(0, rtt=0.02), path(1, rtt=0.03)
    assert ask(scheduler, [first, second]) == 0
    second.srtt = 0.0185
    assert ask(scheduler, [first, second]) == 0
    second.srtt = 0.0175
    assert ask(scheduler, [first, second]) == 1
    assert ask(scheduler, [first]) == 0
