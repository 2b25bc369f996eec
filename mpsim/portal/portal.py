"""START HERE: a portal, which carries packets between one TUN and the endpoints, one for each other portal.

After each wake-up every endpoint that was told something, or has something due, steps once, as the emulation's and the
simulation's do. What leaves the TUN goes to the portal behind which its destination lies; what comes from a portal
has to have a source that lies behind it, or it is dropped and counted.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence

from mpsim.portal.association import Association
from mpsim.portal.config import Config
from mpsim.portal.hub import Hub
from mpsim.portal.inner import clamped, too_big
from mpsim.portal.interface import Interface
from mpsim.portal.loop import Loop
from mpsim.portal.resolving import Lookup, Resolver, lookup
from mpsim.portal.routing import Routes, destination_of, source_of
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.security.cookie import Address, CookieJar

# Packets, after which no more are read in one wake-up: with those of a large one (47 of 1380 bytes) they are fewer than
# the shortest default queue of the tunnel holds (100), from which nothing leaves meanwhile.
MOST_READ = 32
TEND_INTERVAL = 0.1  # s between two looks at interfaces, addresses and names
CLOCK_STEP = 1.0  # s; the wall clock was set if it differs by so much from the monotonic one since the last look

Memory = dict[str, dict[str, Address]]  # by portal and path: where a path that listens was last seen
_log = logging.getLogger("mpsim.portal")


class Portal:
    """One host's end of its associations.

    Parameters
        config: what it is told
        tun: the inner side
        memory: where other portals were last seen, from an earlier life
        entropy: gives so many random bytes
        lookup: resolves names
        set_mtu: told the bytes of the largest inner packet whenever that changes
    """

    def __init__(
        self,
        config: Config,
        tun: Interface,
        *,
        memory: Mapping[str, Mapping[str, Address]] | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        lookup: Lookup = lookup,
        set_mtu: Callable[[int], object] = lambda _mtu: None,
    ) -> None:
        self.config = config
        self.loop = Loop(time.monotonic(), self._step)
        self.unroutable = self.too_big = self.odd = self.tun_errors = self.read_packets = self.written_packets = 0
        self._tun, self._entropy = tun, entropy
        self._jar = CookieJar(entropy)
        self._memory: dict[str, Mapping[str, Address]] = dict(memory or {})
        self._resolver = Resolver(self.loop.trigger, lookup)
        self.hub = Hub(self.loop)
        self.associations: list[Association] = []
        self._routes: Routes[Association] = Routes(())
        self._tun_failed = False
        self._mtu, self._set_mtu = config.inner_mtu(), set_mtu
        self._offset = time.time() - time.monotonic()
        self._apply(config)
        self._leaving: list[tuple[object, bytes]] = []  # (flow, packet) to be written with the next step
        self.loop.add_reader(tun.descriptor, self._read_tun)
        self.loop.call_every(0.0, TEND_INTERVAL, self._tend)

    def serve(self) -> None:
        """Carry packets until stopped."""
        self.loop.run()

    def stop(self) -> None:
        """End `serve`; may be called by any reader or alarm of the loop."""
        self.loop.stop()

    def close(self) -> None:
        """Give back what was opened, but for the TUN."""
        self._resolver.close()
        self.hub.close()
        self.loop.close()

    # Configuration.

    def reload(self, config: Config) -> list[str]:
        """Take a new configuration; return what it changes that only a restart brings about.

        An association whose lines are the same goes on as it is; another begins anew.
        """
        old, new = self.config.host, config.host
        self._apply(config)
        return [key for key in ("name", "address", "metrics_port", "user") if getattr(old, key) != getattr(new, key)]

    def _apply(self, config: Config) -> None:
        now = self.loop.now()
        self._memory |= self.addresses()
        going = {one.spec.name: (one, number) for number, one in enumerate(self.associations)}
        associations = []
        for number, spec in enumerate(config.portal):
            one, before = going.get(spec.name, (None, 0))
            if one is not None and self._goes_on(one, before, config, number):
                one.reconfigure(spec)
            else:
                one = self._associate(config, number, now)
            associations.append(one)
        self.config, self.associations = config, associations
        self._routes = Routes((route, one) for one in associations for route in one.spec.routes)
        self.hub.assign(associations)
        self.hub.tend()
        for one in associations:
            one.remember(self._memory.get(one.spec.name, {}))
            one.tend(now, self._resolver)

    def _goes_on(self, one: Association, before: int, config: Config, number: int) -> bool:
        old = self.config
        return (
            config.same_tunnel(old)
            and (config.host.mode, config.host.cipher) == (old.host.mode, old.host.cipher)
            and config.credentials(number) == old.credentials(before)
            and one.differs_little(config.portal[number])
        )

    def _associate(self, config: Config, number: int, now: float) -> Association:
        return Association(
            config,
            number,
            self.hub.ports(config.portal[number]),
            self._jar,
            now=now,
            wall_ns=time.time_ns(),
            entropy=self._entropy,
            deliver=self._deliver,
        )

    # Packets.

    def _step(self, now: float) -> float:
        due = float("inf")
        for one in self.associations:
            wanted = one.endpoint.next_timeout()
            if one.touched or wanted <= now:
                wanted = one.step(now)
            due = min(due, wanted)
        if self._leaving:
            self._write()
        return due

    def _read_tun(self) -> None:
        taken = 0
        while taken < MOST_READ:
            try:
                packets = self._tun.read()
            except BlockingIOError:
                return
            except OSError as error:
                self._note_tun(error)
                return
            taken += len(packets)
            self.read_packets += len(packets)
            self._take(packets)

    def _take(self, packets: Sequence[bytes]) -> None:
        """Take packets of one flow from the TUN."""
        data = packets[0]
        try:
            first = Packet.from_bytes(data)
        except ValueError:
            self.odd += len(packets)
            return
        one = self._routes.find(destination_of(data))
        if one is None:
            self.unroutable += len(packets)
            return
        if first.size > one.mtu:  # and none is larger than the first
            self._answer_too_big(data, one.mtu)
            return
        now = self.loop.now()
        one.touched = True
        receive = one.endpoint.receive_packet
        first.payload = clamped(data, one.mtu)
        receive(first, now)
        for data in packets[1:]:
            receive(Packet(len(data), first.flow, data, first.dscp, first.ecn, first.cls), now)

    def _answer_too_big(self, data: bytes, mtu: int) -> None:
        self.too_big += 1
        version = data[0] >> 4
        own = next((each.ip for each in self.config.host.address if each.version == version), None)
        answer = too_big(data, mtu, own) if own is not None else None
        if answer is not None:
            self._leaving.append((None, answer))

    def _deliver(self, one: Association, packet: Packet) -> None:
        data = packet.payload
        if self._routes.find(source_of(data)) is not one:
            one.foreign += 1
            if one.foreign == 1:
                _log.warning("%s: a packet whose source is in none of its routes; such are dropped", one.spec.name)
            return
        self._leaving.append((packet.flow, clamped(data, one.mtu)))

    def _write(self) -> None:
        """Write what is to leave by the TUN."""
        leaving, self._leaving = self._leaving, []
        errors = self._tun.write(leaving)
        written = len(leaving) - len(errors)
        self.written_packets += written
        for error in errors:
            if isinstance(error, BlockingIOError):  # nobody takes them away fast enough
                self.tun_errors += 1
            else:
                self._note_tun(error)
        if written:
            self._tun_failed = False

    def _note_tun(self, error: OSError) -> None:
        self.tun_errors += 1
        if not self._tun_failed:
            _log.warning("%s: %s", self.config.host.name, error.strerror)
        self._tun_failed = True

    # What changes around it.

    def _tend(self, now: float) -> None:
        self.hub.tend()
        for one in self.associations:
            one.tend(now, self._resolver)
        mtu = min(one.mtu for one in self.associations)
        if mtu != self._mtu:
            self._mtu = mtu
            self._set_mtu(mtu)
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) >= CLOCK_STEP:
            step = offset - self._offset
            _log.warning("the wall clock was set by %+.0f s, or this host slept; the tunnel has its own clock", step)
        self._offset = offset

    def addresses(self) -> Memory:
        """Return where the paths that listen lead, for the next life's `memory`."""
        return {one.spec.name: found for one in self.associations if (found := one.addresses())}
