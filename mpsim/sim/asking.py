"""Flows of questions and answers: ping, and requests over one TCP connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mpsim.build import kernel_controller, tcp_headers, udp_headers
from mpsim.hosts.echo import MESSAGE, Answerer, Asker, Written
from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.ping import Pinger, Responder
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.metrics import answer_times, answers_row, percentiles
from mpsim.result import SeriesRow
from mpsim.scenario import FlowSpec, Scenario
from mpsim.sim.flows import Flow, segment_size


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
        header = tcp_headers(scenario)
        mss = segment_size(scenario, self.spec)
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
