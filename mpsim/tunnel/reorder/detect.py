"""Loss detection at the receiver: a hole is given up as soon as it is known that nobody will fill it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.reorder.base import NEVER, RECOVERED
from mpsim.tunnel.reorder.timeout import FixedTimeout

MOST_CANDIDATES = 256  # numbers looked at for one gap of a path; after a longer one the paths' newest decide


class _Seen:
    """What a path has brought: its newest tunnel sequence, its last own number, when (in arrivals)."""

    __slots__ = ("arrival", "newest", "number")

    def __init__(self, newest: int, number: int, arrival: int) -> None:
        self.newest, self.number, self.arrival = newest, number, arrival


class Detect(FixedTimeout):
    """A hole is lost as soon as every active path has delivered something newer ("detect").

    A path keeps its order, so what it has not brought before something newer it will not bring. Sooner
    still, where a path's own numbering has a gap: if exactly as many tunnel sequences are missing between
    the datagrams on both sides of it, these are what was lost. A path that has brought nothing for
    `inactive` arrivals does not count, and the timeout ends what nothing newer follows (MP-DCCP's fast loss
    detection: 250 arrivals, 50 ms). A loss that somebody may repair is waited for as long as a repair takes.
    Once a number has come twice there are copies, which other paths carry, and gaps prove nothing any more.

    Parameters
        timeout: longest wait of a packet, seconds
        inactive: a path without packets for so many arrivals does not count, count
        late: what happens to a packet whose hole was given up, "pass" or "drop"
        most_packets: most packets held; beyond it the first hole is given up, count
        repair: how long a repair takes that is worth waiting for, asked for anew; seconds
    """

    __slots__ = ("_arrivals", "_copies", "_floor", "_losses", "_repair", "_seen", "inactive")

    def __init__(
        self,
        deliver: Callable[[Packet], object],
        *,
        timeout: float = 0.1,
        inactive: int = 250,
        late: str = "pass",
        most_packets: int = 16_384,
        repair: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(deliver, timeout=timeout, late=late, most_packets=most_packets)
        self.inactive = inactive
        self.eager = repair is not None
        self._repair = repair
        self._arrivals = 0
        self._copies = False
        self._seen: dict[int, _Seen] = {}
        self._floor = 0  # holes below have been found out
        # Those that may still be repaired: (when they are given up, all below this, or these numbers alone).
        self._losses: deque[tuple[float, int, list[int]]] = deque()

    def insert(  # what the header says
        self, sequence: int, packet: Packet, now: float, path: int = RECOVERED, number: int = 0, sent_us: int = 0
    ) -> bool:
        accepted = super().insert(sequence, packet, now, path, number, sent_us)
        if not accepted:
            self._copies = True
        if path != RECOVERED:
            self._arrivals += 1
            holes = self._note(path, sequence, number)
            if self._held:
                if holes:
                    self._lost(now, 0, holes)
                self._look(now)
        return accepted

    def _note(self, path: int, sequence: int, number: int) -> list[int]:
        """Take note of what a path has brought; return the holes that a gap of its own explains."""
        seen = self._seen.get(path)
        if seen is None:
            self._seen[path] = _Seen(sequence, number, self._arrivals)
            return []
        seen.arrival = self._arrivals
        holes: list[int] = []
        missing = number - seen.number - 1
        if missing > 0 and sequence > seen.newest and sequence > self.expected and not self._copies:
            begin = max(seen.newest + 1, self.expected)
            if sequence - begin <= MOST_CANDIDATES:
                holes = [one for one in range(begin, sequence) if one not in self._held and one not in self._skipped]
            if len(holes) != missing:
                holes = []
        seen.number = max(seen.number, number)
        seen.newest = max(seen.newest, sequence)
        return holes

    def _look(self, now: float) -> None:
        """Find out which holes every active path has passed."""
        oldest = self._arrivals - self.inactive
        floor = min(seen.newest for seen in self._seen.values() if seen.arrival >= oldest)
        if floor > self.expected and floor > self._floor:
            self._floor = floor
            self._lost(now, floor, [])

    def _lost(self, now: float, floor: int, holes: list[int]) -> None:
        if self._repair is None:
            self._give_up(floor, holes, now)
        else:
            grace = self._repair()
            self.wait = max(self.timeout, grace)
            self._losses.append((now + grace, floor, holes))

    def _give_up(self, floor: int, holes: list[int], now: float) -> None:
        if floor > self.expected:
            self._give_up_until(floor)
        if holes:
            super().skip([(hole, 1) for hole in holes], now)

    def skip(self, ranges: Iterable[tuple[int, int]], now: float) -> None:
        super().skip(ranges, now)
        if not self._held:
            self._losses.clear()

    def next_timeout(self) -> float:
        if not self._held:
            return NEVER
        losses = self._losses
        while losses and losses[0][1] <= self.expected and (not losses[0][2] or losses[0][2][-1] < self.expected):
            losses.popleft()  # repaired, or given up by other means
        due = super().next_timeout()
        return min(due, losses[0][0]) if losses else due

    def on_timeout(self, now: float) -> None:
        losses = self._losses
        while losses and losses[0][0] <= now:
            _, floor, holes = losses.popleft()
            self._give_up(floor, holes, now)
        super().on_timeout(now)
