"""One end of a flow of requests and answers over the kernel's TCP (python -m emulation.echo FOLDER INDEX HOST).

The same test as the simulation's (mpsim/hosts/echo.py): `ping` and a number that is used once, answered by
`pong` and the number. The client host opens the connection, as iperf3's does; the flow's direction says
who asks. Both ends are started by the run (echoed.py) and leave what they have counted in its folder.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
from array import array
from pathlib import Path
from typing import Any

from emulation import addresses as at
from emulation.loop import Loop
from emulation.program import Job, announce_ready, leave
from emulation.traffic import Plan, kernel_congestion, plan

PING, PONG = b"ping", b"pong"
NONCE = 8  # bytes
MESSAGE = len(PING) + NONCE
DRAIN = 3.0  # s that an answer has after the last request, as in simulation
CONNECT_TIMEOUT = 10.0  # s
_READ = 65_536  # bytes


class Asker:
    """Sends requests on schedule and checks the answers.

    Parameters
        interval: between two requests, s
        duration: from the first request on, s
    """

    def __init__(self, interval: float, duration: float) -> None:
        self._interval, self._duration = interval, duration
        self._socket: socket.socket | None = None
        self._loop: Loop | None = None
        self._begin = math.inf
        self._unsent = bytearray()
        self._answers = bytearray()
        self._nonces: list[bytes] = []
        self._ending = False
        self.asked = array("d")  # s, when each request was written
        self.answered = array("d")  # s, when its answer was read
        self.mismatches = 0
        self.resets: list[str] = []

    def attach(self, connection: socket.socket, loop: Loop) -> None:
        """Begin to ask over a connection that is there."""
        self._socket, self._loop = connection, loop
        self._begin = loop.now()
        loop.add_reader(connection.fileno(), self.read)

    def step(self, now: float) -> float:
        """Ask if it is time to; return when it is next (s)."""
        due = self._begin + len(self.asked) * self._interval
        while due <= now and due < self._begin + self._duration:
            nonce = os.urandom(NONCE)
            self._nonces.append(nonce)
            self._unsent += PING + nonce
            self._send()
            self.asked.append(now)
            due = self._begin + len(self.asked) * self._interval
        hopeless = self._socket is None
        if self._ending and self._loop is not None and (hopeless or len(self.answered) == len(self.asked)):
            self._loop.stop()
        return due if due < self._begin + self._duration else math.inf

    def finish(self) -> None:
        """Ask no more; end when all is answered, or when nothing is to be expected any more."""
        self._duration, self._ending = 0.0, True
        if self._loop is not None:
            self._loop.call_at(self._loop.now() + DRAIN, lambda _: self._stop())

    def _stop(self) -> None:
        assert self._loop is not None
        self._loop.stop()

    def _send(self) -> None:
        if self._socket is None:
            return
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:  # the buffer is full: with the next request
            return
        except OSError as error:
            self._lose(error.strerror or "error")

    def read(self) -> None:
        """Read answers."""
        assert self._socket is not None
        assert self._loop is not None
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or "error")
            return
        if not data:
            self._lose("closed by the other end")
            return
        now = self._loop.now()
        self._answers += data
        while len(self._answers) >= MESSAGE:
            answer = bytes(self._answers[:MESSAGE])
            del self._answers[:MESSAGE]
            self.mismatches += answer != PONG + self._nonces[len(self.answered)]
            self.answered.append(now)

    def _lose(self, why: str) -> None:
        """The connection is gone; what is asked from now on is never answered."""
        assert self._socket is not None
        assert self._loop is not None
        self.resets.append(why)
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None

    def report(self) -> dict[str, Any]:
        """Return what was measured; times are the monotonic clock's."""
        return {
            "asked": list(self.asked),
            "answered": list(self.answered),
            "mismatches": self.mismatches,
            "resets": self.resets,
            "connected": self._begin < math.inf,
        }


class Answerer:
    """Answers each request as soon as all of it is there."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._loop: Loop | None = None
        self._requests = bytearray()
        self._unsent = bytearray()
        self.answers = 0

    def attach(self, connection: socket.socket, loop: Loop) -> None:
        """Serve a connection that is there."""
        self._socket, self._loop = connection, loop
        loop.add_reader(connection.fileno(), self.read)

    def step(self, now: float) -> float:
        """Nothing is due."""
        del now
        return math.inf

    def finish(self) -> None:
        """End."""
        if self._loop is not None:
            self._loop.stop()

    def read(self) -> None:
        """Read requests and answer them."""
        assert self._socket is not None
        assert self._loop is not None
        try:
            data = self._socket.recv(_READ)
            self._requests += data
            while len(self._requests) >= MESSAGE:
                self._unsent += PONG + self._requests[len(PING) : MESSAGE]
                del self._requests[:MESSAGE]
                self.answers += 1
            if self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:  # the asker counts it
            data = b""
        if not data:
            self._loop.remove_reader(self._socket.fileno())

    def report(self) -> dict[str, Any]:
        """Return how many requests were answered."""
        return {"answers": self.answers}


def open_socket(flow: Plan, host: str) -> socket.socket:
    """Return the TCP socket of one end, bound: of the client, or of the server, which listens."""
    address, port = (
        (flow.client_address, flow.client_port) if host == at.CLIENT else (flow.server_address, flow.server_port)
    )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_MPTCP if flow.multipath else socket.IPPROTO_TCP)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, kernel_congestion(flow.spec).encode())
    opened.bind((address, port))
    if host == at.SERVER:
        opened.listen(1)
    return opened


def serve(flow: Plan, host: str, folder: Path) -> None:
    """Be one end of the flow until told to stop."""
    assert flow.spec.interval is not None
    end = Asker(flow.spec.interval, flow.stop - flow.start) if host == flow.sender else Answerer()
    opened = open_socket(flow, host)
    announce_ready()
    loop = Loop(0.0, end.step)
    wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def told() -> None:
        os.eventfd_read(wake)
        end.finish() if listening.attached else loop.stop()

    loop.add_reader(wake, told)
    signal.signal(signal.SIGTERM, lambda *_: os.eventfd_write(wake, 1))
    listening = _Opening(opened, end, loop)
    if host == at.SERVER:
        loop.add_reader(opened.fileno(), listening.accept)
    else:
        listening.connect((flow.server_address, flow.server_port))
    loop.run()
    leave(folder, name_of(flow, host), end.report())


class _Opening:
    """The connection as it comes to be."""

    def __init__(self, opened: socket.socket, end: Asker | Answerer, loop: Loop) -> None:
        self._socket, self._end, self._loop = opened, end, loop
        self.attached = False

    def connect(self, target: tuple[str, int]) -> None:
        self._socket.settimeout(CONNECT_TIMEOUT)
        try:
            self._socket.connect(target)
        except OSError as error:
            if isinstance(self._end, Asker):
                self._end.resets.append(f"not connected: {error.strerror or error}")
            return
        self._attach(self._socket)

    def accept(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        connection, _ = self._socket.accept()
        self._attach(connection)

    def _attach(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.attached = True
        self._end.attach(connection, self._loop)


def name_of(flow: Plan, host: str) -> str:
    """Return the name of one end's program."""
    return f"echo-{flow.index}-{host}"


if __name__ == "__main__":
    _folder, _index, _host = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    serve(plan(Job.read(_folder)[1])[_index], _host, _folder)
