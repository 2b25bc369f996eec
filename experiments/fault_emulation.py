"""A transfer under faults in emulation: `mpsim portal up` twice, in two network namespaces with cables of ours.

`emulate` starts this file as the first process of namespaces of its own (python -m experiments.fault_emulation FOLDER
KIND REPETITION BYTES), so that nothing outlives it; the record of the run is left in the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeVar

import mpsim
from emulation.doctor import gaps
from emulation.runs import ISOLATED
from emulation.waiting import wait_for_line, wait_until
from experiments import fault_transfer
from experiments.fault_cables import Cables, interface, ip
from experiments.fault_plans import BY_NAME, BYTES, EVERY, HOME, HORIZON, HOSTED, Change, Kind, Record
from mpsim import locks
from mpsim.errors import WorldError
from mpsim.portal.runtime import FOLDER_VARIABLES, ask
from mpsim.tunnel.security.keys import new_key, to_text
from mpsim.tunnel.security.primitives import public_of

INNER = {HOME: "172.19.152.2", HOSTED: "172.19.152.1"}
PORT, SERVED = 4725, 8080
START_TIMEOUT, STOP_TIMEOUT = 30.0, 10.0  # s
LONGEST_EXTRA = 90.0  # s beside the transfer
RECORD = "record.json"
OTHER = {HOME: HOSTED, HOSTED: HOME}
AnyCables = TypeVar("AnyCables", bound=Cables)


def emulate(kind: Kind, repetition: int, size: int = BYTES) -> Record:
    """Run one transfer of `size` bytes, alone on this machine. Raises WorldError where that is not possible."""
    found = isolated("experiments.fault_emulation", kind.name, str(repetition), str(size))
    return Record(**found) if "problem" in found else Record(False, None, None, {}, found["error"])


def isolated(module: str, *arguments: str, longest: float = HORIZON) -> dict[str, Any]:
    """Run a module in namespaces of its own, with a folder and these arguments; return the record that it leaves.

    longest: s, beside the time that it takes to begin and to end. Where it leaves none, its "error" is why.
    Raises WorldError where nothing can be emulated.
    """
    missing = gaps()
    if missing:
        raise WorldError(f"emulation needs {missing[0].name}: {missing[0].detail}; {missing[0].remedy}")
    with locks.machine(alone=True), TemporaryDirectory() as folder:
        command = [*ISOLATED, sys.executable, "-m", module, folder, *arguments]
        root = str(Path(mpsim.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=longest + LONGEST_EXTRA, check=False
        )
        record = Path(folder, RECORD)
        if not record.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return {"error": f"the run ended with status {done.returncode}: {last}"}
        found: dict[str, Any] = json.loads(record.read_text())
        return found


class Portals:
    """The two daemons.

    Parameters
        folder: for keys, configurations and logs
        stack: what ends them
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.identities: dict[str, bytes] = {}
        publics = {}
        for end in INNER:
            key = new_key(os.urandom)
            file = folder / f"{end}.key"
            file.touch(mode=0o600)
            file.write_text(f"{to_text(key)}\n")
            self.identities[end] = public_of(key)
            publics[end] = to_text(self.identities[end])
        for end, other in OTHER.items():
            (folder / f"{end}.toml").write_text(_configuration(end, other, publics[other]))
            self.start(end)
        stack.callback(self.stop)

    def start(self, end: str) -> None:
        """Start one."""
        with (self._folder / f"{end}.log").open("ab") as log:
            self._running[end] = subprocess.Popen(
                in_namespace(end, sys.executable, "-m", "mpsim", "portal", "up", str(self._folder / f"{end}.toml")),
                env={**os.environ, FOLDER_VARIABLES[0]: str(self._folder / f"run-{end}")},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )

    def restart(self, end: str) -> None:
        """Kill one, and start it again."""
        self._running[end].kill()
        self._running[end].wait(STOP_TIMEOUT)
        self.start(end)

    def pid(self, end: str) -> int:
        """Return the process of one."""
        return self._running[end].pid

    def status(self, end: str) -> dict[str, Any]:
        """Return what one tells of itself."""
        return ask(self._folder / f"run-{end}", f"mps-{end}")

    def up(self) -> bool:
        """Whether both say that every path is up."""
        try:
            found = [self.status(end) for end in INNER]
        except WorldError:
            return False
        return all(path["up"] for one in found for portal in one["portals"] for path in portal["paths"])

    def rejected(self) -> dict[str, int]:
        """Return how many datagrams both have refused in their present lives, by cause."""
        total: dict[str, int] = {}
        for end in INNER:
            for cause, count in self.status(end)["portals"][0]["rejected"].items():
                total[cause] = total.get(cause, 0) + count
        return total

    def complaints(self) -> list[str]:
        """Return what the logs say of exceptions."""
        logs = [(self._folder / f"{end}.log").read_text(errors="replace") for end in INNER]
        return [line for log in logs for line in log.splitlines() if "Traceback" in line or "Error" in line]

    def stop(self) -> None:
        """End both."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(STOP_TIMEOUT)


def _configuration(end: str, other: str, public: str) -> str:
    lines = [
        "[host]",
        f'name = "mps-{end}"',
        f'address = ["{INNER[end]}/24"]',
        f'private_key_file = "{end}.key"',
        "[[portal]]",
        f'name = "{other}"',
        f'public_key = "{public}"',
        f'routes = ["{INNER[other]}/32"]',
    ]
    for path in EVERY:
        lines += ["[[portal.path]]", f'name = "path{path}"', f'interface = "{interface(end, path)}"']
        lines.append(f'remote = "10.78.{path}.2:{PORT}"' if end == HOME else f"local_port = {PORT}")
    return "\n".join(lines) + "\n"


def in_namespace(end: str, *command: str) -> list[str]:
    """Return a command that runs in a portal's namespace."""
    return ["ip", "netns", "exec", end, *command]


@contextmanager
def joined(make: Callable[[], AnyCables], folder: Path) -> Iterator[tuple[AnyCables, Portals]]:
    """Join two portals by cables, in namespaces that are ours alone; raises WorldError if the tunnel stays down."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    for end in INNER:
        ip("netns", "add", end)
        ip("-n", end, "link", "set", "dev", "lo", "up")
    with ExitStack() as stack:
        cables = make()
        stack.callback(cables.close)
        portals = Portals(folder, stack)
        if not wait_until(portals.up, START_TIMEOUT):
            raise WorldError(f"the tunnel does not come up: {portals.complaints()}")
        yield cables, portals


def transfer(kind: Kind, repetition: int, size: int, folder: Path) -> Record:
    """Run one transfer between portals of its own."""
    try:
        with joined(lambda: Cables(kind, repetition), folder) as (cables, portals), ExitStack() as stack:
            client = begin(stack, repetition, size)
            problem = _play(kind.changes, client, cables, portals)
            return outcome(client, repetition, size, portals, problem)
    except WorldError as error:
        return Record(False, None, None, {}, str(error))


def begin(stack: ExitStack, seed: int, size: int) -> subprocess.Popen[bytes]:
    """Let a transfer begin; return the end that takes it. Raises WorldError."""
    server = _start(stack, HOSTED, "serve", str(SERVED), str(seed), str(size))
    if not wait_for_line(_output(server), "ready", START_TIMEOUT):
        raise WorldError("the server does not start")
    client = _start(stack, HOME, "fetch", INNER[HOSTED], str(SERVED))
    if not wait_for_line(_output(client), fault_transfer.BEGAN, START_TIMEOUT):
        raise WorldError("nothing arrives")
    return client


def outcome(client: subprocess.Popen[bytes], seed: int, size: int, portals: Portals, problem: str) -> Record:
    """Return what became of a transfer that is over."""
    told = json.loads(_output(client).read() or b"{}")
    expected = hashlib.sha256(fault_transfer.contents(seed, size)).hexdigest()
    problem = "; ".join(filter(None, (problem, *portals.complaints())))
    whole = told.get("hash") == expected and not problem
    return Record(whole, told.get("duration_s"), told.get("stall_s"), portals.rejected(), problem)


def _play(changes: Sequence[Change], client: subprocess.Popen[bytes], cables: Cables, portals: Portals) -> str:
    """Let everything happen in its time while the transfer goes on; return why it did not end, if it did not."""
    start = time.monotonic()
    acts: dict[str, Callable[[Any], None]] = {
        "restart": portals.restart,
        **{name: getattr(cables, name) for name in ("delete", "make", "readdress", "rebind", "block", "unblock")},
    }
    for change in sorted(changes, key=lambda change: change.at):
        if ended(client, start + change.at - time.monotonic()):
            return ""
        acts[change.what](change.where)
    if not ended(client, start + HORIZON - time.monotonic()):
        client.kill()
        return f"not at its end after {HORIZON:g} s"
    return ""


def ended(client: subprocess.Popen[bytes], timeout: float) -> bool:
    """Whether a transfer ends within a time (s)."""
    try:
        client.wait(max(0.0, timeout))
    except subprocess.TimeoutExpired:
        return False
    return True


def _start(stack: ExitStack, end: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = in_namespace(end, sys.executable, "-m", "experiments.fault_transfer", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    stack.callback(process.kill)
    return process


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None  # a pipe was asked for
    return process.stdout


def main(folder: Path, name: str, repetition: int, size: int) -> None:
    """Do one run and leave its record."""
    record = transfer(BY_NAME[name], repetition, size, folder)
    (folder / RECORD).write_text(json.dumps(asdict(record)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
