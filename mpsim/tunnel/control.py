"""What the two ends tell each other beside data: feedback, probes, and what not to wait for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpsim.tunnel.announcing import announcements
from mpsim.tunnel.datagrams import FLAG_REPLY, Feedback, Probe, Skip
from mpsim.tunnel.dispatch import Dispatch
from mpsim.tunnel.incoming import Incoming
from mpsim.tunnel.path import Path
from mpsim.tunnel.way_back import fastest
from mpsim.tunnel.wire import MICROSECONDS, microseconds

if TYPE_CHECKING:
    from mpsim.tunnel.security.exchange import Exchange

# Since data came by a path, an answer to a question about it comes with feedback for as long as this (s).
TOLD_AGAIN = 5.0


class Control:
    """Makes the control datagrams of an endpoint, and puts them to what leaves.

    No window holds them back; each path numbers its own apart from data.

    Parameters
        dispatch: the sending half, which knows the paths and what leaves
        incoming: the receiving half, which knows what there is to acknowledge
        epoch: this session's number
        guard: without its keys nothing can leave; None: there is none
        fastest: whether feedback goes by the fastest path, not by the one that it is about
    """

    __slots__ = ("_dispatch", "_epoch", "_fastest", "_guard", "_incoming")

    def __init__(
        self, dispatch: Dispatch, incoming: Incoming, *, epoch: int, guard: Exchange | None, fastest: bool = False
    ) -> None:
        self._dispatch = dispatch
        self._incoming = incoming
        self._epoch = epoch
        self._guard = guard
        self._fastest = fastest

    def send_feedback(self, path: Path, now: float) -> None:
        """Send feedback about a path."""
        # By its own path, unless that is down in this direction and another is not.
        eligible = self._dispatch.eligible
        carrier = path if path.up or not eligible else eligible[0]
        if self._fastest and eligible:
            carrier = fastest(eligible, now)
        self._tell(path, carrier, now)

    def _tell(self, path: Path, carrier: Path, now: float) -> None:
        number = carrier.next_control
        carrier.next_control = number + 1
        self._send(
            carrier,
            self._incoming.feedback(
                path.index, carrier.index, epoch=self._epoch, sequence=number, overhead=carrier.overhead, now=now
            ),
        )

    def send_probe(self, path: Path, number: int, now: float, padding: int = 0) -> None:
        """Ask a question about a path; padding: bytes that make it as long as what is asked for."""
        self._probe(path, now, number, 0, 0, padding)

    def answer(self, question: Probe, path: Path, now: float, *, known: bool = True) -> None:
        """Answer a question that came by a path; known: by the life of the other end that we have feedback for."""
        # Feedback first, and by the same path: what it does not cover by the time of the reply has been lost before.
        # The last one may be lost, or on a slower path: therefore also where nothing is new.
        if known and self._incoming.receivers[path.index].last_data > now - TOLD_AGAIN:
            self._tell(path, path, now)
        self._probe(path, now, question.number, question.sent_us, FLAG_REPLY)

    def send_skips(self, packets: Sequence[tuple[int, int]], now: float) -> None:
        """Tell the other end not to wait for these packets (class, tunnel sequence)."""
        eligible = self._dispatch.eligible
        carrier = eligible[0] if eligible else self._dispatch.paths[0]
        for skip in announcements(packets, carrier, self._epoch, now):
            self._send(carrier, skip)

    def _probe(self, path: Path, now: float, number: int, echo_us: int, flags: int, padding: int = 0) -> None:
        sequence = path.next_control
        path.next_control = sequence + 1
        srtt_us = int(path.srtt * MICROSECONDS)
        probe = Probe(
            self._epoch,
            path.index,
            sequence,
            microseconds(now),
            number,
            echo_us,
            srtt_us,
            flags,
            path.overhead,
            padding,
        )
        self._send(path, probe)

    def _send(self, path: Path, datagram: Feedback | Skip | Probe) -> None:
        if self._guard is not None and not self._guard.ready:
            return  # there is nothing yet to seal it by
        path.control_datagrams += 1
        path.control_bytes += datagram.size
        path.budget -= datagram.size
        self._dispatch.out.append(datagram)
