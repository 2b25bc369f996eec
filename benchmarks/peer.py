"""The same two scenarios in ns.py, the SimPy-based peer; a development-only dependency.

A link is its Port (rate, queue) followed by its Wire (delay). Its sinks could record arrivals and
waiting times of every packet; here they do not, which is to its advantage.
"""

from __future__ import annotations

import gc
import time
from typing import Any

import simpy
from ns.flow.cc import TCPReno
from ns.flow.flow import Flow
from ns.packet.dist_generator import DistPacketGenerator
from ns.packet.sink import PacketSink
from ns.packet.tcp_generator import TCPPacketGenerator
from ns.packet.tcp_sink import TCPSink
from ns.port.port import Port
from ns.port.wire import Wire

from benchmarks.ours import UDP_PAYLOAD, UDP_RATE, UDP_SIZE, Cost

RATE = 16e6  # bit/s
DELAY = 0.020  # s
SEGMENT = 1500  # IP bytes; ns.py has no headers
# Its TCP does not recover from losses in earnest, so its window stays below what the link and the
# queue hold: a round trip at full rate is 54 packets, the queue 100.
WINDOW = 100 * SEGMENT


class CappedReno(TCPReno):  # type: ignore[misc]  # the peer has no types
    """Reno whose window ends before the queue overflows."""

    cwnd: float

    def ack_received(self, rtt: float = 0, current_time: float = 0) -> None:
        super().ack_received(rtt, current_time)
        self.cwnd = min(self.cwnd, WINDOW)


def _link(env: Any, out: Any, queue: int | None) -> Port:
    port = Port(env, RATE, qlimit=queue)
    wire = Wire(env, lambda: DELAY)
    port.out = wire
    wire.out = out
    return port


def _run(env: Any, ports: list[Port], seconds: float) -> Cost:
    gc.collect()
    began = time.process_time()
    env.run(until=seconds)
    cpu = time.process_time() - began
    return Cost(sum(port.packets_received - port.packets_dropped for port in ports), cpu, seconds)


def udp(seconds: float) -> Cost:
    """UDP at a constant rate over one link."""
    env = simpy.Environment()
    gap = UDP_PAYLOAD * 8 / UDP_RATE
    source = DistPacketGenerator(env, "source", lambda: gap, lambda: UDP_SIZE)
    sink = PacketSink(env, rec_arrivals=False, rec_waits=False)
    source.out = port = _link(env, sink, 101)
    return _run(env, [port], seconds)


def bulk(seconds: float) -> Cost:
    """One bulk TCP flow over one link, its window capped so that nothing is lost."""
    env = simpy.Environment()
    control = CappedReno(mss=SEGMENT, cwnd=10 * SEGMENT, ssthresh=WINDOW)
    flow = Flow(fid=0, src="client", dst="server", finish_time=seconds)
    sender = TCPPacketGenerator(env, flow=flow, cc=control, element_id="sender")
    sender.mss = SEGMENT
    sink = TCPSink(env, rec_arrivals=False, rec_waits=False)
    sender.out = there = _link(env, sink, 101)
    sink.out = back = _link(env, sender, None)
    found = _run(env, [there, back], seconds)
    if there.packets_dropped:
        raise AssertionError(f"the peer lost {there.packets_dropped} packets")
    return found
