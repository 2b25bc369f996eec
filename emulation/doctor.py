"""What this machine can do in emulation, and how each gap is mended."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from emulation import mptcp
from mpsim.portal.tun import DEVICE
from mpsim.worlds import Check

PACKAGES = {
    "mnexec": "mininet",
    "iperf3": "iperf3",
    "ip": "iproute2",
    "tc": "iproute2",
    "ping": "iputils-ping",
    "tcpdump": "tcpdump",
    "ethtool": "ethtool",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "sipp": "sip-tester",
}
SIPP = "sipp"
OPTIONAL = frozenset({"tc", SIPP})  # netem only; calls only
FEWEST_CORES = 2  # portals, link process and iperf3 want a CPU at the same time
PROBE_TIMEOUT = 10.0  # s


def doctor() -> list[Check]:
    """Look at the machine; changes nothing on it."""
    return [
        _root(),
        _tun(),
        *(tool(name) for name in PACKAGES),
        _mininet(),
        _namespaces(),
        _congestion_controls(),
        mptcp.doctor(),
        _real_time(),
        _netem(),
        _cores(),
        _python(),
    ]


def gaps() -> list[Check]:
    """Return the checks without which nothing can be emulated here; cheap enough for every run."""
    checks = [_root(), _tun(), *(tool(name) for name in PACKAGES if name not in OPTIONAL), _mininet()]
    return [check for check in checks if not check.ok]


def _root() -> Check:
    ok = os.geteuid() == 0
    return Check("root", ok, f"user id {os.geteuid()}", "" if ok else "run it with sudo")


def _tun() -> Check:
    if not Path(DEVICE).exists():
        return Check("tun", False, f"{DEVICE} is missing", "modprobe tun (in a container: pass --device /dev/net/tun)")
    ok = os.access(DEVICE, os.R_OK | os.W_OK)
    return Check("tun", ok, DEVICE, "" if ok else "run it with sudo")


def tool(name: str) -> Check:
    """Look for a program, by its name in PACKAGES."""
    path = shutil.which(name)
    remedy = "" if path else f"apt-get install -y --no-install-recommends {PACKAGES[name]}"
    return Check(name, path is not None, path or "not found", remedy)


def _mininet() -> Check:
    found = all(importlib.util.find_spec(module) is not None for module in ("mininet", "distutils"))
    remedy = "" if found else "pip install 'mpsim[emulation]'"
    return Check("mininet (Python module)", found, "installed" if found else "not installed", remedy)


def _namespaces() -> Check:
    done = _quiet("unshare", "--net", "--pid", "--fork", "--mount", "--mount-proc", "true")
    remedy = "" if done is None else "run it with sudo, on a kernel with network and process namespaces"
    return Check("namespaces", done is None, done or "network, processes, mounts", remedy)


def _congestion_controls() -> Check:
    try:
        known = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    except OSError:
        known = []
    ok = {"cubic", "reno"} <= set(known)
    return Check("TCP congestion controls", ok, " ".join(known) or "unknown", "" if ok else "modprobe tcp_cubic")


def _real_time() -> Check:
    # chrt around a program without children only: inherited real-time priority can starve a machine.
    done = _quiet("chrt", "--fifo", "20", "true")
    detail = "SCHED_FIFO may be set" if done is None else f"SCHED_FIFO is refused ({done}): late links under load"
    remedy = "" if done is None else "run it with sudo (CAP_SYS_NICE)"
    return Check("real-time priority", done is None, detail, remedy)


def _netem() -> Check:
    done = _quiet("unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    detail = "the kernel has it" if done is None else f"not here ({done}); our own links are used"
    return Check("netem", done is None, detail, "" if done is None else "modprobe sch_netem")


def _cores() -> Check:
    cores = len(os.sched_getaffinity(0))
    ok = cores >= FEWEST_CORES
    detail = f"{cores}; about 50 Mbit/s in total is comfortable on 2"
    return Check("cores", ok, detail, "" if ok else "give the machine a second core")


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("Python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "Python 3.11+")


def _quiet(*command: str) -> str | None:
    """Run a command; return None if it succeeded, else its last words."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]
