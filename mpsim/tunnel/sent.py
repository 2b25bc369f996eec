"""What every sender notes on what it sends, a tunnel's path and a TCP alike."""

from __future__ import annotations


class Sent:
    """One sending, kept until it is acknowledged; the notes are its sender's own and do not travel.

    time: when it left (s); delivered, delivered_time, first_sent, app_limited: how far delivery had come by then
    (delivery.py; draft-cheng-iccrg-delivery-rate-estimation, section 3.2).
    """

    __slots__ = ("app_limited", "delivered", "delivered_time", "first_sent", "time")
    time: float
    delivered: int
    delivered_time: float
    first_sent: float
    app_limited: bool
