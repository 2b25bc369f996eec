"""Multipath TCP on the clock: its flow, its ends, and what it hears of links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mpsim.build import (
    DATA_SEQUENCE_SIGNAL,
    OUTER_MTU,
    ends_at_proxies,
    is_multipath,
    kernel_controller,
    stream,
    tcp_headers,
)
from mpsim.hosts.agent import Agent
from mpsim.hosts.echo import EchoEnd, Written
from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.supply import Source
from mpsim.scenario import FlowSpec, Scenario
from mpsim.sim.asking import EchoFlow
from mpsim.sim.flows import Flow, TcpFlow
from mpsim.sim.wiring import Station
from mpsim.tunnel.schedulers import schedulers


class MptcpFlow(TcpFlow):
    """A bulk transfer, or one of a given size, with a subflow over every link."""

    sender: MptcpSender
    receiver: MptcpReceiver

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        Flow.__init__(self, scenario, spec)
        self.sender = self.source = mptcp_sender(scenario, spec, key, total_bytes=spec.bytes)
        self.receiver = self.sink = mptcp_receiver(scenario, key + 1)
        self._watch()


class MptcpEchoFlow(EchoFlow):
    """Requests and answers over one connection with a subflow over every link."""

    def _end(self, scenario: Scenario, key: int) -> tuple[MptcpSender, MptcpReceiver, Written]:
        written = Written()
        return mptcp_sender(scenario, self.spec, key, source=written), mptcp_receiver(scenario, key), written


def build_multipath(scenario: Scenario, spec: FlowSpec, key: int) -> Flow:
    """Return the agents of a flow that has a subflow over every link; keys as in `flows.build_flow`."""
    return (MptcpEchoFlow if spec.kind == "echo" else MptcpFlow)(scenario, spec, key)


def senders(flow: Flow) -> Iterator[tuple[Agent, MptcpSender]]:
    """Yield the ends of a flow that send data over several subflows, each with what does."""
    if isinstance(flow, MptcpFlow):
        yield flow.source, flow.sender
    elif isinstance(flow, MptcpEchoFlow):
        for end in (flow.source, flow.sink):
            assert isinstance(end, EchoEnd)
            assert isinstance(end.sender, MptcpSender)
            yield end, end.sender


def negotiation(scenario: Scenario) -> float:
    """Return what passes before a proxy's connection carries data (s): two questions and their answers (RFC 1928).

    They follow the handshake over the first link: methods (section 3), then the server's address (section 4).
    What crosses between a host and the proxy at its side takes no time.
    """
    if not ends_at_proxies(scenario):
        return 0.0
    first = scenario.link[0].delay
    return 2 * (first.down + first.up)


def _mss(scenario: Scenario) -> int:
    return OUTER_MTU - tcp_headers(scenario) - DATA_SEQUENCE_SIGNAL


def mptcp_sender(
    scenario: Scenario, spec: FlowSpec, key: int, *, total_bytes: int | None = None, source: Source | None = None
) -> MptcpSender:
    """Return the sending end of a connection; its packets have the flow key `key`."""
    own = scenario.mptcp
    assert own is not None  # is_multipath
    folder = Path(scenario.folder)
    # Several connections of a direction would write the same series.
    alone = sum(is_multipath(scenario, one) and one.direction == spec.direction for one in scenario.flow) == 1
    return MptcpSender(
        key,
        [kernel_controller(own.congestion, folder) for _ in scenario.link],
        schedulers.create(own.scheduler, folder),
        stream(scenario.seed, "scheduler", spec.name),
        mss=_mss(scenario),
        total_bytes=total_bytes,
        receive_window=own.receive_window,
        header=tcp_headers(scenario),
        source=source,
        names=[link.name if alone else f"{link.name}/{spec.name}" for link in scenario.link],
        metrics=[link.metric for link in scenario.link],
    )


def mptcp_receiver(scenario: Scenario, key: int) -> MptcpReceiver:
    """Return the receiving end of a connection; its packets have the flow key `key`."""
    own = scenario.mptcp
    assert own is not None  # is_multipath
    return MptcpReceiver(
        key,
        len(scenario.link),
        mss=_mss(scenario),
        receive_window=own.receive_window,
        header=tcp_headers(scenario),
    )


def tell(sender: MptcpSender, station: Station, index: int, up: bool, now: float) -> None:
    """Tell a connection that the carrier of a link came or went."""
    if up:
        sender.on_path_available(index, now)
    else:
        sender.on_path_unavailable(index, now)
    station.flush(now)
