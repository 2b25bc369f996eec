"""The machine's lock: many share it, one has it alone, and whoever waits to be alone is let in."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mpsim import locks

HOLD = """
import sys
from mpsim import locks
with locks.machine(alone=sys.argv[1] == "alone"):
    print("held", flush=True)
    sys.stdin.read()
print("left", flush=True)
"""


pytestmark = pytest.mark.usefixtures("own_locks")


@contextmanager
def another(how: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process ask for the machine, until its standard input is closed."""
    command = [sys.executable, "-c", HOLD, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def wait_until_it_waits(process: subprocess.Popen[str]) -> None:
    """Return when the kernel lists a process among those that wait for a lock (proc_locks(5))."""
    while not any("->" in line and f" {process.pid} " in line for line in Path("/proc/locks").read_text().splitlines()):
        assert process.poll() is None
        threading.Event().wait(0.01)


def test_many_share() -> None:
    with another("shared") as other, locks.machine(alone=False):
        assert line_of(other) == "held\n"


def test_who_waits_says_once_for_whom(caplog: pytest.LogCaptureFixture) -> None:
    with another("alone") as other:
        assert line_of(other) == "held\n"
        assert other.stdin is not None
        with caplog.at_level(logging.WARNING):
            # Somebody else lets it go as soon as it is told for whom we wait.
            class Ender(logging.Handler):
                def emit(self, record: logging.LogRecord) -> None:
                    assert other.stdin is not None
                    other.stdin.close()

            ender = Ender()
            logging.getLogger("mpsim.locks").addHandler(ender)
            try:
                with locks.machine(alone=False):
                    assert line_of(other) == "left\n"
            finally:
                logging.getLogger("mpsim.locks").removeHandler(ender)
    (told,) = caplog.messages
    assert told.startswith(f"waiting for process {other.pid} ({sys.executable}")


def test_who_waits_to_be_alone_keeps_newcomers_out() -> None:
    with another("shared") as first:
        assert line_of(first) == "held\n"
        with another("alone") as second:
            wait_until_it_waits(second)
            with another("shared") as third:
                wait_until_it_waits(third)
                assert first.stdin is not None
                first.stdin.close()
                assert line_of(second) == "held\n"
                assert second.stdin is not None
                second.stdin.close()
                assert line_of(third) == "held\n"


def test_ends_with_its_process() -> None:
    with another("alone") as other:
        assert line_of(other) == "held\n"
        other.kill()
        with locks.machine(alone=True):
            assert other.wait() < 0


def test_follows_no_link_and_opens_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=name), locks.only_one(tmp_path / name):
            raise AssertionError("it was held")


def test_every_user_may_use_the_file(own_locks: Path) -> None:
    before = os.umask(0o077)
    try:
        with locks.machine(alone=True):
            assert {path.stat().st_mode & 0o777 for path in own_locks.glob("*.lock")} == {0o666}
    finally:
        os.umask(before)


def test_folder_does_not_depend_on_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, everybodys = tmp_path / "mine", tmp_path / "everybodys"
    monkeypatch.delenv(locks.FOLDER_VARIABLE)
    for folder, mode in ((mine, 0o755), (everybodys, 0o777)):
        folder.mkdir()
        folder.chmod(mode)
    monkeypatch.setattr(locks, "_SHARED_FOLDERS", (tmp_path / "none", mine, everybodys))
    assert locks._shared_folder() == everybodys


def test_only_one_in_a_folder(tmp_path: Path) -> None:
    with locks.only_one(tmp_path / "one.lock"):
        file = os.open(tmp_path / "one.lock", os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(file)
