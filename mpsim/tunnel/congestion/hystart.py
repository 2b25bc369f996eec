"""HyStart++ (RFC 9406): slow start that ends when the round-trip time rises, not when a queue overflows."""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample

# RFC 9406, section 4.3
MIN_RTT_THRESHOLD = 0.004  # seconds
MAX_RTT_THRESHOLD = 0.016  # seconds
MIN_RTT_DIVISOR = 8
RTT_SAMPLES = 8
CSS_GROWTH_DIVISOR = 4
CSS_ROUNDS = 5
# RFC 9406, section 4.2: L is 8 without pacing
LIMIT_PACKETS = 8

_INFINITY = float("inf")


class HyStart:
    """State of one slow start: standard rounds, then conservative slow start (CSS), then the end."""

    __slots__ = (
        "_baseline",
        "_css_rounds",
        "_last_round_min",
        "_round_end",
        "_round_min",
        "_samples",
        "finished",
    )

    def __init__(self) -> None:
        self.finished = False
        self._round_end = -1.0  # a round ends when something sent after this time is acknowledged, s
        self._round_min = self._last_round_min = _INFINITY
        self._samples = 0
        self._baseline = _INFINITY  # of CSS; infinite while in standard slow start
        self._css_rounds = 0

    def growth(self, sample: AckSample, cwnd: float, mss: int) -> float:
        """Return by how many bytes the window grows for this acknowledgement."""
        if sample.sent_time > self._round_end:
            self._begin_round(sample.now)
        if sample.rtt is not None:
            self._round_min = min(self._round_min, sample.rtt)
            self._samples += 1
        acked = min(sample.acked, LIMIT_PACKETS * mss)
        if self._baseline < _INFINITY:
            if self._samples >= RTT_SAMPLES and self._round_min < self._baseline:
                self._baseline = _INFINITY  # it was no queue after all: back to standard slow start
            return acked / CSS_GROWTH_DIVISOR
        if self._samples >= RTT_SAMPLES and self._last_round_min < _INFINITY:
            threshold = min(max(self._last_round_min / MIN_RTT_DIVISOR, MIN_RTT_THRESHOLD), MAX_RTT_THRESHOLD)
            if self._round_min >= self._last_round_min + threshold:
                self._baseline = self._round_min
                self._css_rounds = 0
        return acked

    def _begin_round(self, now: float) -> None:
        self._round_end = now
        self._last_round_min = self._round_min
        self._round_min = _INFINITY
        self._samples = 0
        if self._baseline < _INFINITY:
            self._css_rounds += 1
            self.finished = self._css_rounds >= CSS_ROUNDS
