"""A connection whose data becomes available as time goes by: a stream."""

from __future__ import annotations

import pytest
from talking import MSS, Fate, Talk, lose

from mpsim.hosts.segments import HEADER
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.tunnel.congestion import controllers


class Bytes:
    """So many bytes that wait."""

    def __init__(self, available: int = 0) -> None:
        self.available = available
        self.taken: list[int] = []

    def take(self, most: int) -> int:
        size = min(most, self.available)
        self.available -= size
        self.taken.append(size)
        return size


def talking(source: Bytes, fate: Fate | None = None) -> Talk:
    return Talk(None, source=source, fate=fate)


def test_nothing_is_sent_before_there_is_anything() -> None:
    source = Bytes()
    talk = talking(source).run(until=1.0)
    assert talk.sender.sent_segments == 0
    source.available += 10
    talk.sender.push(talk.now)
    talk.run(until=2.0)
    assert talk.receiver.delivered_bytes == 10
    assert source.taken == [10]


def test_before_the_connection_is_there_data_waits() -> None:
    source = Bytes(300)
    talk = talking(source)
    talk.sender.push(0.0)
    assert not talk.sender.connected
    assert not source.taken
    talk.run(until=1.0)
    assert talk.sender.connected
    assert talk.receiver.delivered_bytes == 300


def test_what_waits_for_the_window_fills_segments() -> None:
    source = Bytes()
    talk = talking(source).run(until=1.0)
    for _ in range(100):
        source.available += 300
        talk.sender.push(talk.now)
    # Ten segments, however small, are the window (Linux counts packets); what had to wait is sent in full ones.
    assert source.taken[:10] == [300] * 10
    talk.run(until=2.0)
    assert talk.receiver.delivered_bytes == 30_000
    assert set(source.taken[-10:-1]) == {MSS}
    assert source.available == 0


def test_what_is_lost_is_sent_again_with_its_own_length() -> None:
    source = Bytes()
    talk = talking(source, lose(1, 2, 5, 40)).run(until=1.0)
    lengths = [1 + 7 * number % MSS for number in range(100)]
    for length in lengths:
        source.available += length
        talk.sender.push(talk.now)
        talk.run(until=talk.now + 0.01)
    talk.run(until=10.0)
    assert talk.sender.retransmitted >= 4
    assert talk.receiver.delivered_bytes == sum(lengths)
    assert talk.sender.una == talk.sender.next_index
    assert talk.sender.in_flight == 0


@pytest.mark.parametrize("header", [HEADER, HEADER + 20])
def test_the_headers_of_either_ip_version(header: int) -> None:
    congestion = controllers.create("newreno")
    sender = TcpSender("data", congestion, mss=MSS, total_bytes=MSS, header=header)
    receiver = TcpReceiver("acks", header=header)
    sender.start(0.0)
    (syn,) = sender.packets_to_send()
    receiver.receive(syn, 0.1)
    (answer,) = receiver.packets_to_send()
    sender.receive(answer, 0.2)
    (data,) = sender.packets_to_send()
    assert [syn.size, answer.size, data.size] == [header + 8, header, header + MSS]


def test_one_loss_of_many_is_mended() -> None:
    source = Bytes(50 * MSS)
    talk = talking(source, lose(3)).run(until=5.0)
    assert talk.receiver.delivered_bytes == 50 * MSS
    assert talk.sender.retransmitted == 1


def test_the_tail_is_probed_from_the_newest_write_on() -> None:
    source = Bytes()
    talk = Talk(None, source=source, fate=lose(0, 1), rtt=0.02).run(until=1.0)
    for until in (1.1, 2.0):
        source.available += 10
        talk.sender.push(talk.now)
        talk._carry()
        talk.run(until=until)
    # One that went alone is probed after a delayed acknowledgement's time; two are after two round trips and a bit.
    assert talk.times_of(1) == pytest.approx([1.1, 1.142], abs=0.001)
    assert talk.receiver.delivered_bytes == 20
