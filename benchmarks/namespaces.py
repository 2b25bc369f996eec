"""Two hosts on one machine: network namespaces without a name, joined by veth pairs, that end with this process."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

PROGRAMS = ("ip", "iperf3", "nice", "nsenter", "setpriv", "ss", "unshare")
NICENESS = -10  # what is measured comes before what else a machine does


def missing() -> str:
    """Return why there can be none here; empty: nothing stands against it."""
    if os.geteuid():
        return "needs root"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)}"
    return "" if Path("/dev/net/tun").exists() else "needs /dev/net/tun"


class Namespace:
    """A network namespace, which lasts as long as a process in it that waits for this one."""

    def __init__(self) -> None:
        # cat ends when its standard input does, however this process ends.
        self._keeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set dev lo up && echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"ready\n":
            raise RuntimeError("no network namespace can be made here")
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def pid(self) -> int:
        """A process that is in it."""
        return self._keeper.pid

    def command(self, *words: str) -> list[str]:
        """Return a command as it is to be run here; it ends with whoever starts it."""
        place = f"--net=/proc/{self.pid}/ns/net"
        return ["setpriv", "--pdeathsig", "KILL", "nice", "-n", str(NICENESS), "nsenter", place, *words]

    def run(self, *words: str) -> str:
        """Run a command in it to its end; return what it wrote."""
        return subprocess.run(self.command(*words), check=True, capture_output=True, text=True, timeout=60).stdout

    def start(self, *words: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a program in it, its output to a file."""
        with log.open("wb") as file:
            started = subprocess.Popen(self.command(*words), stdout=file, stderr=subprocess.STDOUT)
        self._started.append(started)
        return started

    def close(self) -> None:
        """End what was started in it, and it."""
        for process in self._started:
            process.terminate()
        for process in self._started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._keeper.kill()
        self._keeper.wait()


class Hosts:
    """Two hosts and some cables between them: 10.77.N.1 and 10.77.N.2 at the ends of cable N."""

    def __init__(self, cables: int) -> None:
        self.ends = (Namespace(), Namespace())
        one, other = self.ends
        for number in range(cables):
            one.run(
                "ip", "link", "add", f"link{number}", "type", "veth", "peer", f"link{number}", "netns", str(other.pid)
            )
            for side, end in enumerate(self.ends, 1):
                end.run("ip", "address", "add", f"10.77.{number}.{side}/24", "dev", f"link{number}")
                end.run("ip", "link", "set", "dev", f"link{number}", "up")

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for end in self.ends:
            end.close()
