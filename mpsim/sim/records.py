"""What is counted of a link, a path or a subflow over the measured interval: one row of the result each."""

from __future__ import annotations

from typing import Any, Protocol

from mpsim.build import Direction
from mpsim.metrics import DelayHistogram
from mpsim.network.link import Link
from mpsim.units import BITS_PER_BYTE


class Counted(Protocol):
    """What counts over the measured interval."""

    def on_begin(self) -> None:
        """It begins."""

    def on_end(self) -> None:
        """It ends."""

    def drain(self, *, measured: bool) -> None:
        """Take the samples of the last bin."""


class LinkRecord:
    """A link's counters over the measured interval."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.delays = DelayHistogram()
        self._before = self._counters()
        self._after = self._before

    def _counters(self) -> tuple[int, int, int, int, int]:
        link = self.link
        drops = link.drops
        return (link.delivered_packets, link.delivered_bytes, drops["queue"], drops["loss"], drops["down"])

    def on_begin(self) -> None:
        """The measured interval begins."""
        self._before = self._counters()

    def on_end(self) -> None:
        """It ends."""
        self._after = self._counters()

    def drain(self, *, measured: bool) -> None:
        """Take the waiting times of the last bin."""
        if measured:
            self.delays.add(self.link.queue_delays)
        self.link.queue_delays.clear()

    def row(self, capacity_bps: float, seconds: float) -> dict[str, Any]:
        """Return the link's row of the result."""
        packets, size, queue, loss, down = (
            after - before for before, after in zip(self._before, self._after, strict=True)
        )
        return {
            "name": self.link.name,
            "direction": self.link.direction,
            "capacity_bps": capacity_bps,
            "delivered_bps": size * BITS_PER_BYTE / seconds,
            "delivered_packets": packets,
            "drops": {"queue": queue, "loss": loss, "down": down},
            "queue_delay_s": self.delays.summary(50, 95),
            "total": {
                "offered_packets": self.link.offered_packets,
                "delivered_packets": self.link.delivered_packets,
                "drops": dict(self.link.drops),
            },
        }


class Carrier(Protocol):
    """What is read of a tunnel's path or of a Multipath TCP subflow."""

    name: str

    @property
    def up(self) -> bool:
        """Whether it takes data."""

    @property
    def cwnd(self) -> float:
        """Window (bytes)."""

    @property
    def srtt(self) -> float:
        """Smoothed round-trip time (s)."""

    @property
    def sent_datagrams(self) -> int:
        """With data."""

    @property
    def sent_bytes(self) -> int:
        """IP bytes of these."""

    @property
    def lost_datagrams(self) -> int:
        """Of these."""

    control_datagrams: int
    control_bytes: int

    @property
    def retransmitted(self) -> int:
        """Datagrams sent because a path, or the subflow itself, had lost them."""

    reinjected: int  # those of another path, or subflow, that was silent


class PathRecord:
    """A path's counters over the measured interval, on its sending side."""

    def __init__(self, path: Carrier, direction: Direction) -> None:
        self.path = path
        self.direction = direction
        self.srtt = DelayHistogram()
        self._before = self._counters()
        self._after = self._before
        self._repairs = (0, 0)

    def _counters(self) -> tuple[int, int, int, int, int]:
        path = self.path
        return (
            path.sent_datagrams,
            path.sent_bytes,
            path.lost_datagrams,
            path.control_datagrams,
            path.control_bytes,
        )

    def on_begin(self) -> None:
        """The measured interval begins."""
        self._before = self._counters()
        self._repairs = (self.path.retransmitted, self.path.reinjected)

    def on_end(self) -> None:
        """It ends."""
        self._after = self._counters()
        again, reinjected = self._repairs
        self._repairs = (self.path.retransmitted - again, self.path.reinjected - reinjected)

    def drain(self, *, measured: bool) -> None:
        """Take the smoothed round-trip time at the end of a bin."""
        if measured and self.path.up and self.path.srtt:
            self.srtt.add([self.path.srtt])

    @property
    def difference(self) -> tuple[int, int, int, int, int]:
        """Datagrams, bytes, lost, control datagrams, control bytes in the measured interval."""
        first, second, third, fourth, fifth = (
            after - before for before, after in zip(self._before, self._after, strict=True)
        )
        return first, second, third, fourth, fifth

    def row(self) -> dict[str, Any]:
        """Return the path's row of the result."""
        datagrams, size, lost, control, control_size = self.difference
        return {
            "link": self.path.name,
            "direction": self.direction,
            "datagrams": datagrams + control,
            "bytes": size + control_size,
            "srtt_s": self.srtt.summary(50, 95),
            "lost_ratio": lost / datagrams if datagrams else None,
            "retransmitted": self._repairs[0],
            "reinjected": self._repairs[1],
        }
