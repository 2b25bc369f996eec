"""How the datagrams of one path cross the network: each in a UDP datagram, each in an IP packet, or in a TCP stream.

A channel is what the portal sends by and waits for. One of datagrams has no limit of its own. One of a
stream takes only what the kernel's TCP can soon send (its budget), or the tunnel could no longer choose
by which path a packet goes.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from typing import Protocol

from emulation import addresses as at
from emulation.loop import BATCH
from emulation.sockets import connect, listen, open_raw, open_udp
from emulation.stream import StreamChannel
from mpsim.portal.sockets import LONGEST_DATAGRAM, bind_to_interface, dropped


class Channel(Protocol):
    """What the portal needs of a path's channel."""

    connected: bool  # whether what is sent can reach the other portal at all
    receive_errors: int
    unsent: int  # datagrams thrown away because there was no connection

    @property
    def send(self) -> Callable[[bytes], object]:
        """Send a datagram; raises OSError."""

    def fileno(self) -> int:
        """Return the descriptor to wait for."""

    def drain(self) -> list[bytes]:
        """Take the datagrams that have arrived, a batch at most."""

    def budget(self) -> float:
        """Return how many bytes may be sent now."""

    def dropped(self) -> int:
        """Return how many datagrams the kernel has dropped because the receive buffer was full."""

    def retransmitted(self) -> int:
        """Return how many packets the channel itself has sent again."""

    def reopen(self) -> None:
        """Be told that the interface is back; raises OSError if it has gone again."""


class DatagramChannel:
    """One UDP datagram for each of ours.

    Parameters
        opened: the connected socket
        interface: that it is bound to
    """

    connected = True
    unsent = 0

    def __init__(self, opened: socket.socket, interface: str) -> None:
        self._socket = opened
        self._interface = interface
        self._receive = opened.recv
        self.send: Callable[[bytes], object] = opened.send
        self.receive_errors = 0

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def drain(self) -> list[bytes]:
        """Take the datagrams that have arrived, a batch at most."""
        receive, found = self._receive, []
        try:
            for _ in range(BATCH):
                found.append(receive(LONGEST_DATAGRAM))  # noqa: PERF401  # what came before an error counts
        except BlockingIOError:
            pass
        except OSError:  # the other portal is not there yet (ECONNREFUSED), the interface is gone ...
            self.receive_errors += 1
        return found

    def budget(self) -> float:
        """Return infinity: what is too much is lost, as datagrams are."""
        return math.inf

    def dropped(self) -> int:
        """Return how many datagrams the kernel has dropped because the receive buffer was full."""
        return dropped(self._socket)

    def retransmitted(self) -> int:
        """Return 0: what is lost is the endpoint's to notice."""
        return 0

    def reopen(self) -> None:
        """Bind to the interface that is back."""
        bind_to_interface(self._socket, self._interface)


class IpChannel(DatagramChannel):
    """One IP packet for each of our datagrams."""

    def drain(self) -> list[bytes]:
        found = super().drain()
        if self._socket.family == socket.AF_INET:
            # raw(7): IPv4's header comes along, IPv6's (RFC 3542, section 3) does not.
            return [data[(data[0] & 0xF) * 4 :] for data in found]
        return found


def open_channel(transport: str, outside: at.Outside, side: str, link: int, congestion: str) -> Channel:
    """Open the channel of one path; congestion: the kernel's name for it, with transport "tcp"."""
    interface = outside.interface(side, link)
    if transport == "udp":
        return DatagramChannel(open_udp(outside, side, link), interface)
    if transport == "ip":
        return IpChannel(open_raw(outside, side, link), interface)
    if side == at.REMOTE:
        return StreamChannel(listener=listen(outside, side, link, congestion), dial=None)
    return StreamChannel(listener=None, dial=lambda: connect(outside, side, link, congestion))
