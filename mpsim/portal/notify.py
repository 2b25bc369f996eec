"""Telling systemd how a service is: datagrams to the socket that NOTIFY_SOCKET names (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
import time

_NS_PER_US = 1000


def notify(*lines: str) -> None:
    """Tell the supervisor, if there is one; that it does not listen is no reason to stop."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
        opened.sendto("\n".join(lines).encode(), address)


def reloading() -> None:
    """Tell that the configuration is being read anew (Type=notify-reload wants the time, too)."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // _NS_PER_US}")
