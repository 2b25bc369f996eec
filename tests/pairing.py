"""Two endpoints joined in memory by a loop of a few lines: no simulator, no sockets."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

from simulating import Table, build, links, udp

from mpsim.build import build_endpoint
from mpsim.tunnel.endpoint import Endpoint, pump
from mpsim.tunnel.packet import CLASS_UDP, Packet
from mpsim.tunnel.wire import Data, Datagram

# (side that sends, path, datagram, number of this side's datagram on this path) -> lost?
Loses = Callable[[str, int, Datagram, int], bool]


class Pair:
    """Endpoint "local" and endpoint "remote", a fixed delay on each path, everything that was delivered."""

    def __init__(self, *delays: float, tunnel: Table | None = None, loses: Loses | None = None) -> None:
        self.scenario = build(
            links(*["8Mbit"] * len(delays)), udp("1Mbit"), tunnel=tunnel if tunnel is not None else {}
        )
        self.delays = delays
        self.loses = loses or (lambda *_: False)
        self.now = 0.0
        self.ends = {side: self.make(side, epoch) for side, epoch in (("local", 1), ("remote", 2))}
        self.delivered: dict[str, list[tuple[float, Any]]] = {"local": [], "remote": []}
        self.carried: list[tuple[str, Datagram]] = []
        self.steps = 0
        self._counts: dict[tuple[str, int], int] = {}
        self._flying: list[tuple[float, int, str, Datagram]] = []
        self._number = 0

    def make(self, side: str, epoch: int) -> Endpoint:
        return build_endpoint(self.scenario, side, epoch=epoch)  # type: ignore[arg-type]

    @property
    def local(self) -> Endpoint:
        return self.ends["local"]

    @property
    def remote(self) -> Endpoint:
        return self.ends["remote"]

    def restart(self, side: str, epoch: int) -> None:
        """Put a fresh end in place of one."""
        self.ends[side] = self.make(side, epoch)

    def _pump(self, side: str) -> None:
        pump(
            self.ends[side],
            self.now,
            lambda datagram: self._fly(side, datagram),
            lambda packet: self.delivered[side].append((self.now, packet.payload)),
        )

    def _fly(self, side: str, datagram: Datagram) -> None:
        path = datagram.path
        count = self._counts.get((side, path), 0)
        self._counts[side, path] = count + 1
        self.carried.append((side, datagram))
        if not self.loses(side, path, datagram, count):
            self._number += 1
            other = "remote" if side == "local" else "local"
            heapq.heappush(self._flying, (self.now + self.delays[path], self._number, other, datagram))

    def send(self, *payloads: Any, side: str = "local", size: int = 1000, cls: int = CLASS_UDP) -> None:
        """Give packets to one end now."""
        for payload in payloads:
            self.ends[side].receive_packet(Packet(size, "flow", payload, cls=cls), self.now)
        self._pump(side)

    def run(self, until: float) -> None:
        """Let everything happen up to a time."""
        while True:
            due = [(end.next_timeout(), side) for side, end in self.ends.items()]
            if self._flying:
                due.append((self._flying[0][0], "wire"))
            at, what = min(due)
            if at > until:
                break
            self.now = max(self.now, at)
            self.steps += 1
            if what == "wire":
                _, _, side, datagram = heapq.heappop(self._flying)
                self.ends[side].receive_datagram(datagram, datagram.path, self.now)
            else:
                side = what
                self.ends[side].handle_timeout(self.now)
            self._pump(side)
        self.now = until

    def payloads(self, side: str) -> list[Any]:
        """What came out, in order."""
        return [payload for _, payload in self.delivered[side]]


def data_of(carried: Sequence[tuple[str, Datagram]], side: str) -> list[Data]:
    """The data datagrams that one side sent."""
    return [datagram for sender, datagram in carried if sender == side and isinstance(datagram, Data)]


def ready(*delays: float, **more: Any) -> Pair:
    """Give a pair whose paths are all up."""
    pair = Pair(*delays, **more)
    pair.run(1.0)
    assert all(path.up for end in pair.ends.values() for path in end.paths)
    return pair


def cut(*paths: int) -> Any:
    """Lose everything on some paths, in both directions."""
    return lambda _side, path, *_: path in paths
