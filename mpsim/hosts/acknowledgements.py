"""What acknowledgements tell a TCP sender: what has arrived, how long it took, what is lost, what was no loss at all.

What was sent is kept in outstanding.py, the state of a repair in repair.py; here they learn what an acknowledgement
says, and the congestion control and the timers with them. Sending is tcp_sender.py's.
"""

from __future__ import annotations

from mpsim.hosts.outstanding import Outstanding
from mpsim.hosts.rack import Rack, Transmission
from mpsim.hosts.repair import Repair
from mpsim.hosts.segments import Ack
from mpsim.hosts.timers import NEVER, Timers
from mpsim.tunnel.congestion.base import CongestionController
from mpsim.tunnel.delivery import Delivery


class Acknowledgements:
    """Reads a connection's acknowledgements.

    recoveries: episodes of repair so far; undone: those that turned out to be needless.

    Parameters
        congestion: told of what arrives and of what is lost
        outstanding: what was sent
        rack: says what is lost
        delivery: measures the rate
        timers: told of round-trip times and of progress
        repair: the repair of losses, begun and ended here
        mss: payload bytes of a full segment
    """

    __slots__ = (
        "_congestion",
        "_delivery",
        "_mss",
        "_outstanding",
        "_rack",
        "_repair",
        "_timers",
        "recoveries",
        "undone",
    )

    def __init__(
        self,
        congestion: CongestionController,
        *,
        outstanding: Outstanding,
        rack: Rack,
        delivery: Delivery,
        timers: Timers,
        repair: Repair,
        mss: int,
    ) -> None:
        self._congestion = congestion
        self._outstanding = outstanding
        self._rack = rack
        self._delivery = delivery
        self._timers = timers
        self._repair = repair
        self._mss = mss
        self.recoveries = self.undone = 0

    def take(self, ack: Ack, now: float) -> None:
        """Take an acknowledgement that is not older than those before it."""
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
        self.detect_losses(now)
        if acked and self._repair.reducing:
            self._repair.reduction.on_delivered(acked, outstanding.in_flight, self._congestion.ssthresh)

    def detect_losses(self, now: float) -> bool:
        """Look for what is lost by now, and begin to repair it; return whether there was anything."""
        lost = self._outstanding.take_lost(self._repair.until is not None, now)
        if lost:
            self._on_lost(lost, now)
            return True
        if self._rack.deadline < self._timers.alarm:
            self._timers.alarm = self._rack.deadline
        return False

    def _after_delivery(self, newest: Transmission, acked: int, before: int, answered: float, now: float) -> None:
        rtt = now - newest.time
        if newest.retransmitted and rtt < self._rack.min_rtt:
            rtt = 0.0  # most likely the answer to the first transmission (RFC 8985, section 6.2)
        else:
            self._rack.on_delivered(newest, rtt)
        if rtt and not newest.retransmitted:
            self._timers.take_rtt(rtt)
        sample = self._delivery.on_delivered(newest, now, self._rack.min_rtt)
        sample.acked = acked
        if rtt and not newest.retransmitted:
            sample.rtt = rtt
            sample.one_way_delay = answered - newest.time  # what timestamps tell (RFC 7323)
        else:
            sample.rtt = sample.one_way_delay = None
        sample.srtt = self._timers.srtt
        congestion = self._congestion
        cwnd = congestion.cwnd
        # Linux's tcp_is_cwnd_limited: in slow start half a window counts as using it.
        sample.cwnd_limited = before + 3 * self._mss > cwnd if cwnd >= congestion.ssthresh else 2 * before >= cwnd
        sample.in_flight = before
        congestion.on_acked(sample)

    def _on_progress(self, ack: Ack, now: float) -> None:
        timers = self._timers
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
            self._rack.on_recovered()

    def _on_duplicate(self, now: float) -> None:
        self._rack.on_duplicate(self._outstanding.next_index, self._outstanding.una)
        if self._repair.on_duplicate():
            self._undo(now)

    def _undo(self, now: float) -> None:
        self._congestion.on_loss_undone(now)
        self._rack.on_late()
        self.undone += 1
        self._repair.end()

    def _on_lost(self, lost: list[Transmission], now: float) -> None:
        size = len(lost) * self._mss
        left = self._outstanding.in_flight
        if self._repair.until is None:
            self._repair.begin(self._outstanding.next_index)
            self.recoveries += 1
            self._timers.probe_at = NEVER
            self._repair.reduction.begin(left, left + size)
        # In recovery it is a lost retransmission, a new congestion event to the algorithm (it looks at the time).
        self._congestion.on_lost(now, size, lost[-1].time, left + size)
