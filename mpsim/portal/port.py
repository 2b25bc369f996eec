"""A UDP socket of one or several paths: those that leave by the same interface, address and port.

It is not connected, since a path's other end may move (mpsim/tunnel/security/guard.py says when to believe so). One
that cannot be opened yet, because its interface or its address is not there, is tried again by `tend`. An IPv6
socket carries both versions, IPv4 as mapped addresses (RFC 4291, section 2.5.5.2).
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mpsim.portal.config import PathSpec
from mpsim.portal.loop import BATCH
from mpsim.portal.sockets import (
    LONGEST_DATAGRAM,
    LONGEST_RUN,
    MOST_SEGMENTS,
    NO_RUNS,
    bind_to_interface,
    dimension,
    dropped,
    receive_runs,
    run_size,
    segmented,
)
from mpsim.portal.tun import has_carrier
from mpsim.tunnel.security.cookie import Address

_MOST_RECEIVED = 65_536  # bytes of a run
_ANCILLARY = socket.CMSG_SPACE(4)  # of the size of its datagrams
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104  # a portal listens wherever it is told nothing


class Place(NamedTuple):
    """What a socket is bound to; paths with the same place share it."""

    interface: str | None
    address: str | None
    port: int  # 0: any
    four: bool  # IPv4 alone
    alone: str  # whose socket it is, where the port is any; empty: it can be shared

    @classmethod
    def of(cls, spec: PathSpec, alone: str) -> Place:
        """Return a path's place; alone: what no other path is called."""
        literal = spec.remote.literal if spec.remote is not None else None
        told = spec.local_address if spec.local_address is not None else literal
        return cls(
            spec.interface,
            str(spec.local_address) if spec.local_address is not None else None,
            spec.local_port or 0,
            isinstance(told, ipaddress.IPv4Address),
            "" if spec.local_port else alone,
        )


def _closed(_data: bytes, _address: Address) -> int:
    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


class Port:
    """One socket, open or not.

    Parameters
        place: what it is bound to
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.send: Callable[[bytes, Address], int] = _closed  # raises OSError
        self.receive_errors = 0
        self.trouble = ""  # why it cannot be used; empty: it can
        self.joins = True  # runs of datagrams leave by one call; False: this kernel or interface cannot
        self._socket: socket.socket | None = None
        self._room = bytearray(_MOST_RECEIVED)
        self._view = memoryview(self._room)
        self._carrier = False
        self._index = 0  # of the interface that it is bound to: one that was made anew has another

    @property
    def usable(self) -> bool:
        """Whether it is open, and its interface, if it is bound to one, up and plugged in."""
        return self._socket is not None and self._carrier

    @property
    def dual(self) -> bool:
        """Whether IPv4 addresses are to be mapped."""
        return self._socket is not None and self._socket.family == socket.AF_INET6

    @property
    def name(self) -> str:
        """What it is bound to, for people."""
        if self._socket is None:
            return ""
        host, number = self._socket.getsockname()[:2]
        return shown_address((host, number))

    def tend(self, opened: Callable[[int], object], closing: Callable[[int], object]) -> None:
        """Look at the interface; open what can be opened. Both calls are told a descriptor."""
        interface = self.place.interface
        index = 0 if interface is None else _index_of(interface)
        self._carrier = interface is None or (index > 0 and has_carrier(interface))
        if not self._carrier:
            self.trouble = f"{interface}: {'no carrier' if index else 'no such interface'}"
            return
        if self._socket is not None and interface is not None and index != self._index:
            try:
                bind_to_interface(self._socket, interface)
            except OSError:  # not ours to bind a second time (no CAP_NET_RAW), or gone again
                closing(self._socket.fileno())
                self.close()
        self._index = index
        if self._socket is None:
            self._try_to_open(opened)
        else:
            self.trouble = ""

    def _try_to_open(self, opened: Callable[[int], object]) -> None:
        try:
            self._socket = _open(self.place)
        except OSError as error:
            self.trouble = f"cannot be opened: {error.strerror}"
            return
        self.trouble = ""
        self.send = self._socket.sendto
        opened(self._socket.fileno())

    def send_run(self, run: Sequence[bytes], address: Address) -> None:
        """Send datagrams of which all but the last are of equal size, and none is longer; raises OSError.

        Where an error has come, some of them may have left.
        """
        joined = len(run) > 1 and self.joins and self._socket is not None
        if joined and self._send_joined(run, address):
            return
        for data in run:
            self.send(data, address)
        if joined:  # one by one they can leave
            self.joins = False

    def _send_joined(self, run: Sequence[bytes], address: Address) -> bool:
        """Send a run by one call; False: that does not work here."""
        assert self._socket is not None
        try:
            self._socket.sendmsg(run, segmented(len(run[0])), 0, address)
        except OSError as error:
            if error.errno not in NO_RUNS:
                raise
            return False
        return True

    def drain(self) -> list[tuple[bytes, Address]]:
        """Take the datagrams that have arrived and where from: about a batch at most."""
        found: list[tuple[bytes, Address]] = []
        if self._socket is None:
            return found
        receive, room, view = self._socket.recvmsg_into, [self._room], self._view
        try:
            for _ in range(BATCH):
                received, ancillary, _, sender = receive(room, _ANCILLARY)
                source = sender[:2]
                size = run_size(ancillary, received) if ancillary else received
                longest = min(size, LONGEST_DATAGRAM)
                for start in range(0, received, size or 1):
                    found.append((bytes(view[start : min(start + longest, received)]), source))  # noqa: PERF401  # hot
                if len(found) >= BATCH:
                    break
        except BlockingIOError:
            pass
        except OSError:
            self.receive_errors += 1
        return found

    def dropped(self) -> int:
        """Return how many datagrams the kernel has dropped because the receive buffer was full."""
        return dropped(self._socket) if self._socket is not None else 0

    def fileno(self) -> int | None:
        """Return the descriptor to wait for; None: it is not open."""
        return self._socket.fileno() if self._socket is not None else None

    def close(self) -> None:
        """Close it."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self.send = None, _closed


def _index_of(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0


def _open(place: Place) -> socket.socket:
    families = [socket.AF_INET] if place.four else [socket.AF_INET6, socket.AF_INET]
    if place.address is not None and not place.four:
        families = [socket.AF_INET6]
    for family in families:
        try:
            return _open_family(place, family)
        except OSError as error:
            if error.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL} or family is families[-1]:
                raise
    raise AssertionError("there is always a family")


def _open_family(place: Place, family: socket.AddressFamily) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(place.address is not None))
        if place.interface is not None:
            bind_to_interface(opened, place.interface)
        dimension(opened)
        receive_runs(opened)
        opened.bind((place.address or _ANY[family], place.port))
    except BaseException:
        opened.close()
        raise
    return opened


def runs(datagrams: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut datagrams into runs that one call can send: of equal size, but for the last of each, which may be shorter."""
    begin, size, total = 0, 0, 0
    for position, data in enumerate(datagrams):
        length = len(data)
        if position > begin and (
            length > size
            or len(datagrams[position - 1]) != size
            or position - begin >= MOST_SEGMENTS
            or total + length > LONGEST_RUN
        ):
            yield datagrams[begin:position]
            begin, total = position, 0
        if position == begin:
            size = length
        total += length
    if begin < len(datagrams):
        yield datagrams[begin:]


def mapped(host: str, *, dual: bool) -> str:
    """Return an address as a socket wants it."""
    return f"::ffff:{host}" if dual and ":" not in host else host


def shown_address(address: Address | None) -> str:
    """Write an address for people."""
    if address is None:
        return ""
    host, port = address
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(host)
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            host = str(found.ipv4_mapped)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
