"""Whether a path is alive, and how far it is: round-trip time, silence, probes.

States: down -> (an answered probe) -> up -> (silence, or no carrier) -> down. A path that waits for
an answer and hears nothing sends probes, and after `DEAD_AFTER` is down; while down it is probed every
`PROBE_DOWN`.
"""

from __future__ import annotations

from mpsim.tunnel.loss_detection import GRANULARITY, NEVER
from mpsim.tunnel.receiver import FEEDBACK_DELAY

# Without proof of life while data is on its way (s); see docs/design.md for where it comes from.
DEAD_AFTER = 0.4
PROBE_DOWN = 0.2
PROBE_AGAIN = 0.1
PROBE_DOWN_LATER = 1.0
FIRST_MINUTE = 60.0
# Proof of life and a fresh round-trip time: while data flows, and when it does not (s).
PROBE_ACTIVE = 0.5
PROBE_IDLE = 5.0
# RFC 9002, section 5.3
RTT_GAIN = 1 / 8
RTTVAR_GAIN = 1 / 4
SMALLEST_RTT = 1e-6  # the wire's resolution
INITIAL_RTT = 0.333  # section 6.2.2


class Liveness:
    """A path's round-trip time and its signs of life; all times in seconds.

    Parameters
        dead_after: how long it may be silent while data is on its way; infinity: it is never given up
    """

    __slots__ = (
        "carrier",
        "dead_after",
        "down_since",
        "downs",
        "grace",
        "largest_srtt",
        "last_probe",
        "latest_rtt",
        "min_rtt",
        "next_probe",
        "rttvar",
        "smallest_srtt",
        "srtt",
        "up",
        "waiting_since",
    )

    def __init__(self, dead_after: float = DEAD_AFTER) -> None:
        self.dead_after = dead_after
        self.up = False
        self.carrier = True
        self.srtt = self.rttvar = self.latest_rtt = 0.0
        self.min_rtt = self.smallest_srtt = NEVER
        self.largest_srtt = 0.0
        self.waiting_since = NEVER  # unanswered since
        self.grace = dead_after  # how long that may last
        self.next_probe = 0.0
        self.last_probe = -NEVER
        self.down_since = 0.0
        self.downs = 0

    def wait_for_answer(self, now: float) -> None:
        """Begin to count silence: the answer may take a round trip on top of what is normal."""
        if self.waiting_since == NEVER:
            self.waiting_since = now
            self.grace = max(self.dead_after, self.probe_timeout())

    def probe_timeout(self) -> float:
        """Return the time after which an answer is overdue (RFC 9002, section 6.2.1), seconds."""
        if not self.srtt:
            return 2 * INITIAL_RTT
        return self.srtt + max(4 * self.rttvar, GRANULARITY) + FEEDBACK_DELAY

    def update_rtt(self, rtt: float) -> None:
        """Take a round-trip time sample in seconds (RFC 9002, section 5.3)."""
        if rtt < SMALLEST_RTT:
            rtt = SMALLEST_RTT
        self.latest_rtt = rtt
        if rtt < self.min_rtt:
            self.min_rtt = rtt
        difference = rtt - self.srtt
        if self.srtt:
            self.srtt += RTT_GAIN * difference
            if difference < 0:
                difference = -difference
            self.rttvar += RTTVAR_GAIN * (difference - self.rttvar)
        else:
            self.srtt = rtt
            self.rttvar = rtt / 2
        srtt = self.srtt
        if srtt < self.smallest_srtt:
            self.smallest_srtt = srtt
        if srtt > self.largest_srtt:
            self.largest_srtt = srtt

    def is_dead(self, now: float) -> bool:
        """Return whether an up path has been silent for too long."""
        return now - self.waiting_since >= self.grace

    def probe_at(self) -> float:
        """Return when the next probe is due (s): by the calendar, or because an answer is overdue."""
        if not self.carrier:
            return NEVER
        if not self.up or self.waiting_since == NEVER:
            return self.next_probe
        overdue = max(self.waiting_since + self.probe_timeout(), self.last_probe + PROBE_AGAIN)
        return min(self.next_probe, overdue)

    def probe_anew(self, now: float) -> None:
        """Probe at once, and often for a while: there is a reason to hope that the path works again."""
        self.next_probe = self.down_since = now

    def probe_sent(self, now: float, active: bool) -> None:
        """Take note that a probe left; `active`: data was sent or received lately."""
        self.last_probe = now
        if self.up:
            self.next_probe = now + (PROBE_ACTIVE if active else PROBE_IDLE)
            self.wait_for_answer(now)
        else:
            recent = now - self.down_since < FIRST_MINUTE
            self.next_probe = now + (PROBE_DOWN if recent else PROBE_DOWN_LATER)
