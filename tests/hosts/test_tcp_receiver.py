"""The receiving end: when it acknowledges, and what."""

from __future__ import annotations

from math import inf

import pytest

from mpsim.hosts.segments import HEADER, Ack, Segment, ack_size
from mpsim.hosts.tcp_receiver import ACK_EVERY, DELAYED_ACK, QUICK_ACKS, TcpReceiver
from mpsim.tunnel.packet import Packet

MSS = 1000


class Bench:
    """A receiver past its quick acknowledgements."""

    def __init__(self, quick: int = 0) -> None:
        self.receiver = TcpReceiver("acks")
        self.next = 0
        for _ in range(QUICK_ACKS - quick):
            self.put(self.next)
            self.next += 1

    def put(self, *numbers: int, now: float = 0.0, sent: float = 0.0) -> list[Ack]:
        for number in numbers:
            self.receiver.receive(Packet(MSS + HEADER, "data", Segment(number, MSS, sent)), now)
        return [packet.payload for packet in self.receiver.packets_to_send()]


def test_the_first_ones_are_acknowledged_one_by_one() -> None:
    bench = Bench(quick=QUICK_ACKS)
    for number in range(QUICK_ACKS):
        assert [ack.ack for ack in bench.put(number)] == [number + 1]
    assert bench.put(QUICK_ACKS) == []


def test_later_every_second_one_is() -> None:
    bench = Bench()
    numbers = range(bench.next, bench.next + 10)
    assert [ack.ack for number in numbers for ack in bench.put(number)] == [number + 1 for number in numbers][
        1::ACK_EVERY
    ]


def test_a_lone_one_waits_for_forty_milliseconds() -> None:
    bench = Bench()
    assert bench.put(bench.next, now=1.0) == []
    assert bench.receiver.next_timeout() == pytest.approx(1.0 + DELAYED_ACK)
    bench.receiver.handle_timeout(1.039)
    assert bench.put() == []
    bench.receiver.handle_timeout(1.041)
    assert [ack.ack for ack in bench.put()] == [bench.next + 1]
    assert bench.receiver.next_timeout() == inf


def test_an_acknowledgement_echoes_the_first_of_those_it_answers() -> None:
    bench = Bench()
    bench.put(bench.next, sent=5.0)
    (ack,) = bench.put(bench.next + 1, sent=6.0)
    assert ack.echo == 5.0  # RFC 7323, section 4.3: the delay of the acknowledgement is part of the time


def test_a_hole_is_reported_at_once_the_newest_block_first() -> None:
    bench = Bench()
    base = bench.next
    (first,) = bench.put(base + 2)
    (second,) = bench.put(base + 5)
    (third,) = bench.put(base + 3)
    assert (first.ack, first.sacks) == (base, ((base + 2, base + 3),))
    assert second.sacks == ((base + 5, base + 6), (base + 2, base + 3))
    assert third.sacks == ((base + 2, base + 4), (base + 5, base + 6))


def test_at_most_three_blocks() -> None:
    bench = Bench()
    base = bench.next
    acks = bench.put(*range(base + 1, base + 11, 2))
    assert [block[0] - base for block in acks[-1].sacks] == [9, 7, 5]
    assert ack_size(3) == HEADER + 28
    assert ack_size(0) == HEADER


def test_a_filled_hole_is_acknowledged_at_once() -> None:
    bench = Bench()
    base = bench.next
    bench.put(base + 1, base + 2, base + 5)
    (ack,) = bench.put(base)
    assert (ack.ack, ack.sacks) == (base + 3, ((base + 5, base + 6),))
    assert bench.receiver.delivered_bytes == (base + 3) * MSS


@pytest.mark.parametrize("held", [False, True])
def test_a_duplicate_is_reported_first(held: bool) -> None:
    bench = Bench()
    base = bench.next
    bench.put(base + 3)
    number = base + 3 if held else 2
    (ack,) = bench.put(number)
    assert ack.duplicate
    assert ack.sacks == ((number, number + 1), (base + 3, base + 4))
    assert bench.receiver.duplicates == 1


def test_a_syn_is_answered() -> None:
    receiver = TcpReceiver("acks")
    receiver.receive(Packet(60, "data", Segment(-1, 0, 0.5)), 0.6)
    (packet,) = receiver.packets_to_send()
    assert (packet.payload.ack, packet.payload.echo) == (0, 0.5)


def test_disorder_is_counted() -> None:
    bench = Bench()
    base = bench.next
    bench.put(base + 1, base, base + 2, base + 4, base + 3)
    assert bench.receiver.out_of_order == 2
