"""Root's rights are given up, but for binding sockets to interfaces."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mpsim.portal.privileges import CAP_NET_RAW

pytestmark = pytest.mark.root

NOBODY = 65534
# In a process of its own: what is given up does not come back. Binding a second time is what takes the capability.
CHILD = f"""
import socket
from pathlib import Path
from mpsim.portal.privileges import become

become({NOBODY}, {NOBODY})
print(Path("/proc/self/status").read_text())
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
    for _ in range(2):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\\0")
"""


def test_one_capability_is_left() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(":\t") for line in done.stdout.splitlines() if ":\t" in line)
    assert lines["Uid"].split() == [str(NOBODY)] * 4
    assert lines["Groups"].split() == []
    for kind in ("CapPrm", "CapEff"):
        assert int(lines[kind], 16) == 1 << CAP_NET_RAW
    assert int(lines["CapInh"], 16) == 0
