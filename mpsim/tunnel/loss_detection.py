"""When a datagram counts as lost: RFC 9002's thresholds, or the dissertation's negative acknowledgements.

A detector is asked by its path: how far feedback may be read (`horizon`), which of the datagrams that
feedback passed over are lost (`sift`), and which are lost by the clock alone (`overdue`).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

# RFC 9002, section 6.1
PACKET_THRESHOLD = 3
TIME_THRESHOLD = 9 / 8
GRANULARITY = 0.001  # seconds

# The dissertation, section 3.2.3
NACK_WAIT = 0.5  # of a round-trip time, at the receiver
NACK_SENDER_TIMEOUT = 3  # round-trip times, at the sender

NEVER = float("inf")


class Sent:
    """A data datagram in flight.

    sequence: on its path; time: when it was sent, s; size: bytes; cls, tunnel_sequence: what it
    carries; delivered, delivered_time, first_sent, app_limited: for the delivery-rate sample
    (draft-cheng-iccrg-delivery-rate-estimation, section 3.2).
    """

    __slots__ = (
        "app_limited",
        "cls",
        "delivered",
        "delivered_time",
        "first_sent",
        "sequence",
        "size",
        "time",
        "tunnel_sequence",
    )

    def __init__(
        self,
        sequence: int,
        time: float,
        size: int,
        cls: int,
        tunnel_sequence: int,
        delivered: int,
        delivered_time: float,
        first_sent: float,
        app_limited: bool,
    ) -> None:
        self.sequence = sequence
        self.time = time
        self.size = size
        self.cls = cls
        self.tunnel_sequence = tunnel_sequence
        self.delivered = delivered
        self.delivered_time = delivered_time
        self.first_sent = first_sent
        self.app_limited = app_limited


class RttView(Protocol):
    """What loss detection needs of its path: round-trip times in seconds."""

    srtt: float
    latest_rtt: float


class LossDetection(Protocol):
    """What a path asks of its loss detection."""

    def horizon(self, largest: int, ack: int) -> int:
        """Return the highest path sequence about which feedback is taken for an answer."""

    def sift(self, missing: list[Sent], largest: int, path: RttView, now: float) -> tuple[list[Sent], float]:
        """Move the lost ones out of `missing`; return them, and when to look again (s)."""

    def overdue(self, flight: deque[Sent], path: RttView, now: float) -> list[Sent]:
        """Take those lost by time alone from the head of `flight`, and return them."""

    def deadline(self, oldest: Sent, path: RttView) -> float:
        """Return when `oldest`, the head of the flight, is lost by time alone (s)."""


class Rfc9002:
    """Lost when three later datagrams of the path have arrived, or 9/8 round-trip times after sending."""

    __slots__ = ()
    name = "rfc9002"

    def horizon(self, largest: int, ack: int) -> int:
        return largest

    def sift(self, missing: list[Sent], largest: int, path: RttView, now: float) -> tuple[list[Sent], float]:
        delay = max(TIME_THRESHOLD * max(path.srtt, path.latest_rtt), GRANULARITY)
        lost = []
        kept = []
        deadline = NEVER
        for sent in missing:
            if largest - sent.sequence >= PACKET_THRESHOLD or sent.time + delay <= now:
                lost.append(sent)
            else:
                kept.append(sent)
                deadline = min(deadline, sent.time + delay)
        missing[:] = kept
        return lost, deadline

    def overdue(self, flight: deque[Sent], path: RttView, now: float) -> list[Sent]:
        # Without an acknowledgement nothing is declared lost (RFC 9002, section 6.2): the path sends a
        # probe, and what was sent before an answered probe has been passed over.
        return []

    def deadline(self, oldest: Sent, path: RttView) -> float:
        return NEVER


class Nack:
    """Lost when the receiver says so, or three round-trip times after sending."""

    __slots__ = ()
    name = "nack"

    def horizon(self, largest: int, ack: int) -> int:
        return ack - 1  # above it the receiver still waits

    def sift(self, missing: list[Sent], largest: int, path: RttView, now: float) -> tuple[list[Sent], float]:
        lost = missing[:]
        missing.clear()
        return lost, NEVER

    def overdue(self, flight: deque[Sent], path: RttView, now: float) -> list[Sent]:
        timeout = NACK_SENDER_TIMEOUT * max(path.srtt, GRANULARITY)
        lost = []
        while flight and flight[0].time + timeout <= now:
            lost.append(flight.popleft())
        return lost

    def deadline(self, oldest: Sent, path: RttView) -> float:
        return oldest.time + NACK_SENDER_TIMEOUT * max(path.srtt, GRANULARITY)


DETECTORS: dict[str, type[Rfc9002] | type[Nack]] = {"rfc9002": Rfc9002, "nack": Nack}
