"""Who may use this machine, and who a folder: locks that end with the process that holds them, however it ends.

An emulated run measures real time, so it has the machine for itself: it holds the machine's lock alone, while simulated
workers share it. A second lock, the *turn*, is held only while waiting for the first: who waits to be alone keeps
newcomers out, so that it does not wait for as long as there is any simulation to run.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

# Instead of these: a folder that containers on one machine share, say.
FOLDER_VARIABLE = "MPSIM_LOCK_FOLDER"
_SHARED_FOLDERS = (Path("/run/lock"), Path("/tmp"))  # noqa: S108  # one place for all users is the point
_MACHINE, _TURN = "mpsim-machine.lock", "mpsim-turn.lock"
_LONGEST_COMMAND = 60  # characters of a command line that are shown
_log = logging.getLogger(__name__)


@contextmanager
def machine(*, alone: bool) -> Iterator[None]:
    """Hold this machine, alone or among others that share it; whoever has to wait says once for whom."""
    folder = _shared_folder()
    told: list[str] = []
    with ExitStack() as held:
        with _opened(folder / _TURN) as turn:
            place = held.enter_context(_opened(folder / _MACHINE))
            _take(turn, fcntl.LOCK_EX, place, alone, told)
            _take(place, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, place, alone, told)
        yield


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a file that is made where there is none, alone."""
    with _opened(path, mode=0o644) as file:
        _take(file, fcntl.LOCK_EX, file, alone=True, told=[])
        yield


def _take(file: int, how: int, place: int, alone: bool, told: list[str]) -> None:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        # A turn changes hands within microseconds unless somebody waits for one of these.
        holders = _holders(place, only_alone=not alone)
        if holders and not told:
            told.append(f"waiting for {', '.join(holders)}")
            _log.warning(told[0])
        fcntl.flock(file, how)


def _shared_folder() -> Path:
    """Give the first folder that every user may write to: it must not depend on who asks."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    for folder in _SHARED_FOLDERS:
        if folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH:
            return folder
    return _SHARED_FOLDERS[-1]


@contextmanager
def _opened(path: Path, mode: int = 0o666) -> Iterator[int]:
    file = _open(path, mode)
    try:
        yield file
    finally:
        os.close(file)


def _open(path: Path, mode: int) -> int:
    """Open a lock file of whatever user; follow no link that somebody may have laid there."""
    careful = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        try:
            # First without O_CREAT: in a sticky folder the kernel may refuse that for a file of another user.
            file = os.open(path, careful)
        except FileNotFoundError:
            try:
                file = os.open(path, careful | os.O_CREAT | os.O_EXCL, mode)
            except FileExistsError:
                continue
            os.fchmod(file, mode)  # whatever the umask
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
        raise OSError(f"{path} is no file")


def _holders(file: int, *, only_alone: bool) -> list[str]:
    """Tell who holds a lock on an open file, as far as the kernel lets us see (proc_locks(5))."""
    inode = str(os.fstat(file).st_ino)
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        fields = line.split()
        if "->" in fields or len(fields) < 6 or fields[1] != "FLOCK" or fields[5].rpartition(":")[2] != inode:
            continue
        if fields[3] == "WRITE" or not only_alone:
            found.append(_named(int(fields[4])))
    return found


def _named(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        words = []
    command = " ".join(words).strip()
    shown = f"{command[:_LONGEST_COMMAND]}..." if len(command) > _LONGEST_COMMAND else command
    return f"process {pid} ({shown})" if shown else f"process {pid}"
