"""When a way last lost something, how much it carries between losses, and how much of it is lost."""

from __future__ import annotations

from mpsim.tunnel.loss_detection import NEVER

# How fast `ratio` follows: of the last 256 packets.
LOSS_GAIN = 1 / 256


class LossHistory:
    """What the losses of a path, or of an MPTCP subflow, tell a scheduler.

    in_recovery: something was lost, and nothing sent since was acknowledged (RFC 9002, section 7.3.2);
    last: when a loss was last noticed, s; between: bytes delivered between the last two episodes of loss;
    ratio: of the last few hundred packets, 0 to 1.
    """

    __slots__ = ("_delivered", "between", "in_recovery", "last", "ratio")

    def __init__(self) -> None:
        self.in_recovery = False
        self.last = -NEVER
        self.between = 0
        self.ratio = 0.0
        self._delivered = 0  # when the last episode began, bytes

    def count(self, acked: float, lost: int) -> None:
        """Let the ratio follow: so many packets were acknowledged, then so many lost."""
        self.ratio *= 1 - min(1.0, LOSS_GAIN * acked)
        self.ratio += min(1.0, LOSS_GAIN * lost) * (1 - self.ratio)

    def on_lost(self, sent_time: float, delivered: int, now: float) -> None:
        """Take note of a loss of what was sent at `sent_time`, `delivered` bytes having arrived so far."""
        if sent_time > self.last:
            self.in_recovery = True
            self.between = delivered - self._delivered
            self._delivered = delivered
            self.last = now

    def on_acked(self, sent_time: float) -> None:
        """Take note that what was sent at `sent_time` has arrived."""
        if sent_time >= self.last:
            self.in_recovery = False

    def interval(self, delivered: int) -> int:
        """Return the bytes between losses: the last two, or since the last if that is more (as OLIA counts).

        Khalili et al., ToN 2013, section IV; mptcp_olia.c.
        """
        return max(delivered - self._delivered, self.between)
