"""Multipath TCP on the clock: its flow, the ways of its subflows, and what it hears of links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mpsim.build import DATA_SEQUENCE_SIGNAL, OUTER_MTU, is_multipath, stream, tcp_headers
from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.scenario import FlowSpec, Scenario
from mpsim.sim.flows import Flow, TcpFlow
from mpsim.sim.wiring import Station
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import schedulers

Way = Callable[[Packet, float], object]


class MptcpFlow(TcpFlow):
    """A bulk transfer, or one of a given size, with a subflow over every link."""

    sender: MptcpSender
    receiver: MptcpReceiver

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        Flow.__init__(self, scenario, spec)
        assert scenario.mptcp is not None  # is_multipath
        folder = Path(scenario.folder)
        header = tcp_headers(scenario)
        mss = OUTER_MTU - header - DATA_SEQUENCE_SIGNAL
        own = scenario.mptcp
        # Several connections of a direction would write the same series.
        alone = sum(is_multipath(scenario, one) and one.direction == spec.direction for one in scenario.flow) == 1
        self.sender = self.source = MptcpSender(
            key,
            [controllers.create(own.congestion, folder) for _ in scenario.link],
            schedulers.create(own.scheduler, folder),
            stream(scenario.seed, "scheduler", spec.name),
            mss=mss,
            total_bytes=spec.bytes,
            receive_window=own.receive_window,
            header=header,
            names=[link.name if alone else f"{link.name}/{spec.name}" for link in scenario.link],
            metrics=[link.metric for link in scenario.link],
        )
        self.receiver = self.sink = MptcpReceiver(
            key + 1, len(scenario.link), mss=mss, receive_window=own.receive_window, header=header
        )
        self._watch()


def spread(ways: Sequence[Way]) -> Way:
    """Return a way that takes the packets of each subflow to that one's own."""

    def send(packet: Packet, now: float) -> None:
        key = packet.flow
        assert isinstance(key, tuple)  # (flow, number of the subflow)
        ways[key[1]](packet, now)

    return send


def tell(flow: MptcpFlow, station: Station, index: int, up: bool, now: float) -> None:
    """Tell a connection that the carrier of a link came or went."""
    if up:
        flow.sender.on_path_available(index, now)
    else:
        flow.sender.on_path_unavailable(index, now)
    station.flush(now)
