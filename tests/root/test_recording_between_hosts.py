"""``mpsim traces record`` between two hosts: namespaces of their own, joined by a cable."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulation.waiting import wait_until
from mpsim.traces.formats import read

pytestmark = pytest.mark.root
ADDRESSES = {"ipv4": ("10.77.0.1", "10.77.0.2"), "ipv6": ("fd77::1", "fd77::2")}
LIMIT = 4e6  # bit/s
SECONDS = 2
LONG = 20.0  # s


def inside(host: subprocess.Popen[bytes], *command: str) -> list[str]:
    return ["nsenter", "-t", str(host.pid), "-n", *command]


@pytest.fixture
def hosts(mtu: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two namespaces with a cable between them, of Ethernet's MTU and of a mobile network's."""
    own = Path("/proc/self/ns/net").readlink()
    found = [subprocess.Popen(["unshare", "--net", "sleep", "600"]) for _ in range(2)]
    try:
        for host in found:
            assert wait_until(lambda pid=host.pid: Path(f"/proc/{pid}/ns/net").readlink() != own, LONG)  # type: ignore[misc]
        near, far = (str(host.pid) for host in found)
        subprocess.run(
            ["ip", "link", "add", "near", "netns", near, "type", "veth", "peer", "name", "far", "netns", far],
            check=True,
        )
        for number, (host, name) in enumerate(zip(found, ("near", "far"), strict=True)):
            for family, length in (("ipv4", "24"), ("ipv6", "64")):
                more = ["nodad"] if family == "ipv6" else []
                address = f"{ADDRESSES[family][number]}/{length}"
                subprocess.run(inside(host, "ip", "address", "add", address, "dev", name, *more), check=True)
            subprocess.run(inside(host, "ip", "link", "set", name, "up", "mtu", str(mtu)), check=True)
        yield found
    finally:
        for host in found:
            host.kill()
            host.wait()


# Each pair of values once.
@pytest.mark.parametrize(
    ("mtu", "family", "reverse"),
    [(1500, "ipv4", False), (1500, "ipv6", True), (1400, "ipv4", True), (1400, "ipv6", False)],
)
def test_what_the_path_carries_is_written_by_the_receiver(
    hosts: list[subprocess.Popen[bytes]], tmp_path: Path, family: str, reverse: bool
) -> None:
    record = (sys.executable, "-m", "mpsim", "traces", "record", "--duration", f"{SECONDS}s", "--limit", "4Mbit")
    _, far = ADDRESSES[family]
    at = f"[{far}]:4726" if family == "ipv6" else f"{far}:4726"
    listener = subprocess.Popen(
        inside(hosts[1], *record, "--listen", at, "--out", str(tmp_path / "far"), "--wait", "60s"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        listening = inside(hosts[1], "ss", "--udp", "--listening", "--numeric", "--no-header")
        assert wait_until(lambda: ":4726" in subprocess.check_output(listening, text=True), LONG)
        more = ["--reverse", "--out", str(tmp_path / "near")] if reverse else []
        called = subprocess.run(
            inside(hosts[0], *record, "--to", at, *more), capture_output=True, text=True, timeout=60, check=False
        )
        out, err = listener.communicate(timeout=60)
    finally:
        listener.kill()
        listener.wait()
    assert (called.returncode, listener.returncode) == (0, 0), called.stderr + err
    receiver, sender = (called.stdout, out) if reverse else (out, called.stdout)
    assert "the other end has the trace" in sender
    trace = tmp_path / ("near" if reverse else "far")
    assert receiver.strip() == str(trace)
    assert not (tmp_path / ("far" if reverse else "near")).exists()
    times = read(trace).opportunities
    assert times[-1] == SECONDS
    # The sender's limit is all that limits this path; a busy machine sends less.
    assert 0.5 * LIMIT < len(times) * 12_000 / SECONDS < 1.05 * LIMIT
