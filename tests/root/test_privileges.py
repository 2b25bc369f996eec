"""Root's rights are given up, but for binding sockets to interfaces."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from mpsim.portal.privileges import CAP_NET_RAW, become

pytestmark = pytest.mark.root

NOBODY = 65534


def test_one_capability_is_left() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become(NOBODY, NOBODY)
            status = Path("/proc/self/status").read_text()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
                for _ in range(2):  # the second time is what takes the capability
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
            os.write(writer, status.encode())
        except BaseException as error:  # noqa: BLE001  # read by the parent
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    lines = dict(line.split(":\t") for line in said.splitlines() if ":\t" in line)
    assert lines, said
    assert lines["Uid"].split() == [str(NOBODY)] * 4
    assert lines["Groups"].split() == []
    for kind in ("CapPrm", "CapEff"):
        assert int(lines[kind], 16) == 1 << CAP_NET_RAW
    assert int(lines["CapInh"], 16) == 0
