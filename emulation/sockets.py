"""The tunnel's UDP sockets: one a path, bound to its own interface, with receive buffers that are watched."""

from __future__ import annotations

import errno
import os
import socket
import struct

from emulation import addresses as at

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
# linux/in.h
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_PROBE = 3

# The carrier is gone, as measured: link down, address removed, interface deleted.
UNAVAILABLE = frozenset({errno.ENETUNREACH, errno.ENODEV, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})


def open_path_socket(side: str, link: int) -> socket.socket:
    """Open the socket of one path: it leaves by this access link's interface whatever the routes say."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, int(os.environ.get(BUFFER_VARIABLE, BUFFER)))
    opened.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, BUFFER)
    bind_to_interface(opened, at.access_interface(side, link))
    # No fragments, and no answer to somebody else's idea of the MTU: sizes are ours (RFC 8899, section 3).
    opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)
    opened.bind((at.access_address(side, link), at.TUNNEL_PORT))
    opened.connect((at.access_address(at.other(side), link), at.TUNNEL_PORT))
    return opened


def bind_to_interface(opened: socket.socket, name: str) -> None:
    """Bind to an interface, or bind anew after it has come back: the kernel remembers the one that went."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")


def dropped(opened: socket.socket) -> int:
    """Return how many datagrams the kernel dropped because the receive buffer was full."""
    data = opened.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * _MEMINFO_WORDS)
    return int(struct.unpack(f"{_MEMINFO_WORDS}I", data)[_SK_MEMINFO_DROPS])
