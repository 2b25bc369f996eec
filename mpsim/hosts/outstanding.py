"""The segments that a TCP sender waits for: which have arrived, which are lost, how much is in flight.

Transmissions are kept in the order of sending, so that RACK reads only the head of them; each acknowledgement
touches what it newly covers and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mpsim.hosts.rack import NEVER, Rack, Transmission
from mpsim.hosts.recovery import Scoreboard
from mpsim.tunnel.delivery import Delivery


class Outstanding:
    """What was sent and is not acknowledged cumulatively.

    una: lowest segment not acknowledged; next_index: next new segment; segments: their newest transmissions, by
    index; lost: indices to be sent again; in_flight: bytes, in full segments (Linux counts packets,
    tcp_packets_in_flight, so a small one takes the place of a full one).

    Parameters
        mss: payload bytes of a full segment
        rack: told of what arrives, says what is lost
        delivery: told of what arrives and of what is sent
    """

    __slots__ = (
        "_delivery",
        "_mss",
        "_order",
        "_rack",
        "_scoreboard",
        "_transmissions",
        "in_flight",
        "lost",
        "next_index",
        "segments",
        "una",
    )

    def __init__(self, mss: int, rack: Rack, delivery: Delivery) -> None:
        self._mss = mss
        self._rack = rack
        self._delivery = delivery
        self.una = self.next_index = self.in_flight = 0
        self.segments: dict[int, Transmission] = {}
        self.lost: deque[int] = deque()
        self._scoreboard = Scoreboard()
        self._transmissions: deque[Transmission] = deque()
        self._order = 0

    def send(self, index: int, length: int, now: float, *, again: bool) -> Transmission:
        """Return a new transmission of a segment, that leaves now."""
        delivery = self._delivery
        if not self.in_flight:
            delivery.on_idle_over(now)
        self._order += 1
        sent = Transmission(index, length, now, self._order, again)
        delivery.note(sent)
        self.segments[index] = sent
        self._transmissions.append(sent)
        self.in_flight += self._mss
        if not again:
            self.next_index = index + 1
        return sent

    def is_waited_for(self, index: int) -> bool:
        """Return whether a segment has not arrived, as far as is known."""
        sent = self.segments.get(index)
        return sent is not None and not sent.acked

    # What arrives.

    def take(self, ack: int, sacks: Sequence[tuple[int, int]]) -> tuple[int, Transmission | None]:
        """Take an acknowledgement and its SACK blocks.

        Returns the bytes newly acknowledged, in full segments, and the latest of their sendings.
        """
        acked = 0
        newest: Transmission | None = None
        hole = bool(self._scoreboard.ranges)
        if ack > self.una:
            pop = self.segments.pop
            beyond = min(ack, self.next_index)
            for index in range(self.una, beyond):
                sent = pop(index, None)
                if sent is not None and not sent.acked:
                    acked += self._deliver(sent)
                    if hole:
                        self._rack.on_arrived(sent)
                    if newest is None or sent.order > newest.order:
                        newest = sent
            self.una = beyond
        if sacks or hole:
            more, latest = self._take_sacked(sacks)
            acked += more
            if latest is not None and (newest is None or latest.order > newest.order):
                newest = latest
        return acked, newest

    def _take_sacked(self, sacks: Sequence[tuple[int, int]]) -> tuple[int, Transmission | None]:
        """Take in SACK blocks; return the bytes they newly acknowledge, and the latest of those sendings."""
        acked = 0
        newest: Transmission | None = None
        self._scoreboard.forget_below(self.una)
        for first, beyond in sacks:
            for index in self._scoreboard.add(max(first, self.una), min(beyond, self.next_index)):
                sent = self.segments.get(index)
                if sent is not None and not sent.acked:
                    acked += self._deliver(sent)
                    self._rack.on_arrived(sent)
                    if newest is None or sent.order > newest.order:
                        newest = sent
        return acked, newest

    def _deliver(self, sent: Transmission) -> int:
        sent.acked = True
        if not sent.lost:
            self.in_flight -= self._mss
        self._delivery.delivered += sent.length
        return self._mss

    # What is lost.

    def take_lost(self, in_recovery: bool, now: float) -> list[Transmission]:
        """Return what RACK finds lost, no longer in flight but to be sent again; it says when to look again."""
        transmissions, rack = self._transmissions, self._rack
        while transmissions and transmissions[0].acked:
            transmissions.popleft()
        if not transmissions or transmissions[0].order >= rack.order:
            rack.deadline = NEVER
            return []
        lost = rack.lost(transmissions, in_recovery, self._scoreboard.count, now)
        if lost:
            self.in_flight -= len(lost) * self._mss
            self.lost.extend(sent.index for sent in lost)
        return lost

    def lose_newest(self) -> bool:
        """Count the newest segment as lost, so that it can be sent again; False: it has arrived."""
        sent = self.segments.get(self.next_index - 1)
        if sent is None or sent.acked:
            return False
        if not sent.lost:
            self.in_flight -= self._mss
            sent.lost = True
        return True

    def lose_all(self) -> None:
        """Count everything as lost that has not arrived: a timeout."""
        self._transmissions.clear()
        self.lost.clear()
        for index, sent in sorted(self.segments.items()):
            if not sent.acked:
                sent.lost = True
                self.lost.append(index)
        self.in_flight = 0
        self._rack.deadline = NEVER
