"""The tunnel's sockets: one a path, bound to its own interface, with receive buffers that are watched."""

from __future__ import annotations

import fcntl
import os
import socket
import struct

from emulation import addresses as at
from mpsim.headers import EXPERIMENTAL
from mpsim.portal.sockets import BUFFER, bind_to_interface, dimension

BUFFER_VARIABLE = "MPSIM_RECEIVE_BUFFER"  # bytes instead; experiments/sabotage.py makes it overflow

_SIOCOUTQNSD = 0x894B  # linux/sockios.h
_TOTAL_RETRANS = 100  # offset in bytes of tcpi_total_retrans
# What the kernel's TCP holds that was not sent yet, at most: more would only wait where nobody can choose a path.
UNSENT = 16 * 1024  # bytes
_BACKLOG = 4
_FAMILIES = {at.IPV4: socket.AF_INET, at.IPV6: socket.AF_INET6}


def open_udp(outside: at.Outside, side: str, link: int) -> socket.socket:
    """Open the UDP socket of one path: it leaves by this access link's interface whatever the routes say."""
    opened = _open(outside, side, link, socket.SOCK_DGRAM)
    _dimension(opened)
    far = at.other(side)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((outside.address(side, link), outside.port(side, link)))
    opened.connect((outside.address(far, link), outside.port(far, link)))
    return opened


def open_raw(outside: at.Outside, side: str, link: int) -> socket.socket:
    """Open the socket of one path for datagrams in IP itself, with a protocol number for experiments (RFC 3692)."""
    opened = _open(outside, side, link, socket.SOCK_RAW, EXPERIMENTAL)
    _dimension(opened)
    opened.bind((outside.address(side, link), 0))
    opened.connect((outside.address(at.other(side), link), 0))
    return opened


def open_tcp(outside: at.Outside, side: str, link: int, congestion: str) -> socket.socket:
    """Open a TCP socket of one path, neither listening nor connected; congestion: the kernel's name."""
    opened = _open(outside, side, link, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    return opened


def listen(outside: at.Outside, side: str, link: int, congestion: str) -> socket.socket:
    """Open a TCP socket that waits for the other portal; what it accepts has its options."""
    opened = open_tcp(outside, side, link, congestion)
    opened.bind((outside.address(side, link), outside.port(side, link)))
    opened.listen(_BACKLOG)
    return opened


def connect(outside: at.Outside, side: str, link: int, congestion: str) -> socket.socket:
    """Open a TCP socket that is being connected to the other portal; raises OSError if that cannot even begin."""
    opened = open_tcp(outside, side, link, congestion)
    far = at.other(side)
    try:
        opened.bind((outside.address(side, link), 0))
        opened.connect((outside.address(far, link), outside.port(far, link)))
    except BlockingIOError:
        pass
    except OSError:
        opened.close()
        raise
    return opened


def _open(outside: at.Outside, side: str, link: int, kind: int, protocol: int = 0) -> socket.socket:
    opened = socket.socket(_FAMILIES[outside.family], kind | socket.SOCK_NONBLOCK, protocol)
    bind_to_interface(opened, outside.interface(side, link))
    return opened


def _dimension(opened: socket.socket) -> None:
    dimension(opened, int(os.environ.get(BUFFER_VARIABLE, BUFFER)))


def unsent(opened: socket.socket) -> int:
    """Return the bytes that a TCP socket holds and has never sent (tcp(7), SIOCOUTQNSD)."""
    answer = fcntl.ioctl(opened, _SIOCOUTQNSD, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


def retransmitted(opened: socket.socket) -> int:
    """Return how many segments a TCP socket has sent again (linux/tcp.h, struct tcp_info)."""
    info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TOTAL_RETRANS + 4)
    return int(struct.unpack_from("I", info, _TOTAL_RETRANS)[0])
