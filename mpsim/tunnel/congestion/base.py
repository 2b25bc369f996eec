"""What a congestion controller is told, and what it answers: a window in bytes, perhaps a pacing rate.

The owner (a tunnel path or a simulated TCP) detects losses, counts bytes in flight and measures
round-trip times; an algorithm only decides. One loss episode is recognised as in RFC 9002, section
7.3.2: losses of what was sent before the last reduction belong to it and change nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from mpsim.registry import Tunable


class AckSample:
    """What one acknowledgement showed.

    now: s; acked: bytes newly acknowledged; sent_time: when the newest of them was sent, s;
    rtt: newest sample, s, or None; min_rtt, srtt: s; one_way_delay: s, or None (clocks may differ by
    a constant); delivery_rate: bit/s, or None (draft-cheng-iccrg-delivery-rate-estimation);
    app_limited: the rate sample saw an idle sender; cwnd_limited: the window was the limit;
    in_flight: bytes in flight before this acknowledgement; delivered: bytes so far;
    prior_delivered: bytes delivered when the newest was sent; marks: congestion marks it brought.
    """

    __slots__ = (
        "acked",
        "app_limited",
        "cwnd_limited",
        "delivered",
        "delivery_rate",
        "in_flight",
        "marks",
        "min_rtt",
        "now",
        "one_way_delay",
        "prior_delivered",
        "rtt",
        "sent_time",
        "srtt",
    )

    def __init__(self) -> None:
        self.now = 0.0
        self.acked = 0
        self.sent_time = 0.0
        self.rtt: float | None = None
        self.min_rtt = 0.0
        self.srtt = 0.0
        self.one_way_delay: float | None = None
        self.delivery_rate: float | None = None
        self.app_limited = False
        self.cwnd_limited = True
        self.in_flight = 0
        self.delivered = 0
        self.prior_delivered = 0
        self.marks = 0


class Siblings:
    """Controllers that weigh their growth against each other: an MPTCP connection's, or those of a tunnel's end.

    In it are those that take part at the moment, in the order of joining; whose path is down or silent
    leaves. Each shows the others its `cwnd` and its `srtt`.
    """

    __slots__ = ("active",)

    def __init__(self) -> None:
        self.active: list[CongestionController] = []

    def join(self, controller: CongestionController) -> None:
        """Count a controller in."""
        if controller not in self.active:
            self.active.append(controller)

    def leave(self, controller: CongestionController) -> None:
        """Count it no longer."""
        if controller in self.active:
            self.active.remove(controller)


class CongestionController(Tunable, ABC):
    """Base of all algorithms. Parameters are keyword arguments, stored under the same name."""

    name: ClassVar[str]
    positive: ClassVar[Sequence[str]] = ("initial_window", "minimum_window")
    # Whether its window counts while losses are repaired, too (Linux: cong_control); otherwise a TCP then comes down
    # to ssthresh in proportion (RFC 6937). For algorithms whose answer to a loss is not a lower ssthresh.
    keeps_window: ClassVar[bool] = False
    cwnd: float = 0.0  # bytes
    ssthresh: float = float("inf")  # bytes
    pacing_rate: float | None = None  # bit/s; None: as the window opens
    mss: int = 0  # bytes of a full packet, as counted in flight
    srtt: float = 0.0  # s, as the last sample had it; kept by coupled algorithms, 0: not known
    siblings: Siblings | None = None  # set by the owner; coupled algorithms look at it
    heeds_calls: ClassVar[bool] = False  # whether it keeps a smaller queue while a call shares its path
    alone: bool = False  # whether its path is the only one, so that no other waits for what is queued on it
    calls_until: float = 0.0  # s, until when one does, as far as the owner knows; only set where that is heeded

    def start(self, mss: int, now: float) -> None:
        """Begin, or begin anew after an outage, with packets of at most `mss` bytes at `now` (s)."""
        self.mss = mss
        self.srtt = 0.0
        self.resume()

    def pause(self) -> None:
        """Count no longer among the siblings: the path is down or silent."""
        if self.siblings is not None:
            self.siblings.leave(self)

    def resume(self) -> None:
        """Count among them again: the path answers."""
        if self.siblings is not None:
            self.siblings.join(self)

    def on_sent(self, now: float, size: int, in_flight: int) -> None:
        """Take note that `size` bytes were sent; `in_flight` counts them."""

    @abstractmethod
    def on_acked(self, sample: AckSample) -> None:
        """React to newly acknowledged bytes."""

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        """React to `lost` bytes, the newest of which was sent at `sent_time` (s).

        in_flight: bytes still in flight, the lost ones counted.
        """

    def on_loss_undone(self, now: float) -> None:
        """Take back the last reduction: what was thought lost had only been late."""

    def on_congestion_mark(self, now: float, sent_time: float) -> None:
        """React to an ECN congestion mark (RFC 3168: as to a loss)."""
        self.on_lost(now, 0, sent_time, 0)

    def on_timeout(self, now: float, in_flight: int) -> None:
        """React to a retransmission timeout, or to persistent congestion (RFC 9002, section 7.6)."""

    def next_timeout(self) -> float | None:
        """Return when `on_timer` wants to be called (s), for algorithms with a clock of their own."""
        return None

    def on_timer(self, now: float) -> None:
        """Let the algorithm's own clock tick; calling it early is harmless."""
