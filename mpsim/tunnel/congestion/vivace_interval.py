"""A monitor interval of PCC Vivace (Dong et al., NSDI 2018, section 4.1), and what it was worth.

    U(x) = x^t - b x max(0, dRTT/dt) - c x L

x is the rate in Mbit/s, L the share of what was sent that was lost, dRTT/dt the slope of the least-squares line through
the round-trip times over the times of sending. Above the capacity C it is x / C - 1, below zero.
"""

from __future__ import annotations

from math import pow  # noqa: A004  # of floats alone

MEGABIT = 1e6  # bit
LEAST_SAMPLES = 3  # for a slope


class MonitorInterval:
    """What was sent at one rate, and what came of it.

    rate: bit/s; begin, end: when it is sent, s; last_sent: when its last packet was, s; sent, lost: bytes; idle: the
    sender had not always something to send.
    """

    __slots__ = (
        "_count",
        "_product",
        "_rtts",
        "_square",
        "_times",
        "begin",
        "end",
        "idle",
        "last_sent",
        "lost",
        "rate",
        "sent",
    )

    def __init__(self, rate: float, begin: float, end: float) -> None:
        self.rate = rate
        self.begin = self.last_sent = begin
        self.end = end
        self.sent = self.lost = 0
        self.idle = False
        self._count = 0
        # Sums over the samples, times counted from the beginning.
        self._times = self._rtts = self._square = self._product = 0.0

    def add_rtt(self, sent_time: float, rtt: float) -> None:
        """Take the round-trip time (s) of what was sent at a time (s)."""
        time = sent_time - self.begin
        self._count += 1
        self._times += time
        self._rtts += rtt
        self._square += time * time
        self._product += time * rtt

    def rtt_gradient(self) -> float:
        """Return by how many seconds the round-trip time grows in a second; 0 where too little is known."""
        spread = self._count * self._square - self._times**2
        if self._count < LEAST_SAMPLES or spread <= 0:
            return 0.0
        return (self._count * self._product - self._times * self._rtts) / spread

    def loss(self) -> float:
        """Return the share of what was sent that was lost."""
        return min(self.lost / self.sent, 1.0) if self.sent else 0.0

    def utility(self, exponent: float, latency: float, loss: float, floor: float) -> float:
        """Return U with these weights; a slope below `floor` is taken for noise."""
        rate = self.rate / MEGABIT
        slope = self.rtt_gradient()
        delay = latency * rate * slope if slope >= floor and slope > 0 else 0.0
        return pow(rate, exponent) - delay - loss * rate * self.loss()
