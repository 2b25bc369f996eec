"""All ways of repair that a tunnel's end uses, and what they want sent: it goes before everything new."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from mpsim.tunnel.datagrams import DATA, FLAG_COPY, FLAG_REPAIR, Data, Parity
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.path import Path
from mpsim.tunnel.repair.base import NEVER, Repair
from mpsim.tunnel.repair.ledger import Ledger
from mpsim.units import BITS_PER_BYTE

NOWHERE = -1


class Errand:
    """Something that is to be sent besides new packets; a parity datagram's `count` is not 0."""

    __slots__ = ("avoid", "cls", "count", "flags", "index", "origin", "packet", "sequence", "until", "urgent")

    def __init__(  # noqa: PLR0917  # one is made for each repetition
        self,
        packet: Packet,
        cls: int,
        sequence: int,
        flags: int,
        until: float,
        origin: float = 0.0,
        avoid: int = NOWHERE,
        count: int = 0,
        index: int = 0,
        *,
        urgent: bool = False,
    ) -> None:
        self.packet, self.cls, self.sequence, self.flags = packet, cls, sequence, flags
        self.until = until  # s; later it is of no use
        self.origin = origin  # s, when its packet was sent first
        self.avoid = avoid  # the path that has it already
        self.count, self.index = count, index
        self.urgent = urgent  # it does not wait for a window


class Repairs:
    """Tells the repairs what happens, and places what they ask for (satisfies Outlet).

    Parameters
        repairs: in the order of the scenario
        paths: of the tunnel
        epoch: this session's number
        patience: how long the other end's reorder buffer waits, seconds
    """

    __slots__ = (
        "_epoch",
        "_patience",
        "_unannounced",
        "eligible",
        "given_up",
        "ledger",
        "paths",
        "reaction",
        "repairs",
        "waiting",
    )

    def __init__(
        self,
        repairs: Sequence[Repair],
        *,
        paths: Sequence[Path],
        epoch: int,
        patience: Callable[[], float],
    ) -> None:
        self.repairs = tuple(repairs)
        self.paths = paths
        self.ledger = Ledger()
        for path in paths:
            path.ledger = self.ledger
        self.eligible: Sequence[Path] = ()  # those that may be used; the sending half says so
        self.waiting: deque[Errand] = deque()
        self.given_up: list[tuple[int, int]] = []  # (class, tunnel sequence) that nobody will send any more
        self._unannounced: list[tuple[float, int, int]] = []  # a heap: (when, class, tunnel sequence)
        self._epoch = epoch
        self._patience = patience
        for repair in self.repairs:
            repair.attach(self)
        self.reaction = min((repair.reaction for repair in self.repairs), default=NEVER)

    # What happens.

    def on_sent(self, sent: Data, now: float) -> None:
        """Take note that a packet has left for the first time."""
        for repair in self.repairs:
            repair.on_sent(sent, now)

    def on_lost(self, lost: Iterable[Data], now: float) -> list[tuple[int, int]]:
        """Take note of what a path has lost; return (class, tunnel sequence) of what nobody sends again."""
        given_up = []
        for sent in lost:
            if sent.type != DATA or self.ledger.on_lost(sent.cls, sent.tunnel_sequence):
                continue
            if any(repair.on_lost(sent, now) for repair in self.repairs):
                continue
            when = max((repair.announce_at(sent, now) for repair in self.repairs), default=now)
            if when <= now:
                given_up.append((sent.cls, sent.tunnel_sequence))
            else:
                heapq.heappush(self._unannounced, (when, sent.cls, sent.tunnel_sequence))
        return given_up

    def next_timeout(self) -> float:
        """Return when `on_time` has something to do (s)."""
        due = min((repair.next_timeout() for repair in self.repairs), default=NEVER)
        return min(due, self._unannounced[0][0]) if self._unannounced else due

    def on_time(self, now: float) -> None:
        """Let the repairs do what is due."""
        for repair in self.repairs:
            repair.on_time(now)
        while self._unannounced and self._unannounced[0][0] <= now:
            _, cls, sequence = heapq.heappop(self._unannounced)
            self.given_up.append((cls, sequence))

    # What repairs ask for (Outlet).

    def patience(self) -> float:
        """Return how long after its first sending a packet is still worth sending again (s)."""
        return self._patience()

    def alternatives(self, path: int) -> int:
        """Return how many paths may be used beside path number `path`."""
        return sum(other.index != path for other in self.eligible)

    def send_again(self, lost: Data, origin: float, until: float) -> None:
        """Send a lost packet, first sent at `origin`, by the best path; at `until` (s) it is too late."""
        self.waiting.append(Errand(lost.packet, lost.cls, lost.tunnel_sequence, FLAG_REPAIR, until, origin))

    def send_copy(self, sent: Data, until: float, *, stalled: bool = False, urgent: bool = False) -> None:
        """Send a packet that is in flight by another path too; `stalled`: because its own is silent.

        urgent: whether windows have room or not, and before everything else that waits.
        """
        flags = FLAG_COPY | FLAG_REPAIR if stalled else FLAG_COPY
        sequence = sent.tunnel_sequence
        self.ledger.add(sent.cls, sequence)
        errand = Errand(sent.packet, sent.cls, sequence, flags, until, sent.time, sent.path, urgent=urgent)
        if urgent:
            self.waiting.appendleft(errand)
        else:
            self.waiting.append(errand)

    def send_parity(self, cls: int, first: int, count: int, index: int, packet: Packet, until: float) -> None:
        """Send parity number `index` of the `count` packets of a class from sequence `first` on."""
        self.waiting.append(Errand(packet, cls, first, FLAG_REPAIR, until, 0.0, NOWHERE, count, index))

    # Sending it.

    def place(self, now: float, now_us: int) -> list[Data]:
        """Give to paths what waits and finds room; return it as it leaves, in order."""
        placed: list[Data] = []
        held: list[Errand] = []
        # One that may go by any path and finds none says that the others will not either. Some may not: as many as
        # there are paths are tried, and not all of a flight that was lost with its path, each time.
        while self.waiting and len(held) < max(len(self.eligible), 1):
            errand = self.waiting.popleft()
            if self._is_needless(errand, now):
                continue
            path = self._best(errand, now)
            if path is not None:
                placed.append(self._send(errand, path, now, now_us))
                continue
            held.append(errand)
            if errand.avoid == NOWHERE:
                break
        self.waiting.extendleft(reversed(held))
        return placed

    def _is_needless(self, errand: Errand, now: float) -> bool:
        """Drop what comes too late, and a copy whose packet has arrived already."""
        if errand.count:
            return errand.until < now
        cls, sequence = errand.cls, errand.sequence
        if errand.flags & FLAG_COPY and self.ledger.has_arrived(cls, sequence):
            self.ledger.on_lost(cls, sequence)
            return True
        if errand.until >= now:
            return False
        if not self.ledger.on_lost(cls, sequence):
            self.given_up.append((cls, sequence))
        return True

    def _best(self, errand: Errand, now: float) -> Path | None:
        """Return the path with room that is expected to deliver first (as the scheduler greedy has it)."""
        size = errand.packet.size
        chosen = None
        least = NEVER
        for path in self.eligible:
            if path.index == errand.avoid:
                continue
            if path.can_send(size, now, ahead=True) or (errand.urgent and path.can_carry(size)):
                rate = path.delivery_rate
                expected = path.srtt if not rate else (path.bytes_in_flight + size) * BITS_PER_BYTE / rate
                expected += path.min_rtt / 2
                if chosen is None or expected < least:
                    chosen, least = path, expected
        return chosen

    def _send(self, errand: Errand, path: Path, now: float, now_us: int) -> Data:
        header = (self._epoch, path.index, path.next_sequence, now_us, errand.cls, errand.sequence, errand.packet)
        if errand.count:
            sent: Data = Parity(*header, errand.flags, errand.count, errand.index, path.overhead)
        else:
            sent = Data(*header, errand.flags, 0, 0, path.overhead)
            if errand.flags == FLAG_REPAIR:
                path.retransmitted += 1
            elif errand.flags & FLAG_REPAIR:
                path.reinjected += 1
        sent.origin = errand.origin
        path.send(sent, now)
        return sent


class RepairTime:
    """How long a repair may take: some round trips of the slowest path.

    One to notice a loss, one to repeat it, and a half for what waits in between.

    Parameters
        paths: of this end
        least: the shortest answer, and the one where no round-trip time is known, seconds
    """

    ROUND_TRIPS = 2.5

    def __init__(self, paths: Sequence[Path], least: float = 0.0) -> None:
        self.paths = paths
        self.least = least

    def __call__(self) -> float:
        """Return it (s)."""
        slowest = max((path.srtt for path in self.paths if path.up), default=0.0)
        return max(self.ROUND_TRIPS * slowest, self.least)
