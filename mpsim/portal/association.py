"""One other portal: the endpoint, and the ways by which its datagrams come and go.

All that is known about tunnels is in the endpoint; here datagrams are only carried, addresses followed, and what
happens to interfaces and routes told to the endpoint, and once to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from mpsim.build import build_endpoint
from mpsim.portal.config import Config, PathSpec, PortalSpec
from mpsim.portal.driving import Driver
from mpsim.portal.fields import Remote
from mpsim.portal.port import Place, Port, mapped, shown_address
from mpsim.portal.resolving import Resolver
from mpsim.portal.way import Way
from mpsim.tunnel.datagrams import Datagram, Handshake
from mpsim.tunnel.endpoint import Endpoint
from mpsim.tunnel.framing import overhead
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.path_mtu import PathMtu
from mpsim.tunnel.security.cookie import Address, CookieJar
from mpsim.tunnel.security.guard import Guard
from mpsim.units import NS_PER_S

_log = logging.getLogger("mpsim.portal")


def _lasting(path: PathSpec) -> tuple[str, Place]:
    """Return what of a path cannot change while it carries packets: its name and its socket."""
    return path.name, Place.of(path, "")


def _guard(
    config: Config, number: int, jar: CookieJar, *, epoch: int, entropy: Callable[[int], bytes], started: int
) -> Guard | None:
    """Return what secures the association with portal `number`; None in mode "none"."""
    credentials = config.credentials(number)
    if credentials is None:
        return None
    return Guard(
        credentials=credentials,
        mode=config.host.mode,
        cipher=config.host.cipher,
        overheads=[overhead("udp", "ipv4")] * len(config.portal[number].path),
        epoch=epoch,
        entropy=entropy,
        initiates=False,  # until it is known where the other one is
        started=started,
        jar=jar,
    )


class Association:
    """What this portal has with one other.

    Parameters
        config: of the host
        number: which of its portals
        ports: of each path
        jar: makes cookies; all associations share it, because they may share a port
        now: the loop's clock (s)
        wall_ns: the wall clock (ns); what initiations are stamped with
        entropy: gives so many random bytes
        deliver: where inner packets go
    """

    def __init__(
        self,
        config: Config,
        number: int,
        ports: Sequence[Port],
        jar: CookieJar,
        *,
        now: float,
        wall_ns: int,
        entropy: Callable[[int], bytes],
        deliver: Callable[[Association, Packet], object],
    ) -> None:
        self.spec = config.portal[number]
        self.touched = True  # something was told to the endpoint since the last step
        self.foreign = 0  # inner packets from it with a source that is not behind it
        self.most = self.mtu = config.inner_mtu()  # bytes of the largest inner packet: wanted, and possible now
        self._now = now
        epoch = int.from_bytes(entropy(4), "big")
        started = wall_ns - int(now * NS_PER_S)
        self.guard = _guard(config, number, jar, epoch=epoch, entropy=entropy, started=started)
        self.endpoint: Endpoint = build_endpoint(
            config.scenario(number), "local", epoch=epoch, random_seed=epoch, guard=self.guard
        )
        self.ways = [
            Way(index, path, port) for index, (path, port) in enumerate(zip(self.spec.path, ports, strict=True))
        ]
        self._sizes = [PathMtu(self.most) for _ in self.ways]
        for way in self.ways:
            self.endpoint.on_path_unavailable(way.number, now)
        unusable = [False] * len(self.ways)
        self._driver = Driver(self.endpoint, unusable, send=self._send, deliver=partial(deliver, self))

    # Datagrams.

    def receive(self, path: int, data: bytes, source: Address, now: float) -> None:
        """Take a datagram of path number `path`."""
        way = self.ways[path]
        if source != way.address:
            self.accepts(path, data, source, now)
            return
        self.touched = True
        self._now = now
        way.received += 1
        self.endpoint.receive_bytes(data, path, now, source)

    def answers(self) -> int:
        """Return how many messages wait that what came in has made."""
        return self.guard.waiting if self.guard is not None else 0

    def accepts(self, path: int, data: bytes, source: Address, now: float) -> bool:
        """Take a datagram; return whether it was this association's, and follow its source if that is proved."""
        way = self.ways[path]
        self.touched = True
        self._now = now
        rejected = self.endpoint.rejected
        before = rejected.total()
        epochs = rejected["epoch"]
        self.endpoint.receive_bytes(data, path, now, source)
        refused = rejected.total() - before
        if self.guard is not None:
            if self.guard.sources[path] == source and way.address != source:
                self._follow(way, source, now)
        elif refused == rejected["epoch"] - epochs:
            # Without protection whoever speaks the language is believed; a new epoch is asked for where it came from.
            self._follow(way, source, now)
        if not refused:
            way.received += 1
        return not refused

    def _follow(self, way: Way, source: Address, now: float) -> None:
        # Once a second at most: who relays on the path could make it move to and fro with every datagram.
        if way.address is not None and way.may_tell_of_move(now):
            _log.info(
                "%s/%s: moved from %s to %s",
                self.spec.name,
                way.spec.name,
                shown_address(way.address),
                shown_address(source),
            )
        way.address = source
        self._judge(way, now)

    def step(self, now: float) -> float:
        """Do what is due, carry everything away; return when to be called again (s)."""
        self.touched = False
        self._now = now
        self._driver.step(now)
        for way in self.ways:
            if way.leaving and not way.flush(now):
                self._judge(way, now)
        return self.endpoint.next_timeout()

    def _send(self, datagram: Datagram) -> None:
        way = self.ways[datagram.path]
        data = self.endpoint.to_bytes(datagram)
        if data is None:  # no session yet
            return
        to = datagram.to if isinstance(datagram, Handshake) else None
        if to is None:
            way.leaving.append(data)
        else:
            way.send(data, to, self._now)  # type: ignore[arg-type]  # an opaque address

    # Configuration.

    def differs_little(self, spec: PortalSpec) -> bool:
        """Return whether `reconfigure` can make this association be as `spec` says."""
        return [_lasting(path) for path in spec.path] == [_lasting(path) for path in self.spec.path]

    def reconfigure(self, spec: PortalSpec) -> None:
        """Take other routes, metrics and remote names; packets go on."""
        for way, path, new in zip(self.ways, self.endpoint.paths, spec.path, strict=True):
            path.metric = new.metric
            if way.spec.remote != new.remote:
                way.lead_anew()
                if self.guard is not None:
                    self.guard.sources[way.number] = None
            way.spec = new
        self.spec = spec
        self.endpoint.on_metrics_changed(self._now)
        self.touched = True

    # What the endpoint cannot know.

    def tend(self, now: float, resolver: Resolver) -> None:
        """Look at every way: is it there, where does it lead, what is there to tell."""
        for way in self.ways:
            path = self.endpoint.paths[way.number]
            remote = way.spec.remote
            if remote is not None and not path.up and way.wants_address(now, path.down_since):
                resolver.ask(remote.host, partial(self._resolved, way, remote))
            elif remote is not None and way.address is None and remote.literal is not None:
                self._lead(way, (str(remote.literal), remote.port))
            self._judge(way, now)
            self._measure(way, now)
            self._tell(way, path.up)
        self._note_sizes()

    def _lead(self, way: Way, address: Address) -> None:
        """Let a way lead to an address, as soon as its port can say in which form."""
        if way.port.fileno() is not None:
            way.address = (mapped(address[0], dual=way.port.dual), address[1])

    def remember(self, addresses: Mapping[str, Address]) -> None:
        """Let the paths that listen begin with the addresses where they were last seen, by the paths' names."""
        for way in self.ways:
            known = addresses.get(way.spec.name)
            if way.spec.remote is None and way.address is None and known is not None:
                self._lead(way, known)

    def addresses(self) -> dict[str, Address]:
        """Return where the paths that listen lead, by the paths' names."""
        return {way.spec.name: way.address for way in self.ways if way.spec.remote is None and way.address is not None}

    def _resolved(self, way: Way, remote: Remote, hosts: Sequence[str]) -> None:
        if remote != way.spec.remote:  # the configuration has changed since it was asked for
            return
        before = way.address
        if way.resolved(hosts, up=self.endpoint.paths[way.number].up):
            if self.guard is not None:
                self.guard.sources[way.number] = None
            if before is not None:
                _log.info("%s/%s: %s is at %s", self.spec.name, way.spec.name, way.spec.remote, way.describe())
        self._judge(way, self._now)

    def _judge(self, way: Way, now: float) -> None:
        """Tell the endpoint if a way can be used, or no longer."""
        if not self._driver.judge(way.number, way.usable(now), now):
            return
        self.touched = True
        if self.guard is not None:
            self.guard.initiates = any(each.address is not None for each in self.ways)

    def _measure(self, way: Way, now: float) -> None:
        """Go on with the search for the largest packet that the path takes."""
        path, search = self.endpoint.paths[way.number], self._sizes[way.number]
        if path.up != way.was_up:
            if path.up:
                search.begin(now)
            else:
                search.end()
        for size in search.sizes_to_probe(now, path.sent_datagrams):
            self.endpoint.probe_size(way.number, size, now)
            self.touched = True

    def _note_sizes(self) -> None:
        """Let the inner MTU be what every path takes that is up."""
        for number, size in self.endpoint.answered_sizes:
            self._sizes[number].on_answer(size)
        self.endpoint.answered_sizes.clear()
        known = [search.size for search, path in zip(self._sizes, self.endpoint.paths, strict=True) if path.up]
        mtu = min((size for size in known if size is not None), default=self.most)
        if mtu != self.mtu:
            _log.info("%s: inner packets of %d bytes at most", self.spec.name, mtu)
            self.mtu = mtu

    def _tell(self, way: Way, up: bool) -> None:
        """Log what has changed since the last time, and nothing twice."""
        trouble = way.port.trouble or way.trouble
        if up != way.was_up:
            if up:
                _log.info("%s/%s: up, to %s", self.spec.name, way.spec.name, way.describe())
            else:
                _log.warning("%s/%s: down: %s", self.spec.name, way.spec.name, way.reason())
        elif trouble and trouble != way.told_trouble:
            _log.warning("%s/%s: %s", self.spec.name, way.spec.name, trouble)
        way.was_up, way.told_trouble = up, trouble

    @property
    def up(self) -> bool:
        """Whether any path is up."""
        return any(path.up for path in self.endpoint.paths)
