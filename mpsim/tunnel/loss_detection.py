"""When a datagram counts as lost: RFC 9002's thresholds, or the dissertation's negative acknowledgements.

A detector is asked by its path which of the datagrams that feedback passed over are lost (`sift`), and
which are lost by the clock alone (`overdue`).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from mpsim.tunnel.wire import Data

# RFC 9002, section 6.1
PACKET_THRESHOLD = 3
TIME_THRESHOLD = 9 / 8
GRANULARITY = 0.001  # seconds

# The dissertation, section 3.2.3
NACK_WAIT = 0.5  # of a round-trip time, at the receiver
NACK_SENDER_TIMEOUT = 3  # round-trip times, at the sender

NEVER = float("inf")


class RttView(Protocol):
    """What loss detection needs of its path: round-trip times in seconds."""

    srtt: float
    latest_rtt: float


class LossDetection(Protocol):
    """What a path asks of its loss detection."""

    negative: bool  # feedback is an answer only below its ACK: above it the receiver still waits

    def sift(self, missing: list[Data], largest: int, path: RttView, now: float) -> tuple[list[Data], float]:
        """Move the lost ones out of `missing`; return them, and when to look again (s)."""

    def overdue(self, flight: deque[Data], path: RttView, now: float) -> list[Data]:
        """Take those lost by time alone from the head of `flight`, and return them."""

    def deadline(self, oldest: Data, path: RttView) -> float:
        """Return when `oldest`, the head of the flight, is lost by time alone (s)."""


class Rfc9002:
    """Lost when three later datagrams of the path have arrived, or 9/8 round-trip times after sending."""

    __slots__ = ()
    name = "rfc9002"
    negative = False

    def sift(self, missing: list[Data], largest: int, path: RttView, now: float) -> tuple[list[Data], float]:
        delay = max(TIME_THRESHOLD * max(path.srtt, path.latest_rtt), GRANULARITY)
        lost = []
        kept = []
        deadline = NEVER
        for sent in missing:
            if largest - sent.path_sequence >= PACKET_THRESHOLD or sent.time + delay <= now:
                lost.append(sent)
            else:
                kept.append(sent)
                deadline = min(deadline, sent.time + delay)
        missing[:] = kept
        return lost, deadline

    def overdue(self, flight: deque[Data], path: RttView, now: float) -> list[Data]:
        # Without an acknowledgement nothing is declared lost (RFC 9002, section 6.2): the path sends a
        # probe, and what was sent before an answered probe has been passed over.
        return []

    def deadline(self, oldest: Data, path: RttView) -> float:
        return NEVER


class Nack:
    """Lost when the receiver says so, or three round-trip times after sending."""

    __slots__ = ()
    name = "nack"
    negative = True

    def sift(self, missing: list[Data], largest: int, path: RttView, now: float) -> tuple[list[Data], float]:
        lost = missing[:]
        missing.clear()
        return lost, NEVER

    def overdue(self, flight: deque[Data], path: RttView, now: float) -> list[Data]:
        timeout = NACK_SENDER_TIMEOUT * max(path.srtt, GRANULARITY)
        lost = []
        while flight and flight[0].time + timeout <= now:
            lost.append(flight.popleft())
        return lost

    def deadline(self, oldest: Data, path: RttView) -> float:
        return oldest.time + NACK_SENDER_TIMEOUT * max(path.srtt, GRANULARITY)


DETECTORS: dict[str, type[Rfc9002] | type[Nack]] = {"rfc9002": Rfc9002, "nack": Nack}
