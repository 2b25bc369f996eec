"""One episode of loss recovery: how far it goes, the window meanwhile, and whether it was needed at all."""

from __future__ import annotations

from mpsim.hosts.recovery import ProportionalReduction
from mpsim.hosts.timers import NEVER


class Repair:
    """The state of a sender's loss recovery.

    until: the episode ends when this segment is acknowledged; None: nothing is being repaired; after_timeout: it
    began with a retransmission timeout, so slow start, not the reduction, decides; reduction: the window otherwise.

    Parameters
        mss: payload bytes of a full segment
        proportional: the reduction decides; False: the congestion control's window counts all the time
    """

    __slots__ = ("_first_retransmit", "_proportional", "_retransmits", "after_timeout", "reduction", "until")

    def __init__(self, mss: int, *, proportional: bool = True) -> None:
        self._proportional = proportional
        self.until: int | None = None
        self.after_timeout = False
        self.reduction = ProportionalReduction(mss)
        self._retransmits = 0  # not yet known to have been needless
        self._first_retransmit = NEVER

    @property
    def reducing(self) -> bool:
        """Whether the reduction says how much may be in flight."""
        return self.until is not None and not self.after_timeout and self._proportional

    def begin(self, until: int, *, after_timeout: bool = False) -> None:
        """Start an episode, or go on with it after a timeout."""
        self.until = until
        self.after_timeout = after_timeout
        self._retransmits = 0
        self._first_retransmit = NEVER

    def end(self) -> None:
        """Be done."""
        self.until = None
        self.after_timeout = False
        self._retransmits = 0
        self._first_retransmit = NEVER

    def on_retransmitted(self, now: float) -> None:
        """Count a retransmission at `now` (s)."""
        self._retransmits += 1
        if self._first_retransmit == NEVER:
            self._first_retransmit = now

    def answers_original(self, echo: float) -> bool:
        """Return whether an acknowledgement that echoes this time (s) answers an original (Eifel, RFC 3522)."""
        return echo < self._first_retransmit < NEVER

    def on_duplicate(self) -> bool:
        """Take a report of a segment received twice (RFC 2883); return whether no retransmission was needed."""
        if self.until is None or self._retransmits <= 0:
            return False
        self._retransmits -= 1
        return not self._retransmits
