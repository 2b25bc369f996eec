"""Ways: what takes a packet that somebody sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpsim.sim.wiring import PortalStation, Wire
from mpsim.tunnel.packet import Packet

Way = Callable[[Packet, float], object]


def spread(ways: Sequence[Way]) -> Way:
    """Return a way that takes the packets of each subflow to that one's own."""

    def send(packet: Packet, now: float) -> None:
        key = packet.flow
        assert isinstance(key, tuple)  # (flow, number of the subflow)
        ways[key[1]](packet, now)

    return send


def after(line: Wire, onward: Way) -> Way:
    """Return the way over a line, and onward from its end."""

    def send(packet: Packet, now: float) -> None:
        line.send((packet, onward), packet.size, now)

    return send


def sorted_by_kind(portal: PortalStation, host: Way) -> Callable[[Any, float], object]:
    """Return where the packets of a link go that carries cross traffic beside the tunnel."""

    def receive(item: Any, now: float) -> None:
        if isinstance(item, Packet):
            host(item, now)
        else:
            portal.receive(item, now)

    return receive


class Everywhere(dict[object, Way]):
    """Receivers by flow key where all flows go the same way."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self._way = way

    def __missing__(self, flow: object) -> Way:
        return self._way
