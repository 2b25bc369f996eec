"""Portals on the loopback device, each with a pair of sockets in place of a TUN and a thread that serves it."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mpsim.headers import UDP, address, ipv4, udp
from mpsim.portal.config import Config, parse_config
from mpsim.portal.interface import Interface
from mpsim.portal.portal import Portal
from mpsim.tunnel.security.keys import new_key, to_text
from mpsim.tunnel.security.primitives import public_of

LONG = 60.0  # s; far longer than anything here takes
LOCAL, REMOTE = "10.9.0.2", "10.9.0.1"  # inner addresses


def write_key(file: Path, key: bytes | None = None) -> str:
    """Leave a key in a file; return the public one."""
    key = key or new_key(os.urandom)
    file.write_text(to_text(key) + "\n")
    file.chmod(0o600)
    return to_text(public_of(key))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at now."""
    opened = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in opened:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in opened]
    for each in opened:
        each.close()
    return ports


def path(name: str, *, to: int | str | None = None, at: int | None = None, **more: Any) -> dict[str, Any]:
    """A path's table: it connects `to` a port of this host (or a remote), or listens `at` one."""
    found: dict[str, Any] = {"name": name, **more}
    if to is not None:
        found["remote"] = to if isinstance(to, str) else f"127.0.0.1:{to}"
    if at is not None:
        found |= {"local_port": at, "local_address": "127.0.0.1"}
    return found


def packet(source: str, destination: str, text: bytes) -> bytes:
    """An inner IPv4 packet."""
    return ipv4(address(source), address(destination), UDP, udp((1, 2), text))


class Running:
    """A portal that serves in a thread."""

    def __init__(self, config: Config, *, kind: type[Interface] = Interface, **options: Any) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setblocking(False)
        self._theirs = theirs
        self.portal = Portal(config, kind(theirs.fileno()), **options)
        self._stop = self.portal.loop.trigger(self.portal.stop)
        self._thread = threading.Thread(target=self.portal.serve, daemon=True)
        self._thread.start()

    def in_loop(self, call: Callable[[], Any]) -> Any:
        """Call in the portal's own thread, and return what that returned."""
        answer: list[Any] = []
        done = threading.Event()

        def run(_: float) -> None:
            answer.append(call())
            done.set()

        self.portal.loop.call_at(0.0, run)
        assert done.wait(LONG)
        return answer[0]

    def send(self, data: bytes) -> None:
        """Let a packet come out of the TUN."""
        self.ours.send(data)

    def receive(self, seconds: float = LONG) -> bytes:
        """Return what goes into the TUN next."""
        assert select.select([self.ours], [], [], seconds)[0], "nothing came"
        return self.ours.recv(70_000)

    def paths_up(self) -> dict[str, bool]:
        return {
            f"{one.spec.name}/{way.spec.name}": one.endpoint.paths[way.number].up
            for one in self.portal.associations
            for way in one.ways
        }

    def stop(self) -> dict[str, Any]:
        """End it; return what it would remember."""
        addresses = self.portal.addresses()
        self._stop()
        self._thread.join(LONG)
        assert not self._thread.is_alive()
        self.portal.close()
        self.ours.close()
        self._theirs.close()
        return addresses


@contextmanager
def running(raw: Mapping[str, Any], folder: Path, **options: Any) -> Iterator[Running]:
    """A portal that lives as long as the block."""
    found = Running(parse_config(raw, folder), **options)
    try:
        yield found
    finally:
        if found.ours.fileno() >= 0:
            found.stop()


def wait_until(holds: Callable[[], bool], seconds: float = LONG) -> None:
    """Wait for something that has to come true."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


def arrives(sender: Running, receiver: Running, data: bytes) -> None:
    """Send a packet again and again until it arrives; others may come before it."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        sender.send(data)
        while select.select([receiver.ours], [], [], 0.1)[0]:
            if receiver.ours.recv(70_000) == data:
                return
    raise AssertionError("it did not arrive")
