"""The flows of a scenario as pairs of agents, and what each of them counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

from mpsim.build import OUTER_MTU, inner_mtu, kernel_controller, stream, tcp_headers, udp_headers
from mpsim.flow_sources import open_flow
from mpsim.hosts.agent import Agent
from mpsim.hosts.echo import MESSAGE, Answerer, Asker, Written
from mpsim.hosts.in_order import InOrder
from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.ping import Pinger, Responder
from mpsim.hosts.replay import ReplaySink, ReplaySource
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.hosts.udp import UdpSink, UdpSource
from mpsim.metrics import DelayHistogram, answer_times, answers_row, percentiles
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


class TcpFlow(Flow):
    """A bulk transfer, or one of a given size."""

    sender: TcpSender | MptcpSender
    receiver: TcpReceiver | MptcpReceiver

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        super().__init__(scenario, spec)
        tunnelled = scenario.tunnel is not None and spec.via == "tunnel"
        mtu = inner_mtu(scenario) if tunnelled else OUTER_MTU
        header = tcp_headers(scenario)
        congestion = kernel_controller(spec.congestion or "cubic", Path(scenario.folder))
        self.sender = self.source = TcpSender(key, congestion, mss=mtu - header, total_bytes=spec.bytes, header=header)
        self.receiver = self.sink = TcpReceiver(key + 1, header=header)
        self._watch()

    def _watch(self) -> None:
        self.delays = DelayHistogram()
        self._before = (0, 0, 0, 0)
        self._after = (0, 0, 0, 0)

    @property
    def delivered_bytes(self) -> int:
        return self.receiver.delivered_bytes

    @property
    def arrived_bytes(self) -> int:
        return self.receiver.arrived_bytes

    def _counters(self) -> tuple[int, int, int, int]:
        sender, receiver = self.sender, self.receiver
        return (sender.sent_segments, sender.retransmitted, receiver.received_segments, receiver.out_of_order)

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

    def counts(self) -> dict[str, Any]:
        sent, again, received, disorder = (
            after - before for before, after in zip(self._before, self._after, strict=True)
        )
        return {
            "sent_packets": sent,
            "lost_packets": None,  # what is missing at the end may be on its way
            "loss_ratio": None,
            "one_way_delay_s": self.delays.summary(50, 95, 99),
            "retransmitted_packets": again,
            "out_of_order_ratio": disorder / received if received else None,
        }


class UdpFlow(Flow):
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
        self.receiver.window = (self.begin, self.end)
        self.delays = DelayHistogram()
        self._before = self._sent = (0, 0, 0)

    @property
    def delivered_bytes(self) -> int:
        return self.receiver.delivered_bytes

    def _counters(self) -> tuple[int, int, int]:
        return (self.sender.sent_packets, self.receiver.received_packets, self.receiver.out_of_order)

    def on_begin(self) -> None:
        super().on_begin()
        self._before = self._counters()

    def on_end(self) -> None:
        super().on_end()
        self._sent = self._counters()

    def drain(self, *, measured: bool) -> None:
        if measured:
            self.delays.add(self.receiver.delays)
        self.receiver.delays.clear()

    def counts(self) -> dict[str, Any]:
        sent, received, disorder = (after - before for before, after in zip(self._before, self._sent, strict=True))
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


class PingFlow(Flow):
    """Echo requests and their round-trip times."""

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        super().__init__(scenario, spec)
        options: dict[str, Any] = {"headers": udp_headers(scenario)}
        if spec.interval is not None:
            options["interval"] = spec.interval
        if spec.size is not None:
            options["payload"] = spec.size
        self.pinger = self.source = Pinger(key, **options)
        self.sink = Responder(key + 1)

    def counts(self) -> dict[str, Any]:
        sent = sum(self.begin <= time < self.end for time in self.pinger.requests)
        rtts = [rtt for time, rtt in self.pinger.replies if self.begin <= time < self.end]
        return {
            "sent_packets": sent,
            "lost_packets": sent - len(rtts),
            "loss_ratio": (sent - len(rtts)) / sent if sent else None,
            "one_way_delay_s": None,
            "retransmitted_packets": None,
            "out_of_order_ratio": None,
            "rtt_s": percentiles(rtts, 50, 95, 99),
        }


class EchoFlow(Flow):
    """Requests and answers over one TCP connection, which no simulated host resets."""

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        super().__init__(scenario, spec)
        assert spec.interval is not None  # the scenario filled it in
        self.asker = self.source = Asker(*self._end(scenario, key), interval=spec.interval)
        self.sink = Answerer(*self._end(scenario, key + 1))

    def _end(
        self, scenario: Scenario, key: int
    ) -> tuple[TcpSender | MptcpSender, TcpReceiver | MptcpReceiver, Written]:
        """Return what one end of the connection is made of; key: of the packets that it sends."""
        tunnelled = scenario.tunnel is not None and self.spec.via == "tunnel"
        header = tcp_headers(scenario)
        mss = (inner_mtu(scenario) if tunnelled else OUTER_MTU) - header
        congestion = kernel_controller(self.spec.congestion or "cubic", Path(scenario.folder))
        written = Written()
        sender = TcpSender(key, congestion, mss=mss, header=header, source=written)
        return sender, TcpReceiver(key, header=header), written

    @property
    def delivered_bytes(self) -> int:
        return len(self.asker.answered) * MESSAGE

    def counts(self) -> dict[str, Any]:
        interval = (self.begin, self.end)
        row = answers_row(self.asker.asked, self.asker.answered, interval, MESSAGE)
        return {**row, "resets": 0, "mismatches": 0}

    def series(self) -> list[SeriesRow]:
        found = answer_times(self.asker.asked, self.asker.answered, self.end)
        return [(t, f"flow/{self.spec.name}", self.spec.direction, "answer_time_s", time) for t, time in found]
