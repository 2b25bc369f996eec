"""Who makes the runs of a sweep: one small interface, and the processes of this machine behind it.

A worker gets a run as plain data and gives a row. It starts in the root folder, without anything of the process that
asked but its environment, so what works here works on another machine that has the files a scenario names (runs.py).
Somebody may kill any worker at any moment: its run is tried once more by a new one, and the others notice nothing. If
the process that asked is killed, its workers find the pipe to it closed, and end.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol

import mpsim
from mpsim.errors import WorldError
from mpsim.runs import Run, make
from mpsim.store import Row

# A run whose worker is killed is tried so often; it may be what kills them (all memory taken, say).
TRIES = 2
# Ending an emulated run in order takes a moment.
LONGEST_END = 20.0  # s
# The first message of a worker about each run.
_READY = "ready"


class Watch(Protocol):
    """Who is told what workers are at."""

    def started(self, run: Run) -> None:
        """A worker has begun a run."""

    def said(self, text: str) -> None:
        """A worker has something to tell, such as that it waits for the machine."""


class Workers(Protocol):
    """Where runs are made: processes of this machine, or a cluster's engine."""

    def rows(self, runs: Sequence[Run], watch: Watch) -> Generator[Row, None, None]:
        """Make every run and give its row as soon as it has ended, in whatever order.

        A run that cannot be made gives a row with its error. Closing the generator stops what is under way.
        """


class LocalWorkers:
    """Processes of this machine, ``jobs`` side by side."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def rows(self, runs: Sequence[Run], watch: Watch) -> Generator[Row, None, None]:
        todo = deque((run, 1) for run in runs)
        crew: list[_Worker] = []
        try:
            while todo or any(worker.run for worker in crew):
                while todo and len(crew) < self.jobs:
                    crew.append(_Worker())
                    crew[-1].give(*todo.popleft())
                for worker in _with_news(crew):
                    yield from _heard(worker, todo, watch)
                    if worker.gone:
                        crew.remove(worker)
                    elif worker.run is None and todo:
                        worker.give(*todo.popleft())
        finally:
            _dismiss(crew)


class _Worker:
    """A process that makes one run after the other, seen from the process that asks."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.tried = 0
        self.gone = False
        self._ready = False
        self.pipe, theirs = Pipe()
        code = f"from mpsim.workers import serve; serve({theirs.fileno()})"
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a user's algorithm prints; standard output belongs to the command
                cwd="/",
                env={**os.environ, "PYTHONPATH": _absolute_path()},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C is for the process that asks
            )
        finally:
            theirs.close()

    def give(self, run: Run, tried: int) -> None:
        """Hand over the next run; a worker that has died meanwhile is found out when it is listened to."""
        self.run, self.tried = run, tried
        try:
            self.pipe.send(run)
        except OSError:
            return

    def hear(self) -> Row | str | None:
        """Take the next message; None: the worker is no more. Raises WorldError if none can be started."""
        try:
            told: Row | str = self.pipe.recv()
        except (EOFError, OSError):
            self.gone = True
            self.pipe.close()
            status = self.process.wait()
            if status > 0 and not self._ready:
                raise WorldError(f"no worker can be started (status {status}; its error is above)") from None
            return None
        self._ready = True
        return told


def _with_news(crew: Sequence[_Worker]) -> list[_Worker]:
    heard = wait([worker.pipe for worker in crew])
    return [worker for worker in crew if worker.pipe in heard]


def _heard(worker: _Worker, todo: deque[tuple[Run, int]], watch: Watch) -> Iterator[Row]:
    run, told = worker.run, worker.hear()
    if isinstance(told, Row):
        worker.run = None
        yield told
    elif run is None:
        return
    elif told == _READY:
        watch.started(run)
    elif told is not None:
        watch.said(told)
    elif worker.tried < TRIES:
        watch.said(f"the worker of {run.label} ended ({_how(worker)}); it is tried again")
        todo.appendleft((run, worker.tried + 1))
    else:
        error = f"its worker process ended, {worker.tried} times ({_how(worker)})"
        yield Row(run.key, run.label, run.world, run.seed, error=error)


def _how(worker: _Worker) -> str:
    status = worker.process.returncode
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def _dismiss(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.pipe.close()
    for worker in crew:
        try:
            worker.process.wait(LONGEST_END)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def _absolute_path() -> str:
    """Give a PYTHONPATH on which the very sources are found that run here, from whatever folder."""
    inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    root = Path(mpsim.__file__).resolve().parents[1]
    return os.pathsep.join([str(root), *(str(Path(one).resolve()) for one in inherited)])


# The other end: what runs in the worker's process.


def serve(pipe: int) -> None:
    """Make the runs that come over the pipe with this file number, until it is closed."""
    connection: Connection[Row | str, Run] = Connection(pipe)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))  # so that a run under way is cleaned up
    _tell_through(connection)
    runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, runs), daemon=True).start()
    while True:
        run = runs.get()
        try:
            connection.send(_READY)
            connection.send(make(run))
        except OSError:  # whoever asked is gone
            return


def _receive(connection: Connection[Row | str, Run], runs: queue.SimpleQueue[Run]) -> None:
    """Listen all the time: a run may take long, and whoever asked for it may be gone."""
    while True:
        try:
            runs.put(connection.recv())
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(LONGEST_END / 2)
            os._exit(1)  # a run that cannot be interrupted


def _tell_through(connection: Connection[Row | str, Run]) -> None:
    """Let warnings of this process reach the one that shows progress."""

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            connection.send(record.getMessage())

    log = logging.getLogger("mpsim")
    log.addHandler(Teller(logging.WARNING))
    log.propagate = False
