"""When a TCP sender acts of itself: retransmission timer (RFC 6298), tail loss probe (RFC 8985, section 7), pacing.

Pacing lets a burst go and waits for as long as it takes at the rate: Linux sends what about a millisecond holds, and
at least two segments, at once (tcp_tso_autosize, tcp_min_tso_segs); so there is one event a burst, not one a segment.
"""

from __future__ import annotations

from mpsim.units import BITS_PER_BYTE

NEVER = float("inf")
INITIAL_RTO = 1.0  # RFC 6298, section 2.1
MIN_RTO_VARIANCE = 0.200  # Linux: TCP_RTO_MIN is the least that is added to srtt
MAX_RTO = 120.0
TLP_SLACK = 0.002  # Linux: TCP_TIMEOUT_MIN
BURST_TIME = 1 / 1024  # seconds; Linux: sk_pacing_shift of 10
LEAST_BURST = 2  # segments
HAIR = 1e-9  # seconds, that a sum of times may miss


class Timers:
    """A connection's round-trip time and what is due by it; all times in seconds.

    Parameters
        most_rto: how far the retransmission timeout backs off at most
    """

    __slots__ = (
        "_burst",
        "_next_burst",
        "alarm",
        "most_rto",
        "paced_at",
        "probe_at",
        "probed",
        "rto",
        "rto_at",
        "rttvar",
        "srtt",
    )

    def __init__(self, most_rto: float = MAX_RTO) -> None:
        self.most_rto = most_rto
        self.srtt = self.rttvar = 0.0
        self.rto = INITIAL_RTO
        self.rto_at = NEVER
        self.probe_at = NEVER
        self.probed = False  # since the last progress
        self.paced_at = NEVER  # when pacing lets the next burst go; NEVER: it holds nothing back
        self._next_burst = 0.0
        self._burst = 0  # bytes of the burst that is going
        self.alarm = NEVER  # when the sender is to be called; may be too early, never too late

    def begin(self, now: float) -> None:
        """Wait for an answer to what opens the connection."""
        self.rto_at = self.alarm = now + self.rto

    def answered(self) -> None:
        """The connection is open: what its opening has backed off counts no more."""
        self.rto = INITIAL_RTO
        self.rto_at = NEVER

    def take_rtt(self, rtt: float) -> None:
        """Take a sample of the round-trip time (RFC 6298, section 2)."""
        if not self.srtt:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) / 4
            self.srtt += (rtt - self.srtt) / 8
        self.take_back_off()

    def take_back_off(self) -> None:
        """Set the retransmission timeout by what is known of the path (section 2.3)."""
        self.rto = min(self.srtt + max(4 * self.rttvar, MIN_RTO_VARIANCE), MAX_RTO)

    def back_off(self) -> None:
        """Double the retransmission timeout (section 5.5)."""
        self.rto = max(self.rto, min(2 * self.rto, self.most_rto))

    def expire(self, now: float) -> None:
        """Let the retransmission timer run out now."""
        self.rto_at = self.alarm = now

    def on_sent(self, now: float) -> None:
        """Something is outstanding: see to it that the retransmission timer runs."""
        if self.rto_at == NEVER:
            self.rto_at = now + self.rto
            self.alarm = min(self.alarm, self.rto_at)

    def on_progress(self, now: float, outstanding: int) -> None:
        """Start the retransmission timer anew, `outstanding` segments being left (section 5.3)."""
        self.rto_at = now + self.rto if outstanding else NEVER
        self.probed = False

    def arm_probe(self, now: float, outstanding: int) -> None:
        """Set the tail loss probe, `outstanding` segments being left."""
        if not outstanding or not self.srtt or self.probed:
            self.probe_at = NEVER
            return
        alone = MIN_RTO_VARIANCE if outstanding == 1 else TLP_SLACK
        # Never after the timeout, in whose place it then comes.
        self.probe_at = min(now + 2 * self.srtt + alone, self.rto_at)
        if self.probe_at < self.alarm:
            self.alarm = self.probe_at

    def may_send(self, now: float) -> bool:
        """Return whether pacing lets a segment go."""
        if self.paced_at > now + HAIR:
            return self.paced_at == NEVER
        self.paced_at = NEVER
        return True

    def on_paced(self, now: float, size: int, rate: float) -> None:
        """Take note of a segment of `size` bytes that leaves at a pacing rate (bit/s)."""
        self._next_burst = max(self._next_burst, now) + size * BITS_PER_BYTE / rate
        self._burst += size
        if self._burst + size > max(LEAST_BURST * size, rate * BURST_TIME / BITS_PER_BYTE):
            self._burst = 0
            self.paced_at = self._next_burst
            self.alarm = min(self.alarm, self.paced_at)

    def set_alarm(self, now: float, deadline: float) -> None:
        """Find the next thing that is due, `deadline` being the loss detection's."""
        self.alarm = min(self.rto_at, self.probe_at, self.paced_at, deadline)
        if self.alarm <= now:
            self.alarm = now + TLP_SLACK
