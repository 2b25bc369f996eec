"""Backpressure on inner TCP: its sender may send what the paths can take, and not more.

The portal where a flow's data enters the tunnel lowers the receive window in the acknowledgements that it hands to the
sender:

    right edge = highest sequence seen + room in the paths' windows + rate * ahead - backlog

Flows that use up what they may send share all but the first term; one that sends a request now and then has no share
that others could not use. What a portal lets a sender send in time it gets a round trip
between the two later: that time, as measured, is added to `AHEAD`. A right edge is never taken back (RFC 9293, section
3.8.6), a receiver's own window is never enlarged, and two segments are always allowed, so that no flow waits for an
acknowledgement that nobody owes it. Where paths have room and no acknowledgement comes, because it or what it would
acknowledge waits for a silent path, the last one is said again with the window that holds now. A connection whose SYNs
were not seen is left alone: its window scale is not known (RFC 7323, section 2.3).
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable
from itertools import count
from typing import Protocol

from mpsim.tunnel.floor import Floor
from mpsim.tunnel.inner_tcp import TcpHeader, set_window, tcp_header
from mpsim.tunnel.packet import CLASS_TCP, Packet
from mpsim.tunnel.wire import expand

AHEAD = 0.01  # s, of data that may wait for the paths, so that none of them waits for data
LEAST_SEGMENTS = 2  # that may be outstanding in any case: one alone waits for a delayed acknowledgement
ACTIVE = 0.5  # s since a flow last sent all that it might, in which it has a share
MOST_FLOWS = 4096  # whose state is kept; the oldest are forgotten
MOST_DISTANT = 0.3  # s, of the sender's round trip from here
NEVER = float("inf")
FORGET_DISTANCE = 10.0  # s, after which it is measured anew
UPDATE_AFTER = 0.005  # s without an acknowledgement
UPDATE_FOR = 4  # segments at least


class Outlets(Protocol):
    """What backpressure asks of the sending half of its portal."""

    def room(self) -> float:
        """Return how many full packets the paths would take now."""

    def packet_rate(self) -> float:
        """Return how many full packets the paths deliver in a second."""

    def waiting(self) -> float:
        """Return how many full packets wait for a path already."""


class _Flow:
    """One direction of a connection, by its data."""

    __slots__ = (
        "acked",
        "acked_at",
        "asked",
        "asked_at",
        "distance",
        "distance_at",
        "edge",
        "floor",
        "highest",
        "limited_at",
        "segment",
        "unit",
    )

    def __init__(self, highest: int, now: float) -> None:
        self.highest = highest  # sequence number after what was seen
        self.edge = highest  # right edge announced
        self.unit = 1  # bytes that a sequence number counts
        self.segment = 0  # payload of a full one, bytes
        self.limited_at = now  # when data last came as far as the edge, s
        self.acked: Packet | None = None  # the last acknowledgement, as it came; None: it must not be said again
        self.acked_at = now  # s
        self.asked = 0  # data beyond this answers the edge announced at `asked_at`
        self.asked_at: float | None = None  # s
        self.distance = 0.0  # round trip from here to the sender, s
        self.distance_at = -FORGET_DISTANCE
        self.floor = Floor()

    def segments(self, count: float) -> int:
        """Return so many full segments in sequence numbers."""
        return int(count * self.segment) // self.unit


class ReceiveWindow:
    """Writes the receive window of passing acknowledgements.

    Parameters
        outlets: the sending half
        ahead: of data that may wait for the paths, seconds
    """

    __slots__ = ("_busy", "_busy_at", "_flows", "_held", "_order", "_scales", "ahead", "outlets")

    def __init__(self, outlets: Outlets, *, ahead: float = AHEAD) -> None:
        self.outlets = outlets
        self.ahead = ahead
        self._flows: dict[Hashable, _Flow] = {}
        self._scales: dict[Hashable, int | None] = {}  # as SYNs announce them, by flow
        self._busy: list[_Flow] = []  # that were active at `_busy_at`
        self._busy_at = -ACTIVE
        self._held: list[tuple[float, int, Packet, TcpHeader, _Flow]] = []  # a heap, by when they may pass (s)
        self._order = count()

    def on_ingress(self, packet: Packet, now: float) -> None:
        """Look at a packet that enters the tunnel here."""
        if packet.cls != CLASS_TCP:
            return
        header = tcp_header(packet)
        if header is None:
            return
        if header.syn:
            self._open(header, now)
        flow = self._flows.get(header.flow)
        if flow is None or not header.length:
            return
        end = expand(header.end, flow.highest)
        if end > flow.highest:
            flow.highest = end
            flow.floor.on_data(end, now)
        flow.unit = max(flow.unit, header.unit)
        flow.segment = max(flow.segment, header.length)
        if end + flow.segments(1) > flow.edge:
            flow.limited_at = now
        if flow.asked_at is not None and end > flow.asked:
            self._measure(flow, now)

    def on_delivery(self, packets: Iterable[Packet], now: float) -> list[Packet]:
        """Look at packets that leave the tunnel here; return those that may pass now, windows written."""
        passing = self.due(now)
        for packet in packets:
            header = tcp_header(packet) if packet.cls == CLASS_TCP else None
            flow = None if header is None else self._acknowledged(header)
            if header is None or flow is None:
                passing.append(packet)
                continue
            if header.plain:
                assert header.ack is not None  # it is nothing else
                ack = expand(header.ack, flow.highest)
                due = flow.floor.due(ack, (flow.highest - ack) // flow.segments(1), now)
                if due > now:
                    heapq.heappush(self._held, (due, next(self._order), packet, header, flow))
                    continue
            self._let_pass(packet, header, flow, now)
            passing.append(packet)
        return passing

    def due(self, now: float) -> list[Packet]:
        """Return the acknowledgements whose time has come, windows written."""
        passing = []
        while self._held and self._held[0][0] <= now:
            _, _, packet, header, flow = heapq.heappop(self._held)
            self._let_pass(packet, header, flow, now)
            passing.append(packet)
        return passing

    def next_timeout(self) -> float:
        """Return when `due` has something to return (s)."""
        return self._held[0][0] if self._held else NEVER

    def _acknowledged(self, header: TcpHeader) -> _Flow | None:
        """Return the flow that a packet acknowledges; None: none, or one that is to be left alone."""
        if header.syn:
            self._note_scale(header)
            return None
        flow = self._flows.get(header.opposite)
        if header.ack is None or flow is None or not flow.segment or header.flow not in self._scales:
            return None
        return flow

    def _let_pass(self, packet: Packet, header: TcpHeader, flow: _Flow, now: float) -> None:
        again = Packet(packet.size, packet.flow, packet.payload, packet.dscp, packet.ecn) if header.plain else None
        self._write(packet, header, flow, now)
        flow.acked = again
        flow.acked_at = now

    def updates(self, now: float) -> list[Packet]:
        """Return acknowledgements said again, for flows that could send more by now and are not told so."""
        outlets = self.outlets
        if outlets.room() - outlets.waiting() < UPDATE_FOR:
            return []
        self._sharing(now)
        found = []
        for flow in self._busy:
            last = flow.acked
            if last is None or flow.acked_at > now - UPDATE_AFTER or flow.highest + flow.segments(1) <= flow.edge:
                continue
            if self._edge(flow, now) < flow.edge + flow.segments(UPDATE_FOR):
                continue
            payload = last.payload if isinstance(last.payload, bytes) else last.payload.again()
            update = Packet(last.size, last.flow, payload, last.dscp, last.ecn)
            update.entered = now
            header = tcp_header(update)
            assert header is not None  # it had one the first time
            self._write(update, header, flow, now)
            flow.acked_at = now
            found.append(update)
        return found

    def _write(self, packet: Packet, header: TcpHeader, flow: _Flow, now: float) -> None:
        """Write the window of an acknowledgement."""
        assert header.ack is not None  # it is one
        mine, theirs = self._scales[header.flow], self._scales.get(header.opposite)
        scale = 0 if mine is None or theirs is None else mine
        ack = expand(header.ack, flow.highest)
        before = flow.edge
        edge = max(self._edge(flow, now), before, ack + flow.segments(LEAST_SEGMENTS))
        window = -((ack - edge) >> scale)  # rounded up: an edge is not taken back
        if window < header.window:
            set_window(packet, window)
        else:
            window = header.window
        flow.edge = max(before, ack + (window << scale))
        if flow.asked_at is None and flow.edge > before and flow.highest + flow.segments(1) > before:
            flow.asked, flow.asked_at = before, now

    def _edge(self, flow: _Flow, now: float) -> int:
        """Return the sequence number up to which this flow may send."""
        outlets = self.outlets
        share = outlets.room() + outlets.packet_rate() * (self.ahead + flow.distance) - outlets.waiting()
        return flow.highest + flow.segments(max(share, 0.0) / self._sharing(now))

    def _sharing(self, now: float) -> int:
        """Return how many flows would send more if they might; counted anew now and then."""
        if now - self._busy_at > ACTIVE / 4:
            self._busy_at = now
            self._busy = [flow for flow in self._flows.values() if now - flow.limited_at < ACTIVE]
        return max(1, len(self._busy))

    def _open(self, header: TcpHeader, now: float) -> None:
        self._note_scale(header)
        self._flows.pop(header.flow, None)
        self._flows[header.flow] = _Flow(header.end, now)
        if len(self._flows) > MOST_FLOWS:
            del self._flows[next(iter(self._flows))]

    def _note_scale(self, header: TcpHeader) -> None:
        self._scales.pop(header.flow, None)
        self._scales[header.flow] = header.scale
        if len(self._scales) > 2 * MOST_FLOWS:
            del self._scales[next(iter(self._scales))]

    def _measure(self, flow: _Flow, now: float) -> None:
        """Take the time from an edge to the first data beyond the one before: the sender's distance, or its leisure."""
        assert flow.asked_at is not None  # asked for only then
        took = min(now - flow.asked_at, MOST_DISTANT)
        flow.asked_at = None
        if took <= flow.distance or now - flow.distance_at > FORGET_DISTANCE:
            flow.distance = took
            flow.distance_at = now
