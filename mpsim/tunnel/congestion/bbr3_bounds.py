"""What losses say in BBR, version 3, about how much may be in flight: draft-ietf-ccwg-bbr, sections 5.5.8 to 5.5.10."""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.congestion.rounds import Rounds

LOSS_THRESHOLD = 0.02  # of what was in flight: more is too much
BETA = 0.7  # what a cut leaves
HEADROOM = 0.15  # of the long-term bound, left to others

_INFINITY = float("inf")


class Sendings:
    """What was in flight, and lost before, as each packet was sent; all in bytes.

    in_flight, lost: as the newest acknowledged packet was sent, itself counted.
    """

    __slots__ = ("_sent", "in_flight", "lost")

    def __init__(self) -> None:
        self.in_flight = 0
        self.lost = 0
        self._sent: deque[tuple[float, int, int]] = deque()

    def on_sent(self, now: float, in_flight: int, lost: int) -> None:
        """Take note of a packet that leaves at `now` (s)."""
        self._sent.append((now, in_flight, lost))

    def on_acked(self, sent_time: float) -> None:
        """Forget what is older than the newest acknowledged."""
        sent = self._sent
        while sent and sent[0][0] <= sent_time:
            _, self.in_flight, self.lost = sent.popleft()


class ShortTerm:
    """Bounds by the last rounds that lost something: rate in bit/s, window in bytes; infinite while unknown."""

    __slots__ = ("_delivered", "_rate", "_rounds", "lossy", "rate", "round_over", "window")

    def __init__(self) -> None:
        self.forget()
        self.round_over = False  # by the last acknowledgement
        self.lossy = False  # something was lost in this round
        self._rounds = Rounds()
        self._rate = 0.0  # largest of this round
        self._delivered = 0  # within a packet's flight, largest of this round, bytes

    def forget(self) -> None:
        """Take the bounds away."""
        self.rate = self.window = _INFINITY

    @property
    def delivered(self) -> int:
        """The most that was delivered within a packet's flight in this round, bytes."""
        return self._delivered

    def on_acked(self, sample: AckSample) -> None:
        """Take what an acknowledgement shows."""
        self._rate = max(self._rate, sample.delivery_rate or 0.0)
        self._delivered = max(self._delivered, sample.delivered - sample.prior_delivered)
        self._rounds.on_acked(sample)
        self.round_over = self._rounds.started

    def end_round(self, sample: AckSample, *, bandwidth: float, cwnd: float, probing: bool) -> None:
        """At the end of a round that lost something come down, but not below what was delivered in it."""
        if self.lossy and not probing:
            rate = min(self.rate, bandwidth)
            window = min(self.window, cwnd)
            self.rate = max(self._rate, BETA * rate)
            self.window = max(float(self._delivered), BETA * window)
        self.lossy = False
        self._rate = sample.delivery_rate or 0.0
        self._delivered = sample.delivered - sample.prior_delivered


class LongTerm:
    """The most that was in flight without losing too much, bytes, and how it is raised while the path is probed."""

    __slots__ = ("_acked", "_step", "_steps", "window")

    def __init__(self) -> None:
        self.window = _INFINITY
        self.begin_slope()

    def begin_slope(self) -> None:
        """Begin to raise it slowly."""
        self._steps = 0
        self._step = _INFINITY  # bytes acknowledged for one packet more
        self._acked = 0

    def steepen(self, cwnd: float, mss: int) -> None:
        """Raise it by twice as many packets a round as in the last one."""
        self._step = max(cwnd / 2**self._steps, float(mss))
        self._steps = min(self._steps + 1, 30)

    def raise_by(self, acked: int, mss: int) -> None:
        """Count acknowledged bytes while the window is what limits."""
        self._acked += acked
        if self._acked >= self._step:
            packets = int(self._acked / self._step)
            self._acked -= int(packets * self._step)
            self.window += packets * mss

    def left(self, least: float, mss: int) -> float:
        """Return it less the room for others, bytes."""
        return max(self.window - max(HEADROOM * self.window, float(mss)), least)
