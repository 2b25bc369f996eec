"""Options of a tunnel's sockets that Python's socket module does not name (Linux)."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct

# The kernel's default holds 92 datagrams of 1400 bytes; a burst of feedback or a slow wake-up is more.
BUFFER = 4 * 1024 * 1024  # bytes
LONGEST_DATAGRAM = 2048

# asm-generic/socket.h
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55
_SK_MEMINFO_DROPS = 8  # linux/sock_diag.h
_MEMINFO_WORDS = 9
# linux/in.h, linux/in6.h
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER = 10, 23
_PMTUDISC_PROBE = 3

# linux/udp.h
_UDP_SEGMENT, _UDP_GRO = 103, 104
MOST_SEGMENTS = 64  # UDP_MAX_SEGMENTS of the kernels before 6.9
LONGEST_RUN = 65_000  # bytes; less than an IP packet's 65535 without its headers
# What a kernel or an interface says that cannot cut a run into datagrams, or not into such long ones.
NO_RUNS = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP})

# The carrier is gone, as measured: link down, address removed, interface deleted.
UNAVAILABLE = frozenset({errno.ENETUNREACH, errno.ENODEV, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})


def dimension(opened: socket.socket, buffer: int = BUFFER) -> None:
    """Give a datagram socket room for bursts (bytes), and forbid fragments: sizes are ours (RFC 8899, section 3).

    Without CAP_NET_ADMIN the room is what net.core.rmem_max and wmem_max allow.
    """
    for forced, plain, size in (
        (_SO_RCVBUFFORCE, socket.SO_RCVBUF, buffer),
        (_SO_SNDBUFFORCE, socket.SO_SNDBUF, BUFFER),
    ):
        try:
            opened.setsockopt(socket.SOL_SOCKET, forced, size)
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, plain, size)
    # An IPv6 socket of UDP may carry IPv4 too (mapped addresses); a raw one may not.
    if opened.family == socket.AF_INET or opened.type == socket.SOCK_DGRAM:
        opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)


def receive_runs(opened: socket.socket) -> None:
    """Let datagrams of equal size that came in a row be received at once (UDP_GRO, udp(7)), if the kernel can."""
    with contextlib.suppress(OSError):
        opened.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)


def run_size(ancillary: list[tuple[int, int, bytes]], received: int) -> int:
    """Return the bytes of each datagram in a run of so many bytes, as what came with it tells."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
            return int(struct.unpack_from("i", data)[0])
    return received


def segmented(size: int) -> list[tuple[int, int, bytes]]:
    """Return what is sent along with a run for the kernel to cut it into datagrams of `size` bytes (UDP_SEGMENT)."""
    return [(socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("H", size))]


def bind_to_interface(opened: socket.socket, name: str) -> None:
    """Bind to an interface, or bind anew after it has come back: the kernel remembers the one that went."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")


def dropped(opened: socket.socket) -> int:
    """Return how many datagrams the kernel dropped because the receive buffer was full."""
    data = opened.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * _MEMINFO_WORDS)
    return int(struct.unpack(f"{_MEMINFO_WORDS}I", data)[_SK_MEMINFO_DROPS])
