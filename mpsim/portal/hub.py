"""The ports of all associations: opened once each, shared where paths share them, told apart by what comes in.

A datagram names its path and its sender's session epoch. Where several associations listen at one port, the one
that knows the source or accepted this epoch before is asked first, then the others; what none accepts is dropped.
"""

from __future__ import annotations

from functools import partial

from mpsim.portal.association import Association
from mpsim.portal.config import PortalSpec
from mpsim.portal.loop import Loop
from mpsim.portal.port import Place, Port
from mpsim.tunnel.datagrams import HEADER_SIZE
from mpsim.tunnel.security.cookie import Address

_PATH = 2  # where a datagram's header has the number of its path
_EPOCH = slice(4, 8)  # and its sender's session epoch
MOST_EPOCHS = 1024  # remembered; a stranger's do not get in


class Hub:
    """All ports of a portal.

    Parameters
        loop: that waits for them
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._ports: dict[Place, Port] = {}
        self._users: dict[Place, dict[int, list[Association]]] = {}  # by place and number of path
        self._of_epoch: dict[bytes, Association] = {}
        self.unknown = 0  # datagrams of no known path, or that no association accepted, where there are several

    def ports(self, portal: PortalSpec) -> list[Port]:
        """Return the port of each path of an association, made where there is none yet."""
        places = [Place.of(path, f"{portal.name}/{path.name}") for path in portal.path]
        return [self._ports.setdefault(place, Port(place)) for place in places]

    def assign(self, associations: list[Association]) -> None:
        """Let these associations, and no others, use the ports; close what nobody uses."""
        users: dict[Place, dict[int, list[Association]]] = {}
        for association in associations:
            for way in association.ways:
                users.setdefault(way.port.place, {}).setdefault(way.number, []).append(association)
        self._users = users
        self._of_epoch.clear()
        for place in [place for place in self._ports if place not in users]:
            self._close(self._ports.pop(place))

    def tend(self) -> None:
        """Look after the ports: open those that can be opened."""
        for port in self._ports.values():
            port.tend(partial(self._opened, port), self._loop.remove_reader)

    def _opened(self, port: Port, descriptor: int) -> None:
        self._loop.add_reader(descriptor, partial(self._read, port))

    def _read(self, port: Port) -> None:
        users = self._users.get(port.place, {})
        found = port.drain()
        now = self._loop.now()  # when all of them had come
        for data, source in found:
            if len(data) < HEADER_SIZE:
                continue
            path = data[_PATH]
            fitting = users.get(path)
            if fitting is None:
                self.unknown += 1
            elif len(fitting) == 1:
                fitting[0].receive(path, data, source, now)
            else:
                self._find(fitting, path, data, source, now)

    def _find(self, fitting: list[Association], path: int, data: bytes, source: Address, now: float) -> None:
        epoch = data[_EPOCH]
        known = self._of_epoch.get(epoch)
        if known is not None and known in fitting:
            known.receive(path, data, source, now)
            return
        fitting = sorted(fitting, key=lambda one: one.ways[path].address != source)
        for association in fitting:
            rejected = association.endpoint.rejected
            before, answers = dict(rejected), association.answers()
            if association.accepts(path, data, source, now):
                if len(self._of_epoch) >= MOST_EPOCHS:
                    self._of_epoch.clear()
                self._of_epoch[epoch] = association
                return
            rejected.clear()  # it was not for this one
            rejected.update(before)
            if association.answers() > answers:
                break  # with a cookie, which all of them honour: one question has one answer
        self.unknown += 1

    def dropped(self) -> int:
        """Return how many datagrams the kernel has dropped for want of room in receive buffers."""
        return sum(port.dropped() for port in self._ports.values())

    def _close(self, port: Port) -> None:
        descriptor = port.fileno()
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
        port.close()

    def close(self) -> None:
        """Close all ports."""
        for port in self._ports.values():
            self._close(port)
        self._ports.clear()
