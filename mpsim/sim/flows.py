"""The flows of a scenario as pairs of agents, and what each of them counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

from mpsim.build import OUTER_MTU, inner_mtu, kernel_controller, stream, tcp_headers, udp_headers
from mpsim.flow_sources import open_flow
from mpsim.hosts.agent import Agent
from mpsim.hosts.in_order import InOrder
from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.replay import ReplaySink, ReplaySource
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.hosts.udp import UdpSink, UdpSource
from mpsim.metrics import DelayHistogram
from mpsim.result import SeriesRow
from mpsim.scenario import FlowSpec, Scenario
from mpsim.synthetic import CLIENT, SERVER, replay_source
from mpsim.units import BITS_PER_BYTE


class Source(Agent, Protocol):
    """An agent that begins by itself."""

    def start(self, now: float) -> None:
        """Begin (s)."""


class Flow(ABC):
    """One flow: its sending and its answering agent, and its row of the result."""

    source: Source
    sink: Agent

    def __init__(self, scenario: Scenario, spec: FlowSpec) -> None:
        self.spec = spec
        self.origin: str = spec.direction  # the way that its source's packets go
        self.begin = scenario.warmup
        self.end = scenario.warmup + scenario.duration
        self._delivered_before = 0
        self._delivered = 0
        self.completed: float | None = None  # when the last byte of a transfer arrived, s

    @property
    def delivered_bytes(self) -> int:
        """Payload that has arrived, in order where the flow cares for it."""
        return 0

    @property
    def arrived_bytes(self) -> int:
        """Payload that has arrived, each byte once, in whatever order."""
        return self.delivered_bytes

    def on_begin(self) -> None:
        """Take note that the measured interval begins."""
        self._delivered_before = self.delivered_bytes

    def on_end(self) -> None:
        """Take note that it ends."""
        self._delivered = self.delivered_bytes - self._delivered_before

    @property
    def goodput(self) -> float:
        """Payload in the measured interval, bit/s."""
        return self._delivered * BITS_PER_BYTE / (self.end - self.begin)

    def drain(self, *, measured: bool) -> None:
        """Take the delay samples of the last bin into the statistics."""

    def on_bin(self, now: float) -> None:
        """Notice the end of a transfer."""
        wanted = self.spec.bytes
        if wanted is not None and self.completed is None and self.delivered_bytes >= wanted:
            self.completed = now

    def row(self) -> dict[str, Any]:
        """Return the flow's row of the result."""
        row = {
            "name": self.spec.name,
            "kind": self.spec.kind,
            "direction": self.spec.direction,
            "goodput_bps": self.goodput,
            **self.counts(),
        }
        if self.spec.bytes is not None:
            start = self.begin + (self.spec.start if self.spec.start is not None else -self.begin)
            row["completion_s"] = None if self.completed is None else round(self.completed - start, 6)
        return row

    @abstractmethod
    def counts(self) -> dict[str, Any]:
        """Return what this kind of flow counts, in the contract's names."""

    def series(self) -> list[SeriesRow]:
        """Return rows of series.csv that are known at the end only."""
        return []


class Receiver(Agent, Protocol):
    """An agent that keeps the one-way delays of what has arrived (s)."""

    @property
    def delays(self) -> list[float]:
        """Those since they were last taken."""


class CountedFlow(Flow):
    """A flow whose ends count packets in both directions, and keep the delay of each that arrives."""

    receiver: Receiver

    def _watch(self) -> None:
        """Begin to count; both ends are there."""
        self.delays = DelayHistogram()
        self._before = self._after = self._counters()

    @abstractmethod
    def _counters(self) -> tuple[int, ...]:
        """Return what the ends have counted so far."""

    def _counted(self) -> tuple[int, ...]:
        """Return what they have counted in the measured interval."""
        return tuple(after - before for before, after in zip(self._before, self._after, strict=True))

    def on_begin(self) -> None:
        super().on_begin()
        self._before = self._counters()

    def on_end(self) -> None:
        super().on_end()
        self._after = self._counters()

    def drain(self, *, measured: bool) -> None:
        if measured:
            self.delays.add(self.receiver.delays)
        self.receiver.delays.clear()


def segment_size(scenario: Scenario, spec: FlowSpec) -> int:
    """Return the payload of a full TCP segment of a flow, bytes."""
    tunnelled = scenario.tunnel is not None and spec.via == "tunnel"
    return (inner_mtu(scenario) if tunnelled else OUTER_MTU) - tcp_headers(scenario)


class TcpFlow(CountedFlow):
    """A bulk transfer, or one of a given size."""

    sender: TcpSender | MptcpSender
    receiver: TcpReceiver | MptcpReceiver

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        super().__init__(scenario, spec)
        header = tcp_headers(scenario)
        mss = segment_size(scenario, spec)
        congestion = kernel_controller(spec.congestion or "cubic", Path(scenario.folder))
        self.sender = self.source = TcpSender(key, congestion, mss=mss, total_bytes=spec.bytes, header=header)
        self.receiver = self.sink = TcpReceiver(key + 1, header=header)
        self._watch()

    @property
    def delivered_bytes(self) -> int:
        return self.receiver.delivered_bytes

    @property
    def arrived_bytes(self) -> int:
        return self.receiver.arrived_bytes

    def _counters(self) -> tuple[int, int, int, int]:
        sender, receiver = self.sender, self.receiver
        return (sender.sent_segments, sender.retransmitted, receiver.received_segments, receiver.out_of_order)

    def counts(self) -> dict[str, Any]:
        sent, again, received, disorder = self._counted()
        return {
            "sent_packets": sent,
            "lost_packets": None,  # what is missing at the end may be on its way
            "loss_ratio": None,
            "one_way_delay_s": self.delays.summary(50, 95, 99),
            "retransmitted_packets": again,
            "out_of_order_ratio": disorder / received if received else None,
        }


class UdpFlow(CountedFlow):
    """Packets of one size at a rate; losses are counted by time of sending, to the last packet."""

    sender: UdpSource | ReplaySource
    receiver: UdpSink | ReplaySink

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        super().__init__(scenario, spec)
        assert spec.rate is not None and spec.packet_size is not None  # noqa: PT018  # the scenario checked it
        random = stream(scenario.seed, "flow", spec.name) if spec.arrivals == "poisson" else None
        self.sender = self.source = UdpSource(
            key,
            rate=spec.rate,
            packet_size=spec.packet_size,
            random=random,
            total_bytes=spec.bytes,
            headers=udp_headers(scenario),
        )
        self._in_order = InOrder()
        self.receiver = self.sink = UdpSink(headers=udp_headers(scenario), in_order=self._in_order)
        self._watch()

    _in_order: InOrder | None = None

    def _watch(self) -> None:
        super()._watch()
        self.receiver.window = (self.begin, self.end)

    @property
    def delivered_bytes(self) -> int:
        return self.receiver.delivered_bytes

    def _counters(self) -> tuple[int, int, int]:
        return (self.sender.sent_packets, self.receiver.received_packets, self.receiver.out_of_order)

    def counts(self) -> dict[str, Any]:
        sent, received, disorder = self._counted()
        lost = max(0, sent - self.receiver.in_window)
        return {
            "sent_packets": sent,
            "lost_packets": lost,
            "loss_ratio": lost / sent if sent else None,
            "one_way_delay_s": self.delays.summary(50, 95, 99),
            "retransmitted_packets": None,
            "out_of_order_ratio": disorder / received if received else None,
            **self._delays_in_order(),
        }

    def _delays_in_order(self) -> dict[str, Any]:
        if self._in_order is None:
            return {}
        self._in_order.finish()
        found = DelayHistogram()
        found.add(self._in_order.delays)
        return {"in_order_delay_s": found.summary(50, 95, 99)}


class ReplayFlow(UdpFlow):
    """Packets of a capture, or of a function that yields Scapy's, replayed as inner traffic."""

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        Flow.__init__(self, scenario, spec)
        assert spec.file is not None  # the scenario checked it
        packets = open_flow(
            spec.kind,
            spec.file,
            scenario.folder,
            key=f"flow[{key // 2}]",
            mtu=inner_mtu(scenario) if spec.via == "tunnel" else OUTER_MTU,
            source=replay_source(key // 2),
            destination=CLIENT if spec.direction == "inbound" else SERVER,
            random=stream(scenario.seed, "flow", spec.name),  # as in emulation: the same packets
        )
        self.sender = self.source = ReplaySource(key, packets)
        self.receiver = self.sink = ReplaySink()
        self._watch()
