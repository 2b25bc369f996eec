"""What two portals carry when no link limits them: python -m benchmarks.goodput [--seconds S] [--mode M] [--paths N].

Real daemons (`mpsim portal up`) in two network namespaces, over veth pairs; one flow of TCP CUBIC by iperf3 through
their TUNs, and the same flow over the first veth pair, routed past the tunnel. Everything shares this machine's
cores. Run this as root; interpreted or compiled, as this process is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.namespaces import Hosts, missing
from benchmarks.table import Line
from mpsim.portal.runtime import FOLDER_VARIABLES, ask
from mpsim.tunnel.security.keys import new_key, to_text

SECONDS = 6.0  # of one transfer
SETTLING = 2.0  # s before it counts: slow start, inside and outside
INNER = ("172.31.77.1", "172.31.77.2")
NAMES = ("bench0", "bench1")
PORT = 4725
TARGET = 1e9  # bit/s
_PATIENCE = 20.0  # s for what takes much less


@dataclass(frozen=True, slots=True)
class Goodput:
    """One transfer: bit/s received, and the CPU time (us) of a portal for a packet that it read or wrote."""

    rate: float
    cpu_us: float = 0.0


def _configuration(side: int, mode: str, paths: int) -> str:
    lines = [f'[host]\nname = "{NAMES[side]}"\naddress = ["{INNER[side]}/24"]\nmode = "{mode}"\n[[portal]]']
    lines += [f'name = "other"\nroutes = ["{INNER[1 - side]}/32"]', 'key_file = "psk"' if mode != "none" else ""]
    for number in range(paths):
        where = f'remote = "10.77.{number}.2:{PORT}"' if side == 0 else f"local_port = {PORT}"
        lines.append(f'[[portal.path]]\nname = "p{number}"\ninterface = "link{number}"\n{where}')
    return "\n".join(lines) + "\n"


def _wait(what: str, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError(f"{what}: not within {_PATIENCE:g} s")
        time.sleep(0.05)


class Portals:
    """Two daemons in the two hosts, with a pre-shared key."""

    def __init__(self, hosts: Hosts, folder: Path, mode: str, paths: int) -> None:
        self.folder = folder
        (folder / "psk").write_text(to_text(new_key(os.urandom)) + "\n")
        (folder / "psk").chmod(0o600)
        self.pids = []
        for side, end in enumerate(hosts.ends):
            file = folder / f"{NAMES[side]}.toml"
            file.write_text(_configuration(side, mode, paths))
            up = (sys.executable, "-m", "mpsim", "portal", "up", str(file))
            started = end.start("env", f"{FOLDER_VARIABLES[0]}={folder}", *up, log=folder / f"{NAMES[side]}.log")
            self.pids.append(started.pid)
        _wait("two portals", lambda: all(self._all_up(name) for name in NAMES))

    def _all_up(self, name: str) -> bool:
        try:
            found = ask(self.folder, name)
        except Exception:  # noqa: BLE001  # not there yet
            return False
        return all(path["up"] for portal in found["portals"] for path in portal["paths"])

    def packets(self) -> int:
        """Return how many inner packets both have read from and written to their TUNs."""
        return sum(found["read_packets"] + found["written_packets"] for found in map(self.status, NAMES))

    def status(self, name: str) -> dict[str, object]:
        """Return what a portal tells of itself."""
        return ask(self.folder, name)

    def cpu_s(self) -> float:
        """Return the CPU time of both, their threads and the kernel's work for them included."""
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _transfer(hosts: Hosts, folder: Path, to: str, seconds: float) -> float:
    """Return the goodput (bit/s) of one flow of TCP CUBIC from the first host to an address of the second."""
    here, there = hosts.ends
    server = there.start("iperf3", "-s", "-1", "-p", "5201", log=folder / "server.log")
    _wait("iperf3", lambda: ":5201 " in there.run("ss", "-tln"))
    told = here.run(
        *("iperf3", "-c", to, "-p", "5201", "-C", "cubic", "-t", f"{seconds:g}", "-O", f"{SETTLING:g}", "-J")
    )
    server.wait(_PATIENCE)
    return float(json.loads(told)["end"]["sum_received"]["bits_per_second"])


def tunnelled(mode: str, paths: int, seconds: float, keep: Path | None = None) -> Goodput:
    """Measure one transfer through two fresh portals; keep: where to leave their status afterwards."""
    with tempfile.TemporaryDirectory() as name, Hosts(paths) as hosts:
        portals = Portals(hosts, Path(name), mode, paths)
        packets, cpu = portals.packets(), portals.cpu_s()
        rate = _transfer(hosts, Path(name), INNER[1], seconds)
        packets, cpu = portals.packets() - packets, portals.cpu_s() - cpu
        if keep is not None:
            keep.write_text(json.dumps([portals.status(each) for each in NAMES], indent=1))
        return Goodput(rate, cpu / packets * 1e6)


def direct(seconds: float) -> Goodput:
    """Measure the same transfer past the tunnel."""
    with tempfile.TemporaryDirectory() as name, Hosts(1) as hosts:
        return Goodput(_transfer(hosts, Path(name), "10.77.0.2", seconds))


def lines(repetitions: int, scale: float) -> list[Line]:
    """Return the rows of the table: each mode over one and two paths, against the veth pair alone."""
    reason = missing()
    if reason:
        print(f"goodput of two portals: skipped, {reason}")
        return []
    seconds = max(2.0, SECONDS * scale)
    cases = [(mode, paths) for mode in ("none", "aead", "mac") for paths in (1, 2)]
    found: dict[tuple[str, int], list[Goodput]] = {case: [] for case in cases}
    plain = []
    for _ in range(repetitions):
        plain.append(direct(seconds).rate)
        for case in cases:
            found[case].append(tunnelled(*case, seconds))
    other = median(plain)
    rows = []
    for mode, paths in cases:
        rate = median(each.rate for each in found[mode, paths])
        cost = median(each.cpu_us for each in found[mode, paths])
        name = f"two portals, mode {mode}, {paths} path{'s' * (paths > 1)}"
        told = f"{rate / 1e6:.0f} Mbit/s, {cost:.1f} us a packet and portal"
        rows.append(Line(name, told, f"veth alone {other / 1e6:.0f} Mbit/s", rate / TARGET, 1))
    return rows


def main() -> None:
    """Measure what the arguments say, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.goodput", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--mode", action="append", choices=("none", "aead", "mac"))
    parser.add_argument("--paths", type=int, action="append")
    parser.add_argument("--status", type=Path, help="leave the portals' status of the last transfer in this file")
    options = parser.parse_args()
    reason = missing()
    if reason:
        sys.exit(reason)
    print(f"veth alone: {direct(options.seconds).rate / 1e6:.0f} Mbit/s")
    for mode in options.mode or ("none", "aead", "mac"):
        for paths in options.paths or (1, 2):
            found = tunnelled(mode, paths, options.seconds, options.status)
            print(f"mode {mode}, {paths} path(s): {found.rate / 1e6:.0f} Mbit/s, {found.cpu_us:.1f} us of CPU a packet")


if __name__ == "__main__":
    main()
