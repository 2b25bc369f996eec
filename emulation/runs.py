"""What a run leaves behind, and how it is removed: exactly that, and nothing else.

A run lives in namespaces of its own (network, processes, mounts), so that interfaces, namespaces and
children go with its first process. Its folder under /run/mpsim is made before anything else; the
folder's name tells its owner (process id and start time, by which a reused id is found out), and
every process of the run carries that name in its environment. So whoever cleans up can name what
belongs to a dead run without having been there.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/run/mpsim")
MARK = "MPSIM_RUN"
# setpriv: if we die, unshare dies; --kill-child: if unshare dies, the run's first process dies, and
# with the first process of a process namespace the kernel kills all the others.
ISOLATED = (
    "setpriv", "--pdeathsig", "KILL", "--",
    "unshare", "--net", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child=KILL", "--",
)  # fmt: skip
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)")
_START_TIME_FIELD = 22  # of /proc/PID/stat (proc_pid_stat(5))
_DEATH_TIMEOUT = 5.0  # s
_POLL = 0.01  # s

_numbers = itertools.count(1)


class Run:
    """The folder and the mark of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """The mark that every process of the run carries."""
        return self.folder.name

    def environment(self) -> Mapping[str, str]:
        """Return the environment that the run's processes get."""
        return {**os.environ, MARK: self.name}

    def remove(self) -> list[str]:
        """Kill what carries the mark, remove the folder; return what was removed."""
        removed = [f"process {pid} ({command})" for pid, command in _kill_marked(self.name)]
        if self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            removed.append(str(self.folder))
        return removed


@contextmanager
def new_run() -> Iterator[Run]:
    """Register a run of this process; remove all of it at the end, whatever the end is."""
    owner = os.getpid()
    folder = FOLDER / f"{owner}-{start_time(owner)}-{next(_numbers)}"
    folder.mkdir(parents=True, mode=0o700)
    run = Run(folder)
    try:
        yield run
    finally:
        run.remove()


def clean() -> list[str]:
    """Remove what runs left whose owner is dead; return a line for each thing removed."""
    removed: list[str] = []
    for folder in sorted(FOLDER.glob("*")) if FOLDER.is_dir() else []:
        found = _NAME.fullmatch(folder.name)
        if found and start_time(int(found[1])) != int(found[2]):
            removed += Run(folder).remove()
    return removed


def start_time(pid: int) -> int | None:
    """Return when a process started (clock ticks since boot), or None if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the command in parentheses and may hold anything, blanks included.
    fields = text.rpartition(")")[2].split()
    return int(fields[_START_TIME_FIELD - 3])


def marked_processes(name: str) -> list[int]:
    """Return the ids of the processes that carry the mark of a run."""
    mark = f"{MARK}={name}".encode()
    others = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and entry.name != str(os.getpid()))
    return [int(entry.name) for entry in others if _carries(entry, mark)]


def _carries(process: Path, mark: bytes) -> bool:
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False


def _kill_marked(name: str) -> list[tuple[int, str]]:
    """Kill and wait until none is left: a process may have forked while the list was read."""
    killed: dict[int, str] = {}
    deadline = time.monotonic() + _DEATH_TIMEOUT
    while (found := marked_processes(name)) and time.monotonic() < deadline:
        for pid in found:
            command = _kill_if_marked(pid, name)
            if command is not None:
                killed.setdefault(pid, command)
        _wait_until_gone(found, deadline)
    return sorted(killed.items())


def _kill_if_marked(pid: int, name: str) -> str | None:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        # Looked at once more through the handle's lifetime: the id cannot be reused under our hands.
        process = Path(f"/proc/{pid}")
        if not _carries(process, f"{MARK}={name}".encode()):
            return None
        command = (process / "comm").read_text().strip()
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return None
    else:
        return command
    finally:
        os.close(handle)


def _wait_until_gone(pids: list[int], deadline: float) -> None:
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(_POLL)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
