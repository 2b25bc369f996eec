"""The sending end of a TCP connection: SACK scoreboard, RACK-TLP (RFC 8985), PRR (RFC 6937), RTO (RFC 6298).

Rules of this file. What was sent and what of it has arrived is kept in outstanding.py; here is decided what to do
about it. Congestion control comes from the tunnel's library and decides the window outside of recovery; in recovery
PRR spreads the reduction over a round trip, as Linux does. Its pacing rate, if it has one, holds back all but what a
timer sends.
"""

from __future__ import annotations

from mpsim.hosts.outstanding import Outstanding
from mpsim.hosts.rack import Rack, Transmission
from mpsim.hosts.repair import Repair
from mpsim.hosts.segments import HEADER, NO_LIMIT, SYN_OPTIONS, Ack, Segment
from mpsim.hosts.supply import Source, Transfer
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
        "_edge",
        "_finite",
        "_header",
        "_out",
        "_outstanding",
        "_repair",
        "_source",
        "_stopped",
        "_window_segments",
        "congestion",
        "flow",
        "mss",
        "rack",
        "recoveries",
        "retransmitted",
        "sent_segments",
        "timeouts",
        "timers",
        "undone",
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
        self._window_segments = max(2, receive_window // mss)
        self._header = header
        # None: without end, the common case, which asks nobody for the length of a segment.
        self._source = source if source is not None or total_bytes is None else Transfer(total_bytes)
        self._finite = source is None and total_bytes is not None
        self._connected = False
        self._stopped = False
        self._edge = NO_LIMIT  # segments below may be sent, as a portal on the way back has written
        self.rack = Rack()
        self._delivery = Delivery()
        self._outstanding = Outstanding(mss, self.rack, self._delivery)
        self.timers = Timers(most_rto)
        self._repair = Repair(mss, proportional=not congestion.keeps_window)
        self._out: list[Packet] = []
        self.sent_segments = self.retransmitted = self.timeouts = self.recoveries = self.undone = 0

    def start(self, now: float) -> None:
        """Open the connection."""
        self.congestion.start(self.mss, now)
        self._send_syn(now)

    def _send_syn(self, now: float) -> None:
        self._out.append(Packet(self._header + SYN_OPTIONS, self.flow, Segment(-1, 0, now), cls=CLASS_TCP))
        self.timers.begin(now)

    def stop(self, now: float) -> None:
        """Send nothing new from now on."""
        self._stopped = True

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
        if not self._connected or self._stopped:
            return False
        if outstanding.next_index - outstanding.una >= self._window_segments or self.timers.paced_at < NEVER:
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
    def done(self) -> bool:
        """Whether everything there was to send is acknowledged."""
        return self._finite and not self._outstanding.segments and not self._more()

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
                self._edge = ack.ack + ack.window
            self._on_ack(ack, now)
        self._send(now)

    # Reading acknowledgements.

    def _on_ack(self, ack: Ack, now: float) -> None:
        outstanding = self._outstanding
        before = outstanding.in_flight
        advanced = ack.ack > outstanding.una
        sacks = ack.sacks
        if ack.duplicate:
            self._on_duplicate(now)
            sacks = sacks[1:]
        acked, newest = outstanding.take(ack.ack, sacks)
        if newest is not None:
            self._after_delivery(newest, acked, before, ack.time, now)
        if advanced:
            self._on_progress(ack, now)
        self._detect_losses(now)
        if acked and self._repair.reducing:
            self._repair.reduction.on_delivered(acked, outstanding.in_flight, self.congestion.ssthresh)

    def _detect_losses(self, now: float) -> None:
        lost = self._outstanding.take_lost(self._repair.until is not None, now)
        if lost:
            self._on_lost(lost, now)
        elif self.rack.deadline < self.timers.alarm:
            self.timers.alarm = self.rack.deadline

    def _after_delivery(self, newest: Transmission, acked: int, before: int, answered: float, now: float) -> None:
        rtt = now - newest.time
        if newest.retransmitted and rtt < self.rack.min_rtt:
            rtt = 0.0  # most likely the answer to the first transmission (RFC 8985, section 6.2)
        else:
            self.rack.on_delivered(newest, rtt)
        if rtt and not newest.retransmitted:
            self.timers.take_rtt(rtt)
        sample = self._delivery.on_delivered(newest, now, self.rack.min_rtt)
        sample.acked = acked
        if rtt and not newest.retransmitted:
            sample.rtt = rtt
            sample.one_way_delay = answered - newest.time  # what timestamps tell (RFC 7323)
        else:
            sample.rtt = sample.one_way_delay = None
        sample.srtt = self.timers.srtt
        cwnd = self.congestion.cwnd
        # Linux's tcp_is_cwnd_limited: in slow start half a window counts as using it.
        sample.cwnd_limited = before + 3 * self.mss > cwnd if cwnd >= self.congestion.ssthresh else 2 * before >= cwnd
        sample.in_flight = before
        self.congestion.on_acked(sample)

    def _on_progress(self, ack: Ack, now: float) -> None:
        timers = self.timers
        repair = self._repair
        if repair.after_timeout:
            timers.take_back_off()  # with timestamps a retransmission is progress as well (Linux)
        outstanding = len(self._outstanding.segments)
        timers.on_progress(now, outstanding)
        if repair.until is None:
            timers.arm_probe(now, outstanding)
            return
        timers.probe_at = NEVER
        if repair.answers_original(ack.echo):
            self._undo(now)  # the original had only been late
        elif self._outstanding.una >= repair.until:
            repair.end()
            self.rack.on_recovered()

    def _on_duplicate(self, now: float) -> None:
        self.rack.on_duplicate(self._outstanding.next_index, self._outstanding.una)
        if self._repair.on_duplicate():
            self._undo(now)

    def _undo(self, now: float) -> None:
        self.congestion.on_loss_undone(now)
        self.rack.on_late()
        self.undone += 1
        self._repair.end()

    # Losses.

    def _on_lost(self, lost: list[Transmission], now: float) -> None:
        size = len(lost) * self.mss
        left = self._outstanding.in_flight
        if self._repair.until is None:
            self._repair.begin(self._outstanding.next_index)
            self.recoveries += 1
            self.timers.probe_at = NEVER
            self._repair.reduction.begin(left, left + size)
        # In recovery it is a lost retransmission, a new congestion event to the algorithm (it looks at the time).
        self.congestion.on_lost(now, size, lost[-1].time, left + size)

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
        lost = outstanding.lost
        paced = self.congestion.pacing_rate is not None
        while outstanding.in_flight + mss <= window or not outstanding.segments:
            if paced and not self.timers.may_send(now):
                break
            if lost:
                index = lost.popleft()
                if outstanding.is_waited_for(index):
                    self._transmit(index, now, again=True)
            elif self._may_send_new():
                self._transmit(outstanding.next_index, now, again=False)
            elif outstanding.next_index >= self._edge:
                break  # there is data, and no window for it: not limited by the application (as in Linux)
            else:
                self._delivery.on_no_data(outstanding.in_flight)
                break

    def _may_send_new(self) -> bool:
        outstanding = self._outstanding
        beyond = outstanding.next_index
        if self._stopped or beyond - outstanding.una >= self._window_segments or beyond >= self._edge:
            return False
        return self._more()

    def _more(self) -> bool:
        return self._source is None or self._source.available > 0

    def _transmit(self, index: int, now: float, *, again: bool) -> None:
        outstanding = self._outstanding
        source = self._source
        length = self.mss
        if source is not None:
            length = outstanding.segments[index].length if again else source.take(self.mss)
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
        if self.rack.deadline <= now:
            lost = self._outstanding.take_lost(self._repair.until is not None, now)
            if lost:
                self._on_lost(lost, now)
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
        if self._may_send_new():
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
