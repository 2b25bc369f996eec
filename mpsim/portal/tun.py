"""TUN and TAP interfaces (Linux, Documentation/networking/tuntap.rst): a network interface as a file.

A TUN carries IP packets, a TAP Ethernet frames; one read or write is one packet. The interface
vanishes when its last descriptor is closed, unless it was made persistent.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct

DEVICE = "/dev/net/tun"
LONGEST_NAME = 15  # IFNAMSIZ - 1

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_TUNSETCARRIER = 0x400454E2
_TUNSETOFFLOAD = 0x400454D0
_IFF_TUN = 0x0001
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000
_IFF_VNET_HDR = 0x4000
_OFFLOADS = 0x01 | 0x02 | 0x04  # TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6
# linux/sockios.h, linux/if.h
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCSIFMTU = 0x8922
_SIOCSIFHWADDR = 0x8924
_SIOCSIFTXQLEN = 0x8943
_SIOCETHTOOL = 0x8946
_ETHTOOL_GLINK = 0x0000000A  # linux/ethtool.h
_IFF_UP = 0x1
_ARPHRD_ETHER = 1


def open_tun(name: str, *, persistent: bool = False, offloads: bool = False) -> int:
    """Open (make, if need be) a TUN interface; return its non-blocking descriptor.

    offloads: every packet has a header of virtio, and may be a large one of TCP, or lack its checksum (interface.py)
    """
    if not offloads:
        return _open(name, _IFF_TUN, persistent)
    descriptor = _open(name, _IFF_TUN | _IFF_VNET_HDR, persistent)
    with contextlib.suppress(OSError):  # a kernel that does not offer them does the work itself
        fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _OFFLOADS)
    return descriptor


def open_tap(name: str, *, persistent: bool = False) -> int:
    """Open (make, if need be) a TAP interface; return its non-blocking descriptor."""
    return _open(name, _IFF_TAP, persistent)


def _open(name: str, kind: int, persistent: bool) -> int:
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"interface name: 1 to {LONGEST_NAME} characters; given {name!r}")
    descriptor = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | _IFF_NO_PI))
        fcntl.ioctl(descriptor, _TUNSETPERSIST, int(persistent))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def set_carrier(descriptor: int, up: bool) -> None:
    """Plug the cable of a TAP or TUN in, or pull it; works from whatever namespace the interface is in."""
    fcntl.ioctl(descriptor, _TUNSETCARRIER, struct.pack("i", up))


def set_queue_length(name: str, packets: int) -> None:
    """Set how many packets may wait for their reader; what comes on top is the interface's tx_dropped."""
    _interface_call(_SIOCSIFTXQLEN, struct.pack("16si20x", name.encode(), packets))


def set_mtu(name: str, size: int) -> None:
    """Set the largest IP packet (bytes) of an interface in this namespace."""
    _interface_call(_SIOCSIFMTU, struct.pack("16si20x", name.encode(), size))


def set_address(name: str, address: bytes) -> None:
    """Set the six-byte Ethernet address of an interface in this namespace."""
    _interface_call(_SIOCSIFHWADDR, struct.pack("16sH6s16x", name.encode(), _ARPHRD_ETHER, address))


def set_up(name: str, up: bool = True) -> None:
    """Bring an interface in this namespace up or down."""
    flags = _flags(name)
    flags = flags | _IFF_UP if up else flags & ~_IFF_UP
    _interface_call(_SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags))


def has_carrier(name: str) -> bool:
    """Return whether an interface in this namespace is up and its cable is plugged in; False if it is gone."""
    # Not IFF_RUNNING: that follows the cable up to a second later (the kernel's linkwatch).
    answer = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_GLINK, 0))
    try:
        _interface_call(_SIOCETHTOOL, struct.pack("16sP16x", name.encode(), ctypes.addressof(answer)))
        return bool(_flags(name) & _IFF_UP and struct.unpack_from("I", answer, 4)[0])
    except OSError:
        return False


def _flags(name: str) -> int:
    answer = _interface_call(_SIOCGIFFLAGS, struct.pack("16sH22x", name.encode(), 0))
    return int(struct.unpack_from("16xH", answer)[0])


def _interface_call(request: int, argument: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return fcntl.ioctl(any_socket, request, argument)
