"""The sending end of a TCP connection: SACK scoreboard, RACK-TLP (RFC 8985), PRR (RFC 6937), RTO (RFC 6298).

Rules of this file. What was sent and what of it has arrived is kept in outstanding.py, what an acknowledgement says
about it is read in acknowledgements.py; here is decided what is sent, and when. Congestion control comes from the
tunnel's library and decides the window outside of recovery; in recovery PRR spreads the reduction over a round trip,
as Linux does. Its pacing rate, if it has one, holds back all but what a timer sends.
"""

from __future__ import annotations

from mpsim.hosts.acknowledgements import Acknowledgements
from mpsim.hosts.outstanding import Outstanding
from mpsim.hosts.rack import Rack
from mpsim.hosts.repair import Repair
from mpsim.hosts.segments import HEADER, SYN_OPTIONS, Ack, Segment
from mpsim.hosts.supply import Source, Unsent
from mpsim.hosts.timers import HAIR, MAX_RTO, NEVER, Timers
from mpsim.tunnel.congestion.base import AckSample, CongestionController
from mpsim.tunnel.delivery import Delivery
from mpsim.tunnel.packet import CLASS_TCP, Packet

# Linux's default tcp_rmem allows 6 MiB; auto-tuning follows the flow, so the limit is what counts.
RECEIVE_WINDOW = 6 * 1024 * 1024


class TcpSender:
    """Sends one connection's data.

    Segments are full, but for the last of a transfer and those of a source that has no more at the moment:
    what is available goes as soon as the window lets it (TCP_NODELAY), and fills segments while it waits.

    Parameters
        flow: flow key of the packets it sends
        congestion: its congestion control
        mss: payload bytes of a full segment
        total_bytes: how much there is to send; None: without end
        receive_window: most payload bytes beyond what was acknowledged
        header: bytes of the IP and TCP headers of each segment
        source: where the data comes from, instead of what total_bytes says
        most_rto: how far the retransmission timeout backs off at most, s
    """

    silent = False

    __slots__ = (
        "_clocked",
        "_connected",
        "_delivery",
        "_header",
        "_out",
        "_outstanding",
        "_reading",
        "_repair",
        "_unsent",
        "congestion",
        "flow",
        "mss",
        "rack",
        "retransmitted",
        "sent_segments",
        "timeouts",
        "timers",
    )

    def __init__(
        self,
        flow: object,
        congestion: CongestionController,
        *,
        mss: int,
        total_bytes: int | None = None,
        receive_window: int = RECEIVE_WINDOW,
        header: int = HEADER,
        source: Source | None = None,
        most_rto: float = MAX_RTO,
    ) -> None:
        self.flow = flow
        self.congestion = congestion
        self._clocked = type(congestion).next_timeout is not CongestionController.next_timeout
        self.mss = mss
        self._header = header
        self._unsent = Unsent(source, total_bytes, window=max(2, receive_window // mss))
        self._connected = False
        self.rack = Rack()
        self._delivery = Delivery()
        self._outstanding = Outstanding(mss, self.rack, self._delivery)
        self.timers = Timers(most_rto)
        self._repair = Repair(mss, proportional=not congestion.keeps_window)
        self._reading = Acknowledgements(
            congestion,
            outstanding=self._outstanding,
            rack=self.rack,
            delivery=self._delivery,
            timers=self.timers,
            repair=self._repair,
            mss=mss,
        )
        self._out: list[Packet] = []
        self.sent_segments = self.retransmitted = self.timeouts = 0

    def start(self, now: float) -> None:
        """Open the connection."""
        self.congestion.start(self.mss, now)
        self._send_syn(now)

    def _send_syn(self, now: float) -> None:
        self._out.append(Packet(self._header + SYN_OPTIONS, self.flow, Segment(-1, 0, now), cls=CLASS_TCP))
        self.timers.begin(now)

    def stop(self, now: float) -> None:
        """Send nothing new from now on."""
        self._unsent.stopped = True

    @property
    def connected(self) -> bool:
        """Whether the other end has answered."""
        return self._connected

    def push(self, now: float) -> None:
        """Send what has become available, as far as the window lets it; before the connection is there it waits."""
        if self._connected:
            self._send(now)
            # Counted from the newest transmission, not from one that went alone before it (RFC 8985, section 7.2).
            if self.timers.probe_at < NEVER:
                self._arm_probe(now)

    def retry(self, now: float) -> None:
        """Wait no longer for a timeout that has backed off: the way is known to be back."""
        if self.timers.rto_at < NEVER:
            self.timers.expire(now)
            if self._connected:
                self.timers.take_back_off()

    def can_send(self) -> bool:
        """Return whether a full segment of new data would leave at once."""
        outstanding = self._outstanding
        if not self._connected or self.timers.paced_at < NEVER:
            return False
        if not self._unsent.has_room(outstanding.una, outstanding.next_index):
            return False
        return outstanding.in_flight + self.mss <= self.window + 0.5 or not outstanding.segments

    @property
    def una(self) -> int:
        """Lowest segment not acknowledged."""
        return self._outstanding.una

    @property
    def next_index(self) -> int:
        """Next new segment."""
        return self._outstanding.next_index

    @property
    def in_flight(self) -> int:
        """Bytes in flight, in full segments."""
        return self._outstanding.in_flight

    @property
    def srtt(self) -> float:
        """Smoothed round-trip time in seconds; 0: none was measured."""
        return self.timers.srtt

    @property
    def rttvar(self) -> float:
        """Mean deviation of the round-trip time in seconds."""
        return self.timers.rttvar

    @property
    def sample(self) -> AckSample:
        """What the last acknowledgement showed."""
        return self._delivery.sample

    @property
    def idle(self) -> bool:
        """Whether everything sent is acknowledged."""
        return not self._outstanding.segments

    @property
    def in_recovery(self) -> bool:
        """Whether losses are being repaired."""
        return self._repair.until is not None

    @property
    def recoveries(self) -> int:
        """Episodes of repair so far."""
        return self._reading.recoveries

    @property
    def undone(self) -> int:
        """Those of them that turned out to be needless."""
        return self._reading.undone

    @property
    def done(self) -> bool:
        """Whether everything there was to send is acknowledged."""
        return not self._outstanding.segments and self._unsent.over

    def receive(self, packet: Packet, now: float) -> None:
        ack: Ack = packet.payload
        if not self._connected:
            self._connected = True
            self.timers.answered()
            self.timers.take_rtt(now - ack.echo)
        elif ack.ack < self._outstanding.una and not ack.sacks:
            return  # an old acknowledgement overtaken by a newer one
        else:
            if ack.window is not None:
                self._unsent.edge = ack.ack + ack.window
            self._reading.take(ack, now)
        self._send(now)

    @property
    def window(self) -> float:
        """Bytes that may be in flight now."""
        if self._repair.reducing:
            return self._repair.reduction.window
        return self.congestion.cwnd

    # Sending.

    def _send(self, now: float) -> None:
        window = self.window + 0.5  # bytes are whole, windows are not
        mss = self.mss
        outstanding = self._outstanding
        unsent = self._unsent
        lost = outstanding.lost
        paced = self.congestion.pacing_rate is not None
        while outstanding.in_flight + mss <= window or not outstanding.segments:
            if paced and not self.timers.may_send(now):
                break
            if lost:
                index = lost.popleft()
                if outstanding.is_waited_for(index):
                    self._transmit(index, now, again=True)
            elif unsent.may_send(outstanding.una, outstanding.next_index):
                self._transmit(outstanding.next_index, now, again=False)
            elif outstanding.next_index >= unsent.edge:
                break  # there is data, and no window for it: not limited by the application (as in Linux)
            else:
                self._delivery.on_no_data(outstanding.in_flight)
                break

    def _transmit(self, index: int, now: float, *, again: bool) -> None:
        outstanding = self._outstanding
        length = outstanding.segments[index].length if again else self._unsent.take(self.mss)
        sent = outstanding.send(index, length, now, again=again)
        self.sent_segments += 1
        if again:
            self.retransmitted += 1
            self._repair.on_retransmitted(now)
        if self._repair.until is not None:
            self._repair.reduction.sent += self.mss
        self.congestion.on_sent(now, self.mss, outstanding.in_flight)
        timers = self.timers
        timers.on_sent(now)
        rate = self.congestion.pacing_rate
        if rate is not None:
            timers.on_paced(now, self.mss, rate)
        if timers.probe_at == NEVER:
            self._arm_probe(now)
        self._out.append(Packet(length + self._header, self.flow, sent))

    # Time.

    def _arm_probe(self, now: float) -> None:
        self.timers.arm_probe(now, len(self._outstanding.segments) if self._repair.until is None else 0)

    def next_timeout(self) -> float:
        alarm = self.timers.alarm
        if self._clocked and self._connected:
            own = self.congestion.next_timeout()
            if own is not None and own < alarm:
                return own
        return alarm

    def handle_timeout(self, now: float) -> None:
        if self._clocked and self._connected:
            self.congestion.on_timer(now)
            self._send(now)
        if self.rack.deadline <= now and self._reading.detect_losses(now):
            self._send(now)
        timers = self.timers
        if timers.probe_at <= now:
            self._send_probe(now)
        if timers.rto_at <= now:
            self._on_timeout(now)
        if timers.paced_at <= now + HAIR:
            timers.paced_at = NEVER
            self._send(now)
        timers.set_alarm(now, self.rack.deadline)

    def _send_probe(self, now: float) -> None:
        timers = self.timers
        timers.probe_at = NEVER
        timers.probed = True
        outstanding = self._outstanding
        if not outstanding.segments:
            return
        if self._unsent.may_send(outstanding.una, outstanding.next_index):
            self._transmit(outstanding.next_index, now, again=False)
        elif outstanding.lose_newest():
            self._transmit(outstanding.next_index - 1, now, again=True)
        else:
            return
        timers.probe_at = NEVER
        timers.rto_at = now + timers.rto

    def _on_timeout(self, now: float) -> None:
        timers = self.timers
        timers.back_off()
        if not self._connected:
            self._send_syn(now)
            return
        outstanding = self._outstanding
        if not outstanding.segments:
            timers.rto_at = NEVER
            return
        self.timeouts += 1
        self.congestion.on_timeout(now, outstanding.in_flight)
        outstanding.lose_all()
        self._repair.begin(outstanding.next_index, after_timeout=True)
        timers.probe_at = NEVER
        timers.rto_at = now + timers.rto
        self._send(now)

    def packets_to_send(self) -> list[Packet]:
        out = self._out
        if out:
            self._out = []
        return out
