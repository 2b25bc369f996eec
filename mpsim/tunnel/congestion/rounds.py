"""Parts that algorithms with a model of the path have in common: rounds, and when the pipe is full."""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample

# draft-ietf-ccwg-bbr, section 5.3.1.2; Linux tcp_bbr.c: bbr_full_bw_thresh, bbr_full_bw_cnt.
FULL_GROWTH = 1.25
FULL_ROUNDS = 3


class Rounds:
    """Packet-timed round trips: one ends when something sent after its beginning is delivered.

    count: so many began; started: the last acknowledgement began one.
    """

    __slots__ = ("_next", "count", "started")

    def __init__(self) -> None:
        self.count = 0
        self.started = False
        self._next = 0

    def on_acked(self, sample: AckSample) -> None:
        """See whether this acknowledgement begins a round."""
        self.started = sample.prior_delivered >= self._next
        if self.started:
            self.count += 1
            self._next = sample.delivered

    def begin(self, delivered: int) -> None:
        """Let the next round end not before what is sent from now on is delivered; `delivered` bytes are so far."""
        self._next = delivered


class FullPipe:
    """Whether more in flight has given no more bandwidth for some rounds: then the pipe is full."""

    __slots__ = ("_best", "_rounds", "reached")

    def __init__(self) -> None:
        self.reached = False
        self._best = 0.0
        self._rounds = 0

    def look(self, rate: float, *, round_started: bool) -> None:
        """Take a rate in bit/s that no lack of data has limited."""
        if rate >= FULL_GROWTH * self._best:
            self._best = rate
            self._rounds = 0
        elif round_started:
            self._rounds += 1
            self.reached = self.reached or self._rounds >= FULL_ROUNDS

    def again(self, rate: float = 0.0) -> None:
        """Look anew, from a rate on."""
        self.reached = False
        self._best = rate
        self._rounds = 0
