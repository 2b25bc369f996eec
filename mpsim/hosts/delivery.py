"""How fast data is delivered, sampled with every acknowledgement (draft-ietf-ccwg-bbr, section 4.1)."""

from __future__ import annotations

from mpsim.hosts.rack import Transmission
from mpsim.tunnel.congestion.base import AckSample
from mpsim.units import BITS_PER_BYTE


class Delivery:
    """What a connection has delivered, and the notes that its transmissions carry for the next sample.

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

    def on_delivered(self, newest: Transmission, now: float, min_rtt: float) -> AckSample:
        """Take the latest sending that was newly acknowledged; return the sample, its delivery rate filled in."""
        self.time = now
        self.first_sent = newest.time
        delivered = self.delivered
        sample = self.sample
        sample.now = now
        sample.sent_time = newest.time
        interval = max(newest.time - newest.first_sent, now - newest.delivered_time)
        sample.delivery_rate = (
            (delivered - newest.delivered) * BITS_PER_BYTE / interval if interval >= min_rtt > 0 else None
        )
        sample.min_rtt = min_rtt
        sample.app_limited = newest.app_limited
        sample.delivered = delivered
        sample.prior_delivered = newest.delivered
        if self.app_limited and delivered > self.app_limited:
            self.app_limited = 0
        return sample
