"""One end of the tunnel in a run: the real endpoint, its clock, its lives, and where its datagrams go."""

from __future__ import annotations

from collections import deque
from math import inf, nextafter
from random import Random
from typing import Literal

from mpsim.build import build_endpoint
from mpsim.nemesis.script import SIDES
from mpsim.nemesis.wires import Address
from mpsim.scenario import Scenario
from mpsim.tunnel.datagrams import Datagram, Handshake
from mpsim.tunnel.endpoint import Endpoint
from mpsim.tunnel.security.guard import Guard

NANOSECONDS = 1_000_000_000
TIME_OF_DAY = 1.8e9  # s, when a run begins
KEY_DRAW = 32  # bytes of entropy that a key takes
WATCHED = 1.0  # s, over which keys are counted


class End:
    """A portal without sockets.

    Parameters
        scenario: the tunnel's
        side: "local" or "remote"
        random: seeds its lives and its clock
        remote: where it takes the other end to be on each path; None: it listens
    """

    def __init__(
        self, scenario: Scenario, side: Literal["local", "remote"], random: Random, remote: list[Address] | None
    ) -> None:
        self.side = side
        self.other = SIDES[side == SIDES[0]]
        self.life = -1
        self.alive = False
        self.dark: set[int] = set()  # paths without carrier
        self.wall = 0.0  # s that the time of day is off
        self.hostile: set[int] = set()  # lives
        self.keys_drawn: deque[float] = deque()
        self.endpoint: Endpoint
        self._scenario, self._random, self._remote = scenario, random, remote
        self._offset = random.uniform(0.0, 5000.0)  # two machines' clocks have nothing to do with each other
        self._now = 0.0

    def begin(self, now: float) -> None:
        """Begin a life."""
        self.life += 1
        self.alive = True
        entropy = Random(self._random.getrandbits(64))

        def draw(size: int) -> bytes:
            if size == KEY_DRAW:
                self.keys_drawn.append(self._now)
            return entropy.randbytes(size)

        self.tell(now)
        started = TIME_OF_DAY + self.wall - self._offset
        self.endpoint = build_endpoint(
            self._scenario,
            self.side,
            epoch=self._random.getrandbits(32),
            random_seed=self._random.getrandbits(32),
            entropy=draw,
            started=int(started * NANOSECONDS),
        )

    def die(self) -> None:
        """End the life."""
        self.alive = False

    def set_time_of_day(self, amount: float) -> None:
        """Change the time of day by so much (s); it counts when the next life begins."""
        self.wall += amount

    def tell(self, now: float) -> float:
        """Take note of the world's time; return what this end's clock says (s)."""
        self._now = now
        while self.keys_drawn and self.keys_drawn[0] < now - WATCHED:
            self.keys_drawn.popleft()
        return now + self._offset

    def leap(self, amount: float) -> None:
        """Let this end's clock go forward by so much (s), as after a suspension."""
        self._offset += amount

    def due(self) -> float:
        """Return when its endpoint wants to be called, in the world's time (s)."""
        alarm = self.endpoint.next_timeout()
        due = alarm - self._offset
        # By this end's own clock it must not be too early, whatever two clocks' difference is rounded to.
        return due if due + self._offset >= alarm else nextafter(due, inf)

    def learn(self) -> None:
        """Begin handshakes, too, once it is known where the other end is, as a portal that listens does."""
        guard = self.endpoint.guard
        if isinstance(guard, Guard) and not guard.initiates and any(source is not None for source in guard.sources):
            guard.initiates = True

    def destination(self, datagram: Datagram) -> Address | None:
        """Return where a driver would send a datagram; None: nowhere yet."""
        if isinstance(datagram, Handshake) and isinstance(datagram.to, tuple):
            return datagram.to
        guard = self.endpoint.guard
        known = guard.sources[datagram.path] if guard is not None else None
        if known is not None:
            return known
        return self._remote[datagram.path] if self._remote is not None else None
