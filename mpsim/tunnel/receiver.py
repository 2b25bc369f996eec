"""The receiving half of a path: which datagrams came, and the feedback about them."""

from __future__ import annotations

from mpsim.tunnel.loss_detection import NACK_WAIT, NEVER
from mpsim.tunnel.wire import MOST_RANGES, SEQUENCE_MASK

# Feedback for every fourth full datagram, so many small ones, but never later than this (s). RFC 9000
# (section 13.2.2) says every second, and lets a sender ask for fewer: at 8.4 Mbit/s down and 0.79 up, an
# ADSL line's, every second would take a third of the uplink. Small ones are mostly the inner flow's own
# acknowledgements.
FEEDBACK_BYTES = 4800
FEEDBACK_EVERY = 8
FEEDBACK_DELAY = 0.010
# A gap older than this has long been resolved by the sender, and is no longer reported (s).
GAP_MEMORY = 1.0
_LONGEST = 0xFFFF  # of a further range, or the gap before it: 16 bits on the wire


class Range:
    """Path sequences first to last, all received; since: when the gap before it was noticed (s)."""

    __slots__ = ("first", "last", "since")

    def __init__(self, first: int, last: int, since: float) -> None:
        self.first, self.last, self.since = first, last, since


class PathReceiver:
    """What has been received on one path.

    Parameters
        negative: keep the dissertation's ACK and NACK by its waiting rule (loss detection "nack")
    """

    __slots__ = (
        "_floor",
        "_ranges",
        "ack",
        "echo_us",
        "expected",
        "feedback_due",
        "last_data",
        "marks",
        "nack",
        "negative",
        "pending",
        "pending_bytes",
        "received",
    )

    def __init__(self, *, negative: bool) -> None:
        self.negative = negative
        self._ranges: list[Range] = []  # ascending
        self._floor = 0  # what is below has been forgotten
        self.expected = 0  # one above the largest path sequence received
        self.pending = 0  # datagrams received since the last feedback
        self.pending_bytes = 0
        self.feedback_due = NEVER
        self.received = 0.0  # when the newest came, s
        self.echo_us = 0
        self.marks = 0
        self.ack = 0
        self.nack = 0
        self.last_data = -NEVER

    def receive(self, sequence: int, size: int, sent_us: int, now: float) -> bool:  # noqa: C901  # asked for with every packet: written out, not called
        """Take note of a data datagram of `size` bytes; return False if it had come before.

        What is too old to know counts as having come before.
        """
        ranges = self._ranges
        if sequence == self.expected and ranges:
            ranges[-1].last = sequence
        elif sequence >= self.expected:
            ranges.append(Range(sequence, sequence, now))
            if len(ranges) > 1:
                self.pending = FEEDBACK_EVERY  # a gap is reported at once
        elif not self._fill(sequence):
            return False
        if sequence >= self.expected:
            self.expected = sequence + 1
            self.received = now
            self.echo_us = sent_us
        self.last_data = now
        self.pending += 1
        self.pending_bytes += size
        if len(ranges) > 1:
            self._forget(now)
        if self.pending_bytes >= FEEDBACK_BYTES or self.pending >= FEEDBACK_EVERY:
            self.feedback_due = now
        elif self.feedback_due == NEVER:
            self.feedback_due = now + FEEDBACK_DELAY
        return True

    def _fill(self, sequence: int) -> bool:
        """Put a late datagram into its gap."""
        ranges = self._ranges
        position = len(ranges) - 1
        while position >= 0 and ranges[position].first > sequence:
            position -= 1
        if position < 0:
            return self._fill_below(sequence)
        if sequence <= ranges[position].last:
            return False  # known
        before, after = ranges[position], ranges[position + 1]
        joins_after = sequence + 1 == after.first
        if before.last + 1 == sequence:
            before.last = sequence
            if joins_after:
                before.last = after.last
                del ranges[position + 1]
        elif joins_after:
            after.first = sequence
        else:
            ranges.insert(position + 1, Range(sequence, sequence, after.since))
        self.pending = FEEDBACK_EVERY
        return True

    def _fill_below(self, sequence: int) -> bool:
        """Put a datagram below all others: the very first ones of a session came in another order."""
        if sequence < self._floor:
            return False
        lowest = self._ranges[0]
        if sequence + 1 == lowest.first:
            lowest.first = sequence
        else:
            self._ranges.insert(0, Range(sequence, sequence, lowest.since))
        self.pending = FEEDBACK_EVERY
        return True

    def _forget(self, now: float) -> None:
        """Leave out what lies below gaps that are old, or too many."""
        ranges = self._ranges
        while len(ranges) > 1 and (ranges[1].since < now - GAP_MEMORY or len(ranges) > MOST_RANGES):
            if self.negative and self.ack < ranges[1].first:
                self.nack = self.ack = ranges[1].first
            self._floor = ranges[1].first
            del ranges[0]

    def has_forgotten(self, sequence: int) -> bool:
        """Return whether a datagram is too old for anything to be known of it."""
        return sequence < self._floor

    def next_timeout(self, rtt: float) -> float:
        """Return when feedback is due or the wait for a missing datagram ends (s)."""
        if not self.negative:
            return self.feedback_due
        return min(self.feedback_due, self.wait_ends(rtt))

    def wait_ends(self, rtt: float) -> float:
        """Return when the wait for the first missing datagram ends (s)."""
        return self._advance_ack(-NEVER, rtt)

    def on_time(self, now: float, rtt: float) -> None:
        """Raise NACK if the wait for something missing has ended; feedback is then due at once."""
        if self.negative and self._ranges:
            nack = self.nack
            self._advance_ack(now, rtt)
            if self.nack != nack:
                self.feedback_due = now

    def _advance_ack(self, now: float, rtt: float) -> float:
        """Grow ACK, over gaps whose wait has ended (they become NACK); return the next gap's end (s)."""
        for part in self._ranges:
            if part.last < self.ack:
                continue
            if part.first > self.ack:
                end = part.since + NACK_WAIT * rtt
                if end > now:
                    return end
                self.nack = part.first
            self.ack = part.last + 1
        return NEVER

    def ranges_to_report(self) -> tuple[tuple[int, int], ...]:
        """Return what was received, (first, last), highest first, within the wire format's limits."""
        ranges = self._ranges
        newest = ranges[-1]
        if len(ranges) == 1:
            return ((newest.first, newest.last),)
        report = [(newest.first, newest.last)]
        above = newest.first
        for part in reversed(ranges[:-1]):
            if above - part.last - 1 > _LONGEST:
                break
            first = max(part.first, part.last - _LONGEST + 1)
            report.append((first, part.last))
            if first != part.first:
                break
            above = first
        return tuple(report)

    def feedback_sent(self) -> None:
        """Start counting for the next feedback."""
        self.pending = self.pending_bytes = 0
        self.feedback_due = NEVER

    @property
    def anything_received(self) -> bool:
        """Whether there is anything to give feedback about."""
        return bool(self._ranges)

    def wire_ack(self) -> tuple[int, int]:
        """Return ACK and NACK for the wire."""
        if not self.negative:
            return self.expected & SEQUENCE_MASK, 0
        return self.ack & SEQUENCE_MASK, self.nack & SEQUENCE_MASK
