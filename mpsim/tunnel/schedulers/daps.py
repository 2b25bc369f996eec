"""DAPS: delay-aware packet scheduling (Kuhn et al., ICC 2014, algorithm 1; mptcp_daps.c).

A schedule is planned for the least common multiple of the paths' forward delays: whenever a path's delay has
passed again, the next packets, as many as its window has, are its own. The packets of a far path are thus
those that come behind all that nearer paths deliver meanwhile, and they leave at once. What is planned for a path of a
full window waits on its own queue, as long as there is an open path that something behind it might go by. A path whose
queue holds more than it sends in the farthest path's round trip misses its turn: it is slower than was planned.

The paper lets a path deliver one window in each forward delay. Windows are clocked by acknowledgements, so that it is
one in each round trip, the first after half of it: of the multiples of the forward delay the odd ones. With the
paper's plan what goes by a far path comes too early, by half the difference of the round-trip times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import lcm

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import UNLIMITED, PathView, Scheduler, window_of

MILLISECOND = 1e-3


@dataclass(slots=True)
class Turn:
    """So many of the next packets belong to a path."""

    index: int
    packets: int


class Daps(Scheduler):
    """Each path's packets are planned by delay and window so that all arrive in order (Kuhn et al., ICC 2014).

    Parameters
        round_to: forward delays are rounded to a multiple of this, seconds (mptcp_daps.c: 4 ms)
        smoothing: weight of the newest window in the average that is planned with, ratio (mptcp_daps.c: 1/8)
        ack_clocked: count that a window leaves once in a round trip, not, as in the paper, in each forward delay
        longest: a schedule is planned no further, seconds (own choice: the least common multiple can be huge)
    """

    name = "daps"

    def __init__(
        self,
        *,
        round_to: float = 0.004,
        smoothing: float = 0.125,
        ack_clocked: bool = False,
        longest: float = 1.0,
    ) -> None:
        self.round_to = round_to
        self.smoothing = smoothing
        self.ack_clocked = ack_clocked
        self.longest = longest
        self._turns: list[Turn] = []  # the last one is the next
        self._windows: dict[int, tuple[float, float]] = {}  # by index: average (bytes), when next to be looked at (s)

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        ready = [path for path in paths if path.can_send(packet.size, now)]
        if not ready:
            return None
        self._smooth(paths, now)
        chosen = self._planned(paths)
        if chosen is None:
            self._turns = [Turn(index, count) for index, count in self.plan(paths)][::-1]
            chosen = self._planned(paths)
        if chosen is None:  # nothing is known of the delays
            return min(ready, key=lambda path: (path.srtt, path.index))
        self._turns[-1].packets -= 1
        return chosen

    def _planned(self, paths: Sequence[PathView]) -> PathView | None:
        turns = self._turns
        farthest = max(path.srtt for path in paths)
        while turns:
            turn = turns[-1]
            if turn.packets:
                for path in paths:
                    if path.index == turn.index and path.queued_bytes < self._window(path) * farthest / path.srtt:
                        return path
            turns.pop()
        return None

    def plan(self, paths: Sequence[PathView]) -> Iterator[tuple[int, int]]:
        """Yield the turns of one schedule, the next first: index of a path, packets."""
        known = sorted((path for path in paths if path.srtt), key=lambda path: (path.srtt, path.index))
        if not known:
            return
        delays = [self._delay(path) for path in known]
        step = 2 if self.ack_clocked else 1
        period = step * min(lcm(*delays), max(round(self.longest / MILLISECOND), *delays))
        turns = [(time, rank) for rank, delay in enumerate(delays) for time in range(delay, period + 1, step * delay)]
        for _, rank in sorted(turns):
            path = known[rank]
            yield path.index, max(1, round(self._window(path) / path.mss))

    def _delay(self, path: PathView) -> int:
        """Return the forward delay in whole milliseconds, at least one."""
        unit = max(1, round(self.round_to / MILLISECOND))
        return max(1, int(path.srtt / 2 / MILLISECOND / unit + 0.5) * unit)

    def _window(self, path: PathView) -> float:
        average, _ = self._windows.get(path.index, (UNLIMITED, 0.0))
        return average if average < UNLIMITED else window_of(path)

    def _smooth(self, paths: Sequence[PathView], now: float) -> None:
        """Take each path's window into its average, once a round trip."""
        for path in paths:
            average, due = self._windows.get(path.index, (path.cwnd, now))
            if now >= due and path.cwnd < UNLIMITED:
                self._windows[path.index] = average + self.smoothing * (path.cwnd - average), now + path.srtt
