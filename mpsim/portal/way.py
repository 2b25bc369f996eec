"""One path of an association as its driver has it: by which port, to which address, and whether that works."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Sequence

from mpsim.portal.config import PathSpec
from mpsim.portal.port import Port, mapped, runs, shown_address
from mpsim.portal.sockets import UNAVAILABLE
from mpsim.tunnel.security.cookie import Address

# After a send that failed for want of a route or an interface the path is tried again (s).
RETRY = 0.2
TELL_AGAIN = 1.0  # s
# What concerns one datagram and not its path: too big for the interface, no room in its queue.
PASSING = frozenset({errno.EMSGSIZE, errno.ENOBUFS})
# A path that has been down so long has its name resolved again, and so often from then on (s).
RESOLVE_AFTER, RESOLVE_AGAIN = 2.0, 10.0


class Way:
    """Where a path leads, and what happened to it.

    Parameters
        number: of the path
        spec: what the configuration says of it
        port: its socket
    """

    def __init__(self, number: int, spec: PathSpec, port: Port) -> None:
        self.number, self.spec, self.port = number, spec, port
        self.address: Address | None = None  # where its datagrams go; None: not known yet
        self.was_up, self.told_trouble = False, ""  # what was logged last
        self.trouble = ""  # why sending fails; empty: it does not
        self.leaving: list[bytes] = []  # datagrams that leave with the next `flush`
        self.received = self.sent = self.send_errors = self.unsent = 0
        self._blocked_until = 0.0
        self._asking = False
        self._asked_at = 0.0
        self._told_of_move = -math.inf

    def usable(self, now: float) -> bool:
        """Return whether a datagram can be sent on it."""
        return self.address is not None and self.port.usable and now >= self._blocked_until

    def reason(self) -> str:
        """Return why it is not up, for people."""
        if self.port.trouble or self.trouble:
            return self.port.trouble or self.trouble
        if self.address is not None:
            return "no answer"
        return f"{self.spec.remote.host}: no address" if self.spec.remote is not None else "nobody came"

    def send(self, data: bytes, to: Address | None, now: float) -> bool:
        """Send a datagram; False: the way there has gone."""
        return self._send([data], to or self.address, now)

    def flush(self, now: float) -> bool:
        """Send what was put into `leaving`; False: the way there has gone."""
        leaving, self.leaving = self.leaving, []
        goes = True
        for run in runs(leaving):
            goes = self._send(run, self.address, now) and goes
        return goes

    def _send(self, run: Sequence[bytes], address: Address | None, now: float) -> bool:
        if address is None:
            self.unsent += len(run)
            return True
        try:
            self.port.send_run(run, address)
        except BlockingIOError:
            self.unsent += len(run)
        except OSError as error:
            self.send_errors += len(run)
            if error.errno in PASSING:
                return True
            self.trouble = f"cannot send: {os.strerror(error.errno or 0)}"
            if error.errno in UNAVAILABLE:
                self._blocked_until = now + RETRY
                return False
        else:
            self.sent += len(run)
            if self.trouble:
                self.trouble = ""
        return True

    def wants_address(self, now: float, down_since: float) -> bool:
        """Return whether the name of its other end is to be resolved now; if so, count on an answer."""
        remote = self.spec.remote
        if remote is None or remote.literal is not None or self._asking:
            return False
        due = 0.0 if self.address is None and not self._asked_at else max(
            down_since + RESOLVE_AFTER, self._asked_at + (RESOLVE_AFTER if self.address is None else RESOLVE_AGAIN)
        )  # fmt: skip
        if now < due:
            return False
        self._asking, self._asked_at = True, now
        return True

    def resolved(self, hosts: Sequence[str], *, up: bool) -> bool:
        """Take a name's addresses; return whether the path leads elsewhere now. One that is up stays."""
        self._asking = False
        remote = self.spec.remote
        if remote is None or not hosts or (up and self.address is not None):
            return False
        found = [
            (mapped(host, dual=self.port.dual), remote.port) for host in hosts if self.port.dual or ":" not in host
        ]
        if not found:
            return False
        # The one after the last that did not answer, around.
        position = found.index(self.address) + 1 if self.address in found else 0
        before, self.address = self.address, found[position % len(found)]
        return before != self.address

    def may_tell_of_move(self, now: float) -> bool:
        """Return whether it is to be told that it leads elsewhere: not again within a second."""
        told, self._told_of_move = self._told_of_move, now
        return now - told >= TELL_AGAIN

    def lead_anew(self) -> None:
        """Forget where it leads: the configuration says something else now."""
        self.address = None
        self._asking, self._asked_at = False, 0.0

    def describe(self) -> str:
        """Return where it leads, for people."""
        return shown_address(self.address)
