"""How large an inner packet a path takes: a search by probes of its size (RFC 8899, DPLPMTUD).

Most paths take what is wanted, so that is asked for first and alone; without an answer, twice, for every candidate
above what is confirmed. The largest that is answered is what the path takes. It is looked at again every few seconds
while the path carries data, because a route can change and the small probes of liveness would not notice (a black
hole, section 4.3); without an answer the search begins anew from the bottom. Now and then it looks whether more has
become possible (section 5.3.2). All sizes are bytes of the inner packet, so that outer headers need not be known.
"""

from __future__ import annotations

from mpsim.tunnel.loss_detection import NEVER

# What access networks take off: PPPoE, IPv6 instead of IPv4, tunnels of all kinds (WireGuard over IPv4 60, or 40 where
# room was left for IPv6); then what IPv6 needs (RFC 8200: 1280 bytes, less our headers), and what IPv4 hosts accept
# (RFC 791).
STEPS = (0, 8, 20, 28, 40, 50, 60, 80, 100, 120, 150, 180, 212, 240)
FLOORS = (1192, 1000, 576 - 68)
ROUND = 1.0  # s between two rounds of a search (RFC 8899, section 5.1.1: PROBE_TIMER)
ROUNDS = 3  # MAX_PROBES
VERIFY = 5.0  # s between two looks at what is confirmed, while data flows
RAISE = 600.0  # s until a search for more (PMTU_RAISE_TIMER)


class PathMtu:
    """The search on one path.

    Parameters
        largest: bytes of the largest inner packet that is wanted
    """

    __slots__ = ("_candidates", "_data", "_due", "_rounds", "_searched", "_verifying", "size")

    def __init__(self, largest: int) -> None:
        sizes = {largest - step for step in STEPS} | set(FLOORS)
        self._candidates = sorted((size for size in sizes if FLOORS[-1] <= size <= largest), reverse=True)
        self.size: int | None = None  # that is confirmed; None: not known yet
        self._due = NEVER
        self._rounds = 0  # of the search that are left
        self._verifying = 0  # unanswered so far
        self._searched = 0.0
        self._data = 0

    def begin(self, now: float) -> None:
        """Be told that the path has come up: what it took before it may not take now."""
        self.size = None
        self._rounds, self._verifying = ROUNDS, 0
        self._due = self._searched = now

    def end(self) -> None:
        """Be told that the path is down."""
        self._due = NEVER

    def on_answer(self, size: int) -> None:
        """Be told that a probe of this size has been answered."""
        if self.size is None or size >= self.size:
            self.size = size
            self._verifying = 0

    def sizes_to_probe(self, now: float, data: int) -> list[int]:
        """Return the sizes to be asked for now; data: how many datagrams with data the path has sent so far."""
        if now < self._due:
            return []
        self._due = now + ROUND
        if self._rounds:
            return self._search(now)
        if self._verifying:
            return self._verify(now)
        if now - self._searched >= RAISE:
            self._searched, self._rounds = now, ROUNDS
            return self._search(now)
        self._due = now + VERIFY
        if data == self._data:  # nothing is lost where nothing is sent
            return []
        self._data = data
        return self._verify(now)

    def _search(self, now: float) -> list[int]:
        wanted = [size for size in self._candidates if self.size is None or size > self.size]
        if self._rounds == ROUNDS:
            wanted = wanted[:1]
        self._rounds -= 1
        if not wanted:
            self._rounds = 0
            self._due = now + VERIFY
        return wanted

    def _verify(self, now: float) -> list[int]:
        if self.size is None or self._verifying >= ROUNDS:
            self.begin(now)
            self._due = now + ROUND
            self._rounds = ROUNDS - 1  # what is wanted has just failed
            return self._search(now)
        self._verifying += 1
        return [self.size]
