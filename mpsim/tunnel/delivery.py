"""How fast data is delivered, sampled with every acknowledgement (draft-cheng-iccrg-delivery-rate-estimation)."""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample
from mpsim.tunnel.sent import Sent
from mpsim.units import BITS_PER_BYTE


class Delivery:
    """What a path or a connection has delivered, and the notes that its sendings carry for the next sample.

    delivered: bytes so far; time: when that last grew (s); first_sent: when what was delivered last had been sent
    (s); app_limited: until so many bytes are delivered the sender had had nothing to send, 0: it had.
    """

    __slots__ = ("app_limited", "delivered", "first_sent", "sample", "time")

    def __init__(self) -> None:
        self.delivered = 0
        self.time = 0.0
        self.first_sent = 0.0
        self.app_limited = 0
        self.sample = AckSample()

    def on_idle_over(self, now: float) -> None:
        """Begin anew: nothing was in flight until now."""
        self.first_sent = self.time = now

    def on_no_data(self, in_flight: int) -> None:
        """Note that the window had room and there was nothing to send."""
        self.app_limited = self.delivered + in_flight or 1

    def note(self, sent: Sent) -> None:
        """Note on what leaves now how far delivery has come (section 3.2)."""
        sent.delivered = self.delivered
        sent.delivered_time = self.time
        sent.first_sent = self.first_sent
        sent.app_limited = self.app_limited > 0

    def on_delivered(self, newest: Sent, now: float, min_rtt: float) -> AckSample:
        """Take the latest sending that was newly acknowledged; return the sample, its delivery rate filled in.

        To be called with `delivered` already grown. A rate over less than `min_rtt` (s; infinity: not known)
        would be that of a burst, and is none (section 3.3).
        """
        sent_time = newest.time
        prior = newest.delivered
        limited = newest.app_limited
        self.time = now
        self.first_sent = sent_time
        delivered = self.delivered
        sample = self.sample
        sample.now = now
        sample.sent_time = sent_time
        # The longer of the time it took to send this much and to acknowledge it: neither alone is the path's.
        interval = now - newest.delivered_time
        sending = sent_time - newest.first_sent
        if sending > interval:
            interval = sending
        sample.delivery_rate = (delivered - prior) * BITS_PER_BYTE / interval if interval >= min_rtt > 0 else None
        sample.min_rtt = min_rtt
        sample.app_limited = limited
        sample.delivered = delivered
        sample.prior_delivered = prior
        if self.app_limited and delivered > self.app_limited:
            self.app_limited = 0
        return sample
