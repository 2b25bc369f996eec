"""From root to an ordinary user who keeps one capability: to bind a socket to an interface that has come back.

capabilities(7): CAP_NET_RAW is what setting SO_BINDTODEVICE a second time takes. prctl(2), capset(2): the kernel's
interface is called as it is, because Python's os module does not have it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import struct

from mpsim.errors import Fault, InputError, WorldError

# linux/capability.h, linux/prctl.h
CAP_NET_RAW = 13
_VERSION_3 = 0x20080522
_PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS = 8, 38


def find_user(name: str) -> tuple[int, int]:
    """Return a user's number and group; raises InputError if there is none of that name."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise InputError([Fault("host.user", f'a user of this host; given "{name}"')]) from None
    return found.pw_uid, found.pw_gid


def become(user: int, group: int) -> None:
    """Be that user from now on, with CAP_NET_RAW alone; raises WorldError if that fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        header = struct.pack("Ii", _VERSION_3, 0)
        low = 1 << CAP_NET_RAW
        sets = struct.pack("6I", low, low, 0, 0, 0, 0)  # effective, permitted, inheritable; then bits 32 to 63
        _checked(libc.capset(ctypes.create_string_buffer(header), ctypes.create_string_buffer(sets)))
    except OSError as error:
        raise WorldError(f"cannot give up root's rights: {error.strerror}") from None


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
