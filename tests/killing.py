"""Killed runs, for the test of `make test` and the longer proof of `make soak`."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulation.runs import FOLDER, MARK, clean, start_time

FOREIGN_INTERFACE = "mps-foreign"  # our prefix, but not ours: nobody has registered it
FOREIGN_NAMESPACE = "mps-foreign-namespace"


def marked_by(owner: int) -> list[int]:
    """Return all processes that carry the mark of a run that `owner` started."""
    mark = f"{MARK}={owner}-".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"\0" + mark in b"\0" + (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill_at_random(scenario: Path, delays: random.Random) -> None:
    """Start a run, kill it with SIGKILL at a random moment, clean, and look for leftovers."""
    command = [sys.executable, "-m", "mpsim", "emulate", str(scenario)]
    before = {name for _, name in socket.if_nameindex()}
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # From before anything is made until after the end.
    threading.Event().wait(delays.uniform(0.0, 9.0))
    if delays.random() < 0.25:
        # Somebody may kill the inner part, too: the first process in the run's own namespaces.
        for pid in marked_by(run.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
    run.send_signal(signal.SIGKILL)
    run.wait()
    clean()
    assert not marked_by(run.pid), "processes are left"
    assert not list(FOLDER.glob(f"{run.pid}-*")), "its folder is left"
    assert {name for _, name in socket.if_nameindex()} == before, "interfaces are left or gone"


@contextmanager
def foreign_things() -> Iterator[subprocess.Popen[bytes]]:
    """Make a namespace, an interface and a process that are none of ours; they have to be there at the end."""
    sleeper = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: "not-a-run"})
    _ip("netns", "add", FOREIGN_NAMESPACE)
    _ip("tuntap", "add", "dev", FOREIGN_INTERFACE, "mode", "tap")
    try:
        yield sleeper
        assert FOREIGN_INTERFACE in [name for _, name in socket.if_nameindex()]
        assert Path("/run/netns", FOREIGN_NAMESPACE).exists()
        assert start_time(sleeper.pid) is not None
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()
        _ip("link", "delete", FOREIGN_INTERFACE)
        _ip("netns", "delete", FOREIGN_NAMESPACE)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)
