"""Deficit round robin over paths (Shreedhar and Varghese, SIGCOMM 1995, section 3), by fixed or measured weights.

On each visit a path is granted bytes by its weight, and it takes packets while they last; what is left of
the grant counts in its next turn, so that shares are exact in bytes whatever the sizes of packets.

The measured weights are those of gobonding (connection.go, channel.go): each path's speed is what was sent in
a window over the time until the last of it arrived; a new speed counts only if it differs enough, all begin with
the floor, and the slowest path's grant is two packets. Nothing notices that a path had been able to carry more than
it was given, so that the speeds follow the traffic as much as the links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.units import BITS_PER_BYTE

SHORTEST = 1e-3  # no window is taken for shorter, s


@dataclass(slots=True)
class Measurement:
    """A window of one path: begun at, s; bytes sent in it; bytes of the path that end it, once it is over."""

    begin: float
    sent: int = 0
    end: int | None = None


class Weighted(Scheduler):
    """Paths take turns for bytes by fixed or measured weights (deficit round robin; Shreedhar and Varghese, 1995).

    Parameters
        weights: shares of the paths in the order of the scenario, 0: only if no other is up; left out: equal ones
        measured: take measured speeds for weights, as gobonding does
        window: how long packets are counted for one measurement, seconds
        change: a measured speed counts if it differs from the last by more than this, ratio
        floor: least speed, and the one at the beginning, bit/s
        quantum: grant of the path of the least weight, bytes
        cwnd_limited: pass over a path whose window is full; otherwise wait for it
    """

    name = "weighted"

    def __init__(
        self,
        *,
        weights: Sequence[float] = (),
        measured: bool = False,
        window: float = 0.5,
        change: float = 0.1,
        floor: float = 128e3,
        quantum: int = 3000,
        cwnd_limited: bool = True,
    ) -> None:
        self.weights = weights
        self.measured = measured
        self.window = window
        self.change = change
        self.floor = floor
        self.quantum = quantum
        self.cwnd_limited = cwnd_limited
        self._current = -1  # index of the path whose turn it is
        self._deficit: dict[int, float] = {}  # bytes left of each path's grants
        self._speed: dict[int, float] = {}  # bit/s
        self._measuring: dict[int, Measurement] = {}
        self._settled: dict[int, int] = {}  # bytes of each path acknowledged or lost

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        weights = {path.index: self._weight(path) for path in paths}
        usable = [path for path in paths if weights[path.index] > 0] or list(paths)
        size = packet.size
        ready = [path for path in usable if path.can_send(size, now)] if self.cwnd_limited else usable
        if not ready:
            return None
        least = min(weights[path.index] or 1 for path in usable)
        deficit = self._deficit
        chosen = next((path for path in ready if path.index == self._current), None)
        while chosen is None or deficit.get(chosen.index, 0) < size:
            later = [path for path in ready if path.index > self._current]
            chosen = min(later or ready, key=lambda path: path.index)
            self._current = chosen.index
            share = (weights[chosen.index] or 1) / least
            deficit[chosen.index] = deficit.get(chosen.index, 0) + share * max(1, self.quantum)
        if not chosen.can_send(size, now):
            return None
        deficit[chosen.index] -= size
        return chosen

    def _weight(self, path: PathView) -> float:
        if self.measured:
            return self._speed.get(path.index, self.floor)
        return self.weights[path.index] if path.index < len(self.weights) else 1

    def measured_weight(self, path: PathView) -> float | None:
        return self._weight(path) if self.measured else None

    # Measuring.

    def on_sent(self, path: PathView, packet: Packet, now: float) -> None:
        if not self.measured:
            return
        one = self._measuring.setdefault(path.index, Measurement(now))
        if one.end is None:
            one.sent += packet.size
            if now - one.begin >= self.window:
                one.end = self._settled.get(path.index, 0) + path.bytes_in_flight

    def on_acked(self, path: PathView, acked: int, now: float) -> None:
        self._settled[path.index] = self._settled.get(path.index, 0) + acked
        one = self._measuring.get(path.index)
        if one is not None and one.end is not None and self._settled[path.index] >= one.end:
            del self._measuring[path.index]
            # The acknowledgement's own way is half of the least round trip.
            back = path.min_rtt / 2
            self._take(path.index, one.sent * BITS_PER_BYTE / max(now - back - one.begin, self.window, SHORTEST))

    def on_lost(self, path: PathView, lost: int, now: float) -> None:
        self._settled[path.index] = self._settled.get(path.index, 0) + lost

    def _take(self, index: int, speed: float) -> None:
        speed = max(speed, self.floor)
        if abs(speed - self._speed.get(index, self.floor)) > self.change * self._speed.get(index, self.floor):
            self._speed[index] = speed
