"""Does an emulated run know when it may not be believed? Runs disturbed on purpose, and runs left alone.

    sudo .venv/bin/python -m experiments.sabotage [--runs N] [--quick]

Criterion: every disturbed run is marked invalid, and at least nine of ten undisturbed ones are not.
Nothing but the run's own processes and interfaces is touched; the hogs are children of this program.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from emulation.addresses import PORTALS, TUNNEL_INTERFACE, access_interface
from emulation.machine import Load, snapshot
from emulation.run import world
from emulation.runs import FOLDER, marked_processes
from emulation.sockets import BUFFER_VARIABLE
from emulation.waiting import wait_until
from mpsim.scenario import Scenario, parse

WARMUP, DURATION = 1.5, 6.0  # s
STOP = 0.4  # s that a process is stopped
START_TIMEOUT = 30.0  # s
LEAST_BELIEVED = 0.9  # of the undisturbed runs
# A run that others disturb is not undisturbed: before each one the machine has to be quiet for a second.
QUIET = 0.85  # idle ratio
QUIET_TIMEOUT = 120.0  # s

SCENARIO = {
    "schema": 1,
    "name": "sabotage",
    "warmup": f"{WARMUP}s",
    "duration": f"{DURATION}s",
    "tunnel": {},
    "link": [{"name": name, "rate": "8Mbit", "delay": "10ms"} for name in ("a", "b")],
    "flow": [{"kind": "tcp"}, {"kind": "ping", "direction": "outbound"}],
}

Disturbance = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One way to disturb a run."""

    name: str
    disturb: Disturbance | None = None  # called when the flows run
    hogs: int = 0  # busy processes, for the whole run
    environment: Mapping[str, str] | None = None


def _processes(word: str) -> list[int]:
    """Return the processes of our run whose command line contains `word`."""
    found = []
    for folder in FOLDER.glob(f"{os.getpid()}-*"):
        for pid in marked_processes(folder.name):
            with suppress(OSError):
                if word in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                    found.append(pid)
    return found


def _stop(word: str) -> Disturbance:
    def disturb() -> None:
        pids = _processes(word)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        threading.Event().wait(STOP)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    return disturb


def _short_queue(side: str, interfaces: Sequence[str]) -> Disturbance:
    """Let one packet wait in a TUN or TAP where a burst would be let through."""

    def disturb() -> None:
        portal = _processes(f"emulation.portal {next(FOLDER.glob(f'{os.getpid()}-*'))} {side}")[0]
        for interface in interfaces:
            command = ["ip", "link", "set", "dev", interface, "txqueuelen", "1"]
            subprocess.run(["nsenter", "-t", str(portal), "-n", *command], check=True, timeout=10)

    return disturb


def cases() -> list[Case]:
    """Return the ten ways to disturb a run."""
    cores = os.cpu_count() or 1
    access = {side: [access_interface(side, link) for link in range(2)] for side in PORTALS}
    return [
        *(Case(f"{times * cores} CPU hogs", hogs=times * cores) for times in (1, 2, 4)),
        Case("link process stopped", _stop("emulation.links")),
        Case("portals stopped", _stop("emulation.portal")),
        Case("iperf3 stopped", _stop("iperf3 -c")),
        Case("iperf3's server stopped", _stop("iperf3 -s")),
        Case("TUN queue of one packet", _short_queue("remote", [TUNNEL_INTERFACE])),
        Case("TAP queues of one packet", _short_queue("remote", access["remote"])),
        Case("UDP receive buffers of one datagram", environment={BUFFER_VARIABLE: "1"}),
    ]


@contextmanager
def _disturbed(case: Case) -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(case.hogs)]
    before = dict(os.environ)
    os.environ.update(case.environment or {})
    disturber = threading.Thread(target=_when_flows_run, args=(case.disturb,))
    disturber.start()
    try:
        yield
    finally:
        disturber.join()
        os.environ.clear()
        os.environ.update(before)
        for hog in hogs:
            hog.kill()
            hog.wait()


def _when_flows_run(disturb: Disturbance | None) -> None:
    if disturb is None or not wait_until(lambda: bool(_processes("iperf3 -c")), START_TIMEOUT):
        return
    threading.Event().wait(WARMUP + DURATION / 3)
    disturb()


def _is_quiet() -> bool:
    begin = snapshot({})
    threading.Event().wait(1.0)
    return Load.between(begin, snapshot({})).idle >= QUIET


def judge(case: Case, scenario: Scenario) -> list[str]:
    """Run once under a disturbance; return why the run says it is not to be believed."""
    with _disturbed(case):
        return world.run(scenario).invalid_reasons


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line a run and the verdict; 0: the criterion is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="undisturbed runs (10)")
    parser.add_argument("--quick", action="store_true", help="three disturbances and two undisturbed runs")
    options = parser.parse_args(arguments)
    disturbed = cases()[1::3] if options.quick else cases()
    runs = 2 if options.quick else options.runs
    scenario = parse(SCENARIO)
    marked = 0
    for case in disturbed:
        reasons = judge(case, scenario)
        marked += bool(reasons)
        print(f"{'marked' if reasons else 'MISSED':8}{case.name}: {'; '.join(reasons) or 'believed'}", flush=True)
    believed = 0
    for _ in range(runs):
        if not wait_until(_is_quiet, QUIET_TIMEOUT):
            print("somebody else keeps this machine busy; the next run is not undisturbed", flush=True)
        reasons = judge(Case("undisturbed"), scenario)
        believed += not reasons
        print(f"{'marked' if reasons else 'believed':10}undisturbed {'; '.join(reasons)}", flush=True)
    print(f"{marked} of {len(disturbed)} disturbed runs marked; {believed} of {runs} undisturbed runs believed")
    return 0 if marked == len(disturbed) and believed >= LEAST_BELIEVED * runs else 1


if __name__ == "__main__":
    raise SystemExit(main())
