"""UDP sources and sinks, and the pinger."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from mpsim.hosts.ping import Pinger, Responder
from mpsim.hosts.udp import UdpSink, UdpSource
from mpsim.tunnel.packet import Packet


def sent_by(source: UdpSource, until: float) -> list[tuple[float, Packet]]:
    packets = []
    while (now := source.next_timeout()) <= until:
        source.handle_timeout(now)
        packets += [(now, packet) for packet in source.packets_to_send()]
    return packets


def test_equal_gaps_that_do_not_drift() -> None:
    source = UdpSource("flow", rate=1e6, packet_size=1250)
    source.start(2.0)
    packets = sent_by(source, 12.0)
    assert len(packets) == 1001
    assert [time for time, _ in packets[:3]] == pytest.approx([2.0, 2.01, 2.02])
    assert packets[-1][0] == pytest.approx(12.0, abs=1e-9)
    assert {packet.size for _, packet in packets} == {1278}


def test_a_driver_that_is_late_gets_what_is_due() -> None:
    source = UdpSource("flow", rate=1e6, packet_size=1250)
    source.start(0.0)
    source.handle_timeout(0.0351)
    assert len(source.packets_to_send()) == 4


def test_poisson_arrivals() -> None:
    source = UdpSource("flow", rate=1e6, packet_size=1250, random=Random(1))
    source.start(0.0)
    times = [time for time, _ in sent_by(source, 200.0)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(0.01, rel=0.03)
    assert variance == pytest.approx(mean**2, rel=0.06)  # that of the exponential distribution


def test_a_limited_source_ends() -> None:
    source = UdpSource("flow", rate=1e6, packet_size=1000, total_bytes=2500)
    source.start(0.0)
    assert len(sent_by(source, 100.0)) == 3


def test_stop() -> None:
    source = UdpSource("flow", rate=1e6, packet_size=1000)
    source.start(0.0)
    source.stop(0.0)
    assert source.next_timeout() == float("inf")


def test_a_sink_counts_by_time_of_sending() -> None:
    source, sink = UdpSource("flow", rate=1e6, packet_size=1250), UdpSink()
    source.start(0.0)
    sink.window = (0.5, 1.0)
    for now, packet in sent_by(source, 2.0):
        sink.receive(packet, now + 0.03)
    assert sink.in_window == 50
    assert sink.delays == pytest.approx([0.03] * 201)
    assert sink.out_of_order == 0


def test_a_sink_counts_disorder() -> None:
    source, sink = UdpSource("flow", rate=1e6, packet_size=1250), UdpSink()
    source.start(0.0)
    packets = [packet for _, packet in sent_by(source, 0.05)]
    for position in (0, 2, 1, 4, 3, 5):
        sink.receive(packets[position], 1.0)
    assert sink.out_of_order == 2


def test_a_pinger_and_its_answer() -> None:
    pinger, responder = Pinger("there", interval=0.2), Responder("back")
    pinger.start(1.0)
    while (now := pinger.next_timeout()) < 2.0:
        pinger.handle_timeout(now)
        for request in pinger.packets_to_send():
            assert request.size == 84
            responder.receive(request, now + 0.02)
            for reply in responder.packets_to_send():
                pinger.receive(reply, now + 0.05)
    assert [rtt for _, rtt in pinger.replies] == pytest.approx([0.05] * 5)
    assert [time for time, _ in pinger.replies] == pytest.approx([1.0, 1.2, 1.4, 1.6, 1.8])
