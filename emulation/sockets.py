"""The tunnel's sockets: one a path, bound to its own interface, with receive buffers that are watched."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct

from emulation import addresses as at
from mpsim.headers import EXPERIMENTAL

# The kernel's default holds 92 datagrams of 1400 bytes; a burst of feedback or a slow wake-up is more.
BUFFER = 4 * 1024 * 1024  # bytes
BUFFER_VARIABLE = "MPSIM_RECEIVE_BUFFER"  # bytes instead; experiments/sabotage.py makes it overflow
LONGEST_DATAGRAM = 2048

# asm-generic/socket.h; the socket module does not name them.
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55
_SK_MEMINFO_DROPS = 8  # linux/sock_diag.h
_MEMINFO_WORDS = 9
# linux/in.h, linux/in6.h
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER = 10, 23
_PMTUDISC_PROBE = 3
_SIOCOUTQNSD = 0x894B  # linux/sockios.h
_TOTAL_RETRANS = 100  # offset in bytes of tcpi_total_retrans
# What the kernel's TCP holds that was not sent yet, at most: more would only wait where nobody can choose a path.
UNSENT = 16 * 1024  # bytes
_BACKLOG = 4
_FAMILIES = {at.IPV4: socket.AF_INET, at.IPV6: socket.AF_INET6}

# The carrier is gone, as measured: link down, address removed, interface deleted.
UNAVAILABLE = frozenset({errno.ENETUNREACH, errno.ENODEV, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})


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
    """Give a datagram socket room for bursts, and forbid fragments: sizes are ours (RFC 8899, section 3)."""
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, int(os.environ.get(BUFFER_VARIABLE, BUFFER)))
    opened.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, BUFFER)
    if opened.family == socket.AF_INET:
        opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
    else:
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)


def unsent(opened: socket.socket) -> int:
    """Return the bytes that a TCP socket holds and has never sent (tcp(7), SIOCOUTQNSD)."""
    answer = fcntl.ioctl(opened, _SIOCOUTQNSD, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


def retransmitted(opened: socket.socket) -> int:
    """Return how many segments a TCP socket has sent again (linux/tcp.h, struct tcp_info)."""
    info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TOTAL_RETRANS + 4)
    return int(struct.unpack_from("I", info, _TOTAL_RETRANS)[0])


def bind_to_interface(opened: socket.socket, name: str) -> None:
    """Bind to an interface, or bind anew after it has come back: the kernel remembers the one that went."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")


def dropped(opened: socket.socket) -> int:
    """Return how many datagrams the kernel dropped because the receive buffer was full."""
    data = opened.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * _MEMINFO_WORDS)
    return int(struct.unpack(f"{_MEMINFO_WORDS}I", data)[_SK_MEMINFO_DROPS])
