"""CoDel against its control law (RFC 8289), and as the tunnel's ingress queue."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.codel import CoDel
from mpsim.tunnel.fq_codel import FqCodel
from mpsim.tunnel.ingress import Ingress
from mpsim.tunnel.packet import Packet

STEP = 0.0001  # s between two packets
BACKLOG = 30_000  # bytes


def drops(codel: CoDel, begin: float, end: float, wait: float = 0.02, backlog: int = BACKLOG) -> list[float]:
    """When packets are refused, one leaving every 0.1 ms."""
    times = [begin + number * STEP for number in range(round((end - begin) / STEP))]
    return [time for time in times if codel.refuses(wait, backlog, time)]


def test_drops_follow_the_control_law() -> None:
    times = drops(CoDel(), 1.0, 2.5)
    # Above target since 1.0: the first drop an interval later, then 100 ms / sqrt(drops so far) apart.
    assert times[0] == pytest.approx(1.1, abs=2 * STEP)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) > 40
    assert sum(gaps) == pytest.approx(sum(0.1 / sqrt(count) for count in range(1, len(gaps) + 1)), abs=2 * STEP)
    for count, gap in enumerate(gaps[:10], start=1):
        assert gap == pytest.approx(0.1 / sqrt(count), abs=2 * STEP)


@pytest.mark.parametrize(("wait", "backlog"), [(0.0049, BACKLOG), (0.02, 1500)])
def test_nothing_is_dropped_below_the_target_or_of_a_single_packet(wait: float, backlog: int) -> None:
    assert not drops(CoDel(), 0.0, 1.0, wait, backlog)


def test_one_short_wait_within_the_interval_is_enough() -> None:
    codel = CoDel()
    assert not drops(codel, 0.0, 0.099)
    assert not codel.refuses(0.004, BACKLOG, 0.099)
    assert not drops(codel, 0.0991, 0.199)
    assert drops(codel, 0.199, 0.2)


@pytest.mark.parametrize(("pause", "gap"), [(0.5, 1 / sqrt(3)), (2.0, 1.0)])
def test_dropping_goes_on_where_it_was_if_it_ended_a_moment_ago(pause: float, gap: float) -> None:
    codel = CoDel()
    times = drops(codel, 0.0, 0.1 + 0.1 * (1 + 1 / sqrt(2) + 1 / sqrt(3)) + 2 * STEP)
    assert len(times) == 4  # three more than the one that dropping begins with
    assert not codel.refuses(0.0, BACKLOG, times[-1] + STEP)
    again = drops(codel, times[-1] + pause, times[-1] + pause + 0.3)
    assert again[1] - again[0] == pytest.approx(0.1 * gap, abs=2 * STEP)


def filled(ingress: Ingress, count: int, ecn: int = 0) -> Ingress:
    for number in range(count):
        ingress.append(Packet(1000, number % 3, None, ecn=ecn), 0.0)
    return ingress


def leave(ingress: Ingress, now: float) -> tuple[int, Packet]:
    """Let the next packet leave that is not dropped."""
    while ingress.refuses(ingress.turn(), now):
        pass
    packet, sequence = ingress.take(ingress.turn())
    return sequence, packet


INGRESSES = [
    lambda **more: Ingress(packets=1000, target=0.005, interval=0.1, **more),
    lambda **more: FqCodel(packets=1000, target=0.005, interval=0.1, **more),
]


@pytest.mark.parametrize("make", INGRESSES)
def test_a_drop_leaves_no_hole(make: type[Ingress]) -> None:
    ingress = filled(make(), 900)
    left = [leave(ingress, 0.05 + number * 0.01)[0] for number in range(200)]
    assert left == list(range(200))
    assert ingress.drops > 10


def test_what_can_be_marked_is_marked() -> None:
    ingress = filled(INGRESSES[0](), 100, ecn=2)
    ecn = [leave(ingress, 0.05 + number * 0.01)[1].ecn for number in range(30)]
    assert ingress.drops == 0
    assert ingress.marks == ecn.count(3) > 2
    assert set(ecn) == {2, 3}


def checksum(header: bytes) -> int:
    summed = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, len(header), 2))
    while summed >> 16:
        summed = (summed & 0xFFFF) + (summed >> 16)
    return ~summed & 0xFFFF


@given(st.binary(min_size=20, max_size=20), st.sampled_from([1, 2, 3]))
def test_a_mark_in_real_bytes_keeps_the_checksum(body: bytes, ecn: int) -> None:
    header = bytearray(body)
    header[0], header[1] = 0x45, header[1] & 0xFC | ecn
    header[2:4], header[9], header[10:12] = (40).to_bytes(2, "big"), 50, b"\0\0"
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    packet = Packet.from_bytes(bytes(header) + bytes(20))
    assert packet.mark_congestion()
    marked = packet.payload
    assert marked[1] == header[1] | 3
    assert checksum(marked[:20]) == 0
    assert Packet.from_bytes(marked).ecn == 3


def test_a_mark_in_ipv6() -> None:
    data = bytes([0x6A, 0x26, 0, 0, 0, 0, 59, 64]) + bytes(32)
    packet = Packet.from_bytes(data)
    assert packet.ecn == 2
    assert packet.mark_congestion()
    assert packet.payload == bytes([0x6A, 0x36]) + data[2:]
    assert not Packet(100, "flow", None).mark_congestion()
