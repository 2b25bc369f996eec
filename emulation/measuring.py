"""From the two captures to a flow's figures, which mean the same as the simulation's (mpsim/sim/flows.py)."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from emulation import addresses as at
from emulation.capturing import ICMP, TCP, UDP, Seen
from emulation.traffic import Plan
from mpsim.metrics import BIN, DelayHistogram, percentiles
from mpsim.result import SeriesRow
from mpsim.tunnel.wire import expand
from mpsim.units import BITS_PER_BYTE

_ECHO_REQUEST, _ECHO_REPLY = 8, 0  # RFC 792


class FlowMeasure(ABC):
    """The figures of one flow; it is shown what the sending and the receiving host saw, in order of time.

    Parameters
        plan: the flow
        begin, end: the measured interval, s
    """

    def __init__(self, plan: Plan, begin: float, end: float) -> None:
        self.plan = plan
        self._begin, self._end = begin, end
        self._sent_at: dict[int, float] = {}
        self._arrivals: list[tuple[float, int]] = []  # (when, payload bytes delivered by then)
        self._arrived: list[int] = []  # bytes by then, what waits for a hole included, where that may differ
        self._delays: list[float] = []
        self.sent = self.lost = self.retransmitted = self.received = self.disordered = 0
        self.delivered = 0  # bytes, since the beginning

    def learn(self, heard: Mapping[str, Sequence[Seen]]) -> None:
        """Look through all that both hosts heard, before any packet is shown."""

    def measured(self, when: float) -> bool:
        """Return whether a time (s) lies in the measured interval."""
        return self._begin <= when < self._end

    def on_sent(self, seen: Seen) -> None:
        """Take a packet that the sending host sent."""
        self._sent_at[seen.number] = seen.time
        self.sent += self.measured(seen.time)

    def on_received(self, seen: Seen) -> None:
        """Take a packet that arrived at the receiving host."""
        sent_at = self._sent_at.pop(seen.number, None)
        measured = self.measured(seen.time)
        if sent_at is not None and measured:
            self._delays.append(seen.time - sent_at)
        self.received += measured
        self.disordered += measured and self._is_late(seen)
        self._deliver(seen)
        self._arrivals.append((seen.time, self.delivered))

    @abstractmethod
    def belongs(self, seen: Seen) -> bool:
        """Return whether a packet is one of the flow's data packets."""

    @abstractmethod
    def _is_late(self, seen: Seen) -> bool:
        """Return whether a later one came before it."""

    @abstractmethod
    def _deliver(self, seen: Seen) -> None:
        """Count the payload that the application gets."""

    def finish(self) -> None:
        """All packets were shown: what was sent in the interval and not received is lost."""
        self.lost = sum(self.measured(when) for when in self._sent_at.values())

    def bytes_by(self, when: float) -> int:
        """Return the payload delivered by a time (s)."""
        position = self._position(when)
        return self._arrivals[position - 1][1] if position else 0

    def _position(self, when: float) -> int:
        return bisect_left(self._arrivals, when, key=lambda arrival: arrival[0])

    @property
    def goodput(self) -> float:
        """Payload in the measured interval, bit/s."""
        size = self.bytes_by(self._end) - self.bytes_by(self._begin)
        return size * BITS_PER_BYTE / (self._end - self._begin)

    def row(self) -> dict[str, Any]:
        """Return the flow's row of the result."""
        spec = self.plan.spec
        delays = DelayHistogram()
        delays.add(self._delays)
        row = {
            "name": spec.name,
            "kind": spec.kind,
            "direction": spec.direction,
            "goodput_bps": self.goodput,
            "sent_packets": self.sent,
            "lost_packets": self.lost,
            "loss_ratio": self.lost / self.sent if self.sent else None,
            "one_way_delay_s": delays.summary(50, 95, 99),
            "retransmitted_packets": self.retransmitted if spec.kind == "tcp" else None,
            "out_of_order_ratio": self.disordered / self.received if self.received else None,
        }
        if spec.bytes is not None:
            row["completion_s"] = self._completion(spec.bytes)
        return row

    def _completion(self, wanted: int) -> float | None:
        done = next((when for when, size in self._arrivals if size >= wanted), None)
        return None if done is None else round(done - self.plan.start, 6)

    def series(self) -> list[SeriesRow]:
        """Return the flow's throughput in bins, each named by its beginning."""
        bins = round(self._end / BIN)
        marks = [self.bytes_by(number * BIN) for number in range(bins + 1)]
        return self._rates("throughput_bps", marks)

    def _rates(self, metric: str, marks: Sequence[int]) -> list[SeriesRow]:
        name, direction = f"flow/{self.plan.spec.name}", self.plan.spec.direction
        return [
            (round(number * BIN, 1), name, direction, metric, (after - before) * BITS_PER_BYTE / BIN)
            for number, (before, after) in enumerate(pairwise(marks))
        ]


class TcpMeasure(FlowMeasure):
    """Data segments; delivered is what has arrived in order."""

    def __init__(self, plan: Plan, begin: float, end: float) -> None:
        super().__init__(plan, begin, end)
        self._sent_up_to: int | None = None
        self._base: int | None = None  # sequence number of the first payload byte
        self._highest = 0
        self._held: list[tuple[int, int]] = []  # [first, beyond) above what was delivered

    def belongs(self, seen: Seen) -> bool:
        return (
            seen.protocol == TCP
            and seen.ports == (self.plan.client_port, self.plan.server_port)
            and seen.source == self.plan.sender
            and seen.payload > 0
        )

    def on_sent(self, seen: Seen) -> None:
        super().on_sent(seen)
        if self._sent_up_to is None or self._base is None:
            self._base = self._sent_up_to = seen.sequence
        first = expand(seen.sequence, self._sent_up_to)
        if first < self._sent_up_to and self.measured(seen.time):
            self.retransmitted += 1
        self._sent_up_to = max(self._sent_up_to, first + seen.payload)

    def _offset(self, seen: Seen) -> int:
        base = self._base if self._base is not None else seen.sequence
        return expand(seen.sequence, base + self._highest) - base

    def _is_late(self, seen: Seen) -> bool:
        return self._offset(seen) < self._highest

    def _deliver(self, seen: Seen) -> None:
        first = self._offset(seen)
        self._highest = max(self._highest, first)
        heapq.heappush(self._held, (first, first + seen.payload))
        while self._held and self._held[0][0] <= self.delivered:
            self.delivered = max(self.delivered, heapq.heappop(self._held)[1])
        arrived = self.delivered
        reach = self.delivered
        for begin, beyond in sorted(self._held):
            arrived += max(0, beyond - max(begin, reach))
            reach = max(reach, beyond)
        self._arrived.append(arrived)

    def series(self) -> list[SeriesRow]:
        """Return the flow's throughput, and what arrived in whatever order, in bins."""
        positions = [self._position(number * BIN) for number in range(round(self._end / BIN) + 1)]
        marks = [self._arrived[position - 1] if position else 0 for position in positions]
        return super().series() + self._rates("arrived_bps", marks)


class UdpMeasure(FlowMeasure):
    """Packets with iperf3's numbers; losses are counted by time of sending, to the last packet."""

    def __init__(self, plan: Plan, begin: float, end: float) -> None:
        super().__init__(plan, begin, end)
        self._highest = -1

    def belongs(self, seen: Seen) -> bool:
        return (
            seen.protocol == UDP
            and seen.ports == (self.plan.client_port, self.plan.server_port)
            and seen.source == self.plan.sender
            and seen.payload == self.plan.spec.packet_size
        )

    def _is_late(self, seen: Seen) -> bool:
        return seen.number < self._highest

    def _deliver(self, seen: Seen) -> None:
        self._highest = max(self._highest, seen.number)
        self.delivered += seen.payload


class PingMeasure(FlowMeasure):
    """Echo requests and replies, both as the sending host saw them."""

    def __init__(self, plan: Plan, begin: float, end: float) -> None:
        super().__init__(plan, begin, end)
        self._round_trips: list[float] = []

    def belongs(self, seen: Seen) -> bool:
        return seen.protocol == ICMP and seen.ports[0] == self.plan.echo_id

    def _is_late(self, seen: Seen) -> bool:
        return False

    def _deliver(self, seen: Seen) -> None:
        """An echo is no payload."""

    def on_sent(self, seen: Seen) -> None:
        if seen.ports[1] == _ECHO_REQUEST:
            super().on_sent(seen)

    def on_answer(self, seen: Seen) -> None:
        """Take a reply that came back to the sending host."""
        sent_at = self._sent_at.pop(seen.number, None)
        if sent_at is not None and self.measured(sent_at):
            self._round_trips.append(seen.time - sent_at)

    def row(self) -> dict[str, Any]:
        row = super().row()
        row["one_way_delay_s"] = row["out_of_order_ratio"] = None
        row["rtt_s"] = percentiles(self._round_trips, 50, 95, 99)
        return row


KINDS: dict[str, type[TcpMeasure] | type[UdpMeasure] | type[PingMeasure]] = {
    "tcp": TcpMeasure,
    "udp": UdpMeasure,
    "ping": PingMeasure,
}


def _by_kind(plan: Plan, begin: float, end: float) -> FlowMeasure:
    return KINDS[plan.spec.kind](plan, begin, end)


def measure(
    plans: Sequence[Plan],
    seen: Mapping[str, Iterable[Seen]],
    begin: float,
    end: float,
    make: Callable[[Plan, float, float], FlowMeasure] = _by_kind,
) -> list[FlowMeasure]:
    """Show every flow its packets; `seen` by host. Only flows of iperf3 and ping can be measured here."""
    flows = [make(plan, begin, end) for plan in plans]
    heard = {host: list(packets) for host, packets in seen.items()}
    for flow in flows:
        flow.learn(heard)
        _show(flow, heard)
        flow.finish()
    return flows


def _show(flow: FlowMeasure, heard: Mapping[str, Sequence[Seen]]) -> None:
    sender = flow.plan.sender
    receiver = at.SERVER if sender == at.CLIENT else at.CLIENT
    for packet in heard[sender]:
        if packet.source == sender and flow.belongs(packet):
            flow.on_sent(packet)
    if isinstance(flow, PingMeasure):
        for packet in heard[sender]:
            if packet.source == receiver and flow.belongs(packet) and packet.ports[1] == _ECHO_REPLY:
                flow.on_answer(packet)
        return
    for packet in heard[receiver]:
        if flow.belongs(packet):
            flow.on_received(packet)
