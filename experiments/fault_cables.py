"""Cables between two portals to which faults happen: a NAT at the far end, bits that are flipped, interfaces that go.

Each path is a pair of TAPs; frames cross it by the simulation's own `Link`, as in every emulated run.
"""

from __future__ import annotations

import math
import os
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from emulation import addresses as at
from emulation.cable import ETHERNET_HEADER, Cable
from emulation.loop import Loop
from experiments.fault_plans import EVERY, HOME, HOSTED, Kind
from mpsim.access_links import build_link
from mpsim.build import Direction
from mpsim.nemesis.wires import flipped
from mpsim.network.link import Link
from mpsim.portal.tun import open_tap, set_address, set_mtu

_IPV4, _UDP = b"\x08\x00", 17
_PROTOCOL = ETHERNET_HEADER + 9  # offset in a frame (RFC 791)
_UDP_HEADER = 8
FIRST_PORT = 50_000
COMMAND_TIMEOUT = 10.0  # s
ENDS = {HOME: at.LOCAL, HOSTED: at.REMOTE}


def ip(*words: str) -> None:
    """Run iproute2; raises CalledProcessError."""
    subprocess.run(["ip", *words], check=True, timeout=COMMAND_TIMEOUT, capture_output=True)


def interface(end: str, path: int) -> str:
    """Return the name of a portal's interface on a path."""
    return f"mps-{end}{path}"


class Translator:
    """A NAT that has one mapping a port, and can be made to forget (RFC 4787 calls that a rebinding)."""

    def __init__(self) -> None:
        self._next = FIRST_PORT
        self._outside: dict[bytes, bytes] = {}  # ports, by those inside
        self._inside: dict[bytes, bytes] = {}

    def rebind(self) -> None:
        """Forget every mapping."""
        self._outside.clear()
        self._inside.clear()

    def outward(self, frame: bytearray, udp: int) -> bool:
        """Give a frame from home its source port outside."""
        inside = bytes(frame[udp : udp + 2])
        port = self._outside.get(inside)
        if port is None:
            port = self._outside[inside] = self._next.to_bytes(2, "big")
            self._inside[port] = inside
            self._next += 1
        frame[udp : udp + 2] = port
        return True

    def newest(self) -> tuple[int, int] | None:
        """Return the newest mapping: the port outside, and the one inside; None: there is none."""
        if not self._inside:
            return None
        outside, inside = next(reversed(self._inside.items()))
        return int.from_bytes(outside, "big"), int.from_bytes(inside, "big")

    def inward(self, frame: bytearray, udp: int) -> bool:
        """Give a frame for home its port there; False: nobody has that port any more."""
        inside = self._inside.get(bytes(frame[udp + 2 : udp + 4]))
        if inside is None:
            return False
        frame[udp + 2 : udp + 4] = inside
        return True


class FaultyCable(Cable):
    """One direction of a path.

    Parameters
        link: the model
        source, target: descriptors of the TAPs
        translate: changes a frame with UDP at that offset in place; False: it is dropped
        corruption: probability that a datagram's bits are flipped
        random: decides

    on_datagram: told of the UDP payload of each frame, and whether it was dropped
    """

    def __init__(
        self,
        link: Link,
        source: int,
        target: int,
        *,
        translate: Callable[[bytearray, int], bool],
        corruption: float,
        random: Random,
    ) -> None:
        super().__init__(link, source, target)
        self.translate, self._corruption, self._random = translate, corruption, random
        self.on_datagram: Callable[[bytes, bool], object] | None = None

    def write(self, frame: bytes) -> None:
        if frame[12:14] == _IPV4 and frame[_PROTOCOL] == _UDP:
            changed = bytearray(frame)
            udp = ETHERNET_HEADER + 4 * (frame[ETHERNET_HEADER] & 0xF)
            dropped = not self.translate(changed, udp)
            if self.on_datagram is not None:
                self.on_datagram(frame[udp + _UDP_HEADER :], dropped)
            if dropped:
                return
            # No checksum (RFC 768): the kernel must not refuse what is for the portal to refuse.
            changed[udp + 6 : udp + 8] = bytes(2)
            body = udp + _UDP_HEADER
            if self._random.random() < self._corruption:
                changed[body:] = flipped(bytes(changed[body:]), self._random)
            frame = bytes(changed)
        super().write(frame)


class Cables:
    """All paths between two namespaces, carried by a thread.

    loop, nats, cables, taps: of that thread; by path, path and sending end, and end and path

    Parameters
        kind: what happens
        seed: of the run
    """

    def __init__(self, kind: Kind, seed: int) -> None:
        scenario = kind.scenario(seed)
        random = Random(f"cables {kind.name} {seed}")
        self.nats = [Translator() for _ in EVERY]
        self._hosts = dict.fromkeys(EVERY, 1)  # last number of the address at home
        self.taps = {(end, path): self._tap(end, path) for end in ENDS for path in EVERY}
        self.cables: dict[tuple[int, str], FaultyCable] = {}
        self.loop = Loop(time.monotonic(), self._deliver)
        for path, nat in enumerate(self.nats):
            sides: tuple[tuple[str, str, Direction, Callable[[bytearray, int], bool]], ...] = (
                (HOME, HOSTED, "outbound", nat.outward),
                (HOSTED, HOME, "inbound", nat.inward),
            )
            for end, far, direction, translate in sides:
                link = build_link(scenario, path, direction)
                self.cables[path, end] = FaultyCable(
                    link,
                    self.taps[end, path],
                    self.taps[far, path],
                    translate=translate,
                    corruption=kind.corruption,
                    random=random,
                )
                self._read(path, end)
        self._calls: list[Callable[[], Any]] = []
        self._done = threading.Event()
        self._wake = self.loop.trigger(self._call)
        self._thread = threading.Thread(target=self.loop.run, daemon=True)
        self._thread.start()

    def _tap(self, end: str, path: int) -> int:
        """Make a TAP and give it to its namespace, with the address that it has."""
        name = interface(end, path)
        descriptor = open_tap(name)
        set_address(name, bytes.fromhex(at.ethernet_address(ENDS[end], path).replace(":", "")))
        set_mtu(name, at.OUTER_MTU)
        ip("link", "set", "dev", name, "netns", end)
        number = 2 if end == HOSTED else self._hosts[path]
        ip("-n", end, "address", "add", self._address(path, number), "dev", name)
        ip("-n", end, "link", "set", "dev", name, "up")
        return descriptor

    @staticmethod
    def _address(path: int, number: int) -> str:
        return f"10.78.{path}.{number}/24"

    def _read(self, path: int, end: str) -> None:
        cable = self.cables[path, end]
        self.loop.add_reader(cable.source, partial(cable.drain, self.loop))

    def _deliver(self, _: float) -> float:
        wanted = math.inf
        for cable in self.cables.values():
            due = cable.deliver(self.loop)
            if due is not None and due < wanted:
                wanted = due
        return wanted

    def _call(self) -> None:
        for call in self._calls:
            call()
        self._calls.clear()
        self._done.set()

    def in_loop(self, call: Callable[[], Any]) -> None:
        """Call in the thread that carries the frames, and wait for it."""
        self._done.clear()
        self._calls.append(call)
        self._wake()
        if not self._done.wait(COMMAND_TIMEOUT):
            raise TimeoutError("the cables stand still")

    # What happens to a path.

    def rebind(self, path: int) -> None:
        """Let its NAT forget."""
        self.in_loop(self.nats[path].rebind)

    def block(self, path: int) -> None:
        """Let nothing pass, and tell nobody."""
        self.in_loop(partial(self._set_up, path, False))

    def unblock(self, path: int) -> None:
        """Let everything pass."""
        self.in_loop(partial(self._set_up, path, True))

    def _set_up(self, path: int, up: bool) -> None:
        for end in ENDS:
            self.cables[path, end].link.set_up(up, self.loop.now())

    def readdress(self, path: int) -> None:
        """Give the interface at home another address."""
        before = self._hosts[path]
        self._hosts[path] = before + 2  # the hosted one has 2
        name = interface(HOME, path)
        ip("-n", HOME, "address", "del", self._address(path, before), "dev", name)
        ip("-n", HOME, "address", "add", self._address(path, before + 2), "dev", name)

    def delete(self, path: int) -> None:
        """Delete the interface at home."""
        self.in_loop(partial(self._delete, path))

    def _delete(self, path: int) -> None:
        descriptor = self.taps.pop((HOME, path))
        self.loop.remove_reader(descriptor)
        os.close(descriptor)
        self.cables[path, HOSTED].target = -1
        self._set_up(path, False)

    def make(self, path: int) -> None:
        """Make it anew."""
        self.taps[HOME, path] = self._tap(HOME, path)
        self.in_loop(partial(self._join, path))

    def _join(self, path: int) -> None:
        descriptor = self.taps[HOME, path]
        self.cables[path, HOME].source = self.cables[path, HOSTED].target = descriptor
        self._read(path, HOME)
        self._set_up(path, True)

    def close(self) -> None:
        """Carry nothing any more."""
        self.in_loop(self.loop.stop)
        self._thread.join(COMMAND_TIMEOUT)
        for descriptor in self.taps.values():
            os.close(descriptor)
        self.loop.close()
