"""One subflow as its connection and the scheduler see it: a TCP, what it was given to carry, and whether it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mpsim.hosts.mptcp.signals import MAPPING_SIZE, Chunk
from mpsim.hosts.segments import HEADER, Ack
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.tunnel.congestion.base import CongestionController
from mpsim.tunnel.loss_history import LossHistory
from mpsim.tunnel.packet import Packet

# The retransmission timer of a silent subflow backs off no further (s), so that its way's return is
# noticed about as soon as measured with Linux's MPTCP, which used a returned link again within 1 s.
MOST_RTO = 1.0
NEVER = float("inf")
# What opportunistic retransmission leaves a slow subflow at the least, segments (Linux MPTCP 0.9x: mptcp_sched.c).
LEAST_WINDOW = 1


class Subflow:
    """One way of a connection (satisfies PathView and TcpSender's Source).

    It is up while it is connected, its link has a carrier, and it answers: a retransmission timeout makes
    it stale, the next acknowledgement takes that back. Stale it sends nothing new, only what TCP owes.

    Parameters
        index, name: its number in the connection and the link's name
        flow: flow key of the packets it sends
        congestion: its congestion control
        mss: payload bytes of a full segment
        fill: gives it more to carry if the scheduler wants so
        metric: a subflow of a higher metric is used when no lower one is up (RFC 8684: backup)
        header: bytes of the IP and TCP headers, without Multipath TCP's option
    """

    def __init__(
        self,
        index: int,
        flow: object,
        congestion: CongestionController,
        *,
        mss: int,
        fill: Callable[[Subflow], None],
        name: str = "",
        metric: int = 0,
        header: int = HEADER,
    ) -> None:
        self.index, self.name, self.metric = index, name, metric
        self.congestion = congestion
        self.tcp = TcpSender(flow, congestion, mss=mss, source=self, header=header + MAPPING_SIZE, most_rto=MOST_RTO)
        self._fill = fill
        self._segment_size = mss + header + MAPPING_SIZE
        self.carrier = True
        self.stale = False
        self.penalised_at = -1.0  # last (s), as the faster one
        self.waiting: deque[Chunk] = deque()  # given to it, not sent yet
        self._mapped: dict[int, Chunk] = {}  # by segment, until acknowledged
        self.latest_rtt = self.delivery_rate = 0.0
        self.smallest_srtt = NEVER  # s
        self.largest_srtt = 0.0
        self._losses = LossHistory()
        self.reinjected = 0  # chunks that others had carried before
        self.control_datagrams = self.control_bytes = 0  # it sends none beside data

    # What a scheduler sees (PathView).

    @property
    def up(self) -> bool:
        """Whether it takes new data."""
        return self.carrier and not self.stale and self.tcp.connected

    @property
    def cwnd(self) -> float:
        """Window in bytes of payload, as all that follows."""
        return self.congestion.cwnd

    @property
    def ssthresh(self) -> float:
        """Slow-start threshold."""
        return self.congestion.ssthresh

    @property
    def bytes_in_flight(self) -> int:
        """Sent, neither acknowledged nor lost."""
        return self.tcp.in_flight

    @property
    def queued_bytes(self) -> int:
        """Given to it, not sent yet."""
        return sum(chunk.length for chunk in self.waiting)

    @property
    def srtt(self) -> float:
        """Smoothed round-trip time (s)."""
        return self.tcp.srtt

    @property
    def rttvar(self) -> float:
        """Its variation (s)."""
        return self.tcp.rttvar

    @property
    def min_rtt(self) -> float:
        """Smallest round-trip time (s)."""
        return self.tcp.rack.min_rtt

    @property
    def mss(self) -> int:
        """Payload of a full segment."""
        return self.tcp.mss

    @property
    def pacing_rate(self) -> float | None:
        """What the congestion control spreads segments to (bit/s); None: it does not."""
        return self.congestion.pacing_rate

    @property
    def delivered(self) -> int:
        """Acknowledged so far."""
        return self.tcp.sample.delivered

    @property
    def in_recovery(self) -> bool:
        """Whether losses are being repaired."""
        return self.tcp.in_recovery

    @property
    def loss_ratio(self) -> float:
        """How many of the last few hundred segments were lost."""
        return self._losses.ratio

    @property
    def last_loss(self) -> float:
        """When an episode of loss last began (s)."""
        return self._losses.last

    @property
    def loss_interval(self) -> int:
        """Between losses: the last two, or since the last."""
        return self._losses.interval(self.delivered)

    def can_send(self, size: int, now: float) -> bool:
        """Return whether a full segment would leave at once."""
        return self.up and not self.waiting and self.tcp.can_send()

    # What its TCP asks for (Source).

    @property
    def available(self) -> int:
        """Bytes that may go now; with nothing to carry it asks for more."""
        if not self.waiting:
            self._fill(self)
        return self.waiting[0].length if self.waiting else 0

    def take(self, most: int) -> int:
        """Put the next chunk into a segment."""
        chunk = self.waiting.popleft()
        self._mapped[self.tcp.next_index] = chunk
        return chunk.length

    # What its connection says.

    def give(self, chunk: Chunk) -> None:
        """Take a chunk to carry."""
        if chunk.carriers:
            self.reinjected += 1
        chunk.carriers |= 1 << self.index
        self.waiting.append(chunk)

    def carried(self, chunk: Chunk) -> bool:
        """Return whether the chunk was given to this subflow."""
        return bool(chunk.carriers >> self.index & 1)

    def receive(self, packet: Packet, now: float) -> tuple[int, bool]:
        """Read an acknowledgement; return how many bytes it newly covers, and whether it told of a loss."""
        tcp = self.tcp
        if self.stale and self.carrier:
            self._answers()
        una, delivered, again, repairing = tcp.una, tcp.sample.delivered, tcp.retransmitted, tcp.in_recovery
        ack: Ack = packet.payload
        tcp.receive(packet, now)
        for index in range(una, min(ack.ack, tcp.una)):
            del self._mapped[index]
        sample = tcp.sample
        if sample.rtt is not None:
            self.latest_rtt = sample.rtt
        if sample.delivery_rate is not None:
            self.delivery_rate = sample.delivery_rate
        self.smallest_srtt = min(self.smallest_srtt, tcp.srtt)
        self.largest_srtt = max(self.largest_srtt, tcp.srtt)
        if tcp.in_recovery and not repairing:
            self._losses.on_lost(now, sample.delivered, now)
        acked, lost = sample.delivered - delivered, tcp.retransmitted - again
        self._losses.count(acked / tcp.mss, lost)
        return acked, lost > 0

    def _answers(self) -> None:
        self.stale = False
        self.congestion.resume()

    def lose_carrier(self) -> list[Chunk]:
        """Be told that the link has lost its carrier; return what others are to carry."""
        self.carrier = False
        return self.go_stale()

    def regain_carrier(self, now: float) -> None:
        """Be told that it has one again; of a link that was lost in silence nobody tells."""
        if self.carrier:
            return
        self.carrier = True
        if self.tcp.idle and self.tcp.connected:
            self._answers()  # it owes nothing whose answer could be waited for
        else:
            self.tcp.retry(now)

    def go_stale(self) -> list[Chunk]:
        """Give up on what it carries for now; return that, for others to carry."""
        given_up: list[Chunk] = []
        if not self.stale:
            self.stale = True
            self.congestion.pause()
            given_up = [chunk for chunk in self._mapped.values() if not chunk.acked]
        for chunk in self.waiting:
            chunk.carriers &= ~(1 << self.index)
            given_up.append(chunk)
        self.waiting.clear()
        return given_up

    def penalise(self) -> None:
        """Halve the window of a subflow that others wait for (Raiciu et al., NSDI 2012, section 4.2)."""
        congestion, least = self.congestion, LEAST_WINDOW * self.tcp.mss
        if congestion.cwnd >= congestion.ssthresh:
            congestion.ssthresh = max(congestion.ssthresh / 2, 2.0 * least)
        congestion.cwnd = max(congestion.cwnd / 2, float(least))

    def packets_to_send(self) -> list[Packet]:
        """Take what is to be sent; without a carrier nothing leaves."""
        packets = self.tcp.packets_to_send()
        if not self.carrier:
            return []
        for packet in packets:
            if packet.payload.index >= 0:
                packet.payload.mapping = self._mapped[packet.payload.index]
        return packets

    # What the recorder counts, as of a tunnel's path.

    @property
    def retransmitted(self) -> int:
        """Segments that it sent again itself."""
        return self.tcp.retransmitted

    @property
    def sent_datagrams(self) -> int:
        """Segments, sent again ones counted again."""
        return self.tcp.sent_segments

    @property
    def sent_bytes(self) -> int:
        """IP bytes, as if all segments were full."""
        return self.tcp.sent_segments * self._segment_size

    @property
    def lost_datagrams(self) -> int:
        """Segments sent again."""
        return self.tcp.retransmitted
