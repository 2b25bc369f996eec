"""One direction of an access link on real packets: from one TAP through the simulation's `Link` to the other TAP."""

from __future__ import annotations

import os
from array import array
from typing import Any

from emulation.loop import BATCH, Loop
from emulation.ranks import percentiles
from mpsim.network.link import Link
from mpsim.pcap import PcapWriter

ETHERNET_HEADER = 14
LONGEST_FRAME = 2048
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_MULTICAST = 0x33  # first byte of the Ethernet addresses of IPv6's groups (RFC 2464, section 7)
BIN = 0.1  # s, of the series


class Cable:
    """Carries frames from one TAP to another as late, as slowly and as incompletely as its `Link` says.

    Parameters
        link: the model; sizes are IP bytes
        source, target: descriptors of the TAPs
        reported: whether it is an access link of the scenario
        capture: where packets that arrive are written, or None
    """

    def __init__(
        self, link: Link, source: int, target: int, *, reported: bool = True, capture: PcapWriter | None = None
    ) -> None:
        self.link = link
        self.source, self.target = source, target
        self.reported = reported
        self._capture = capture
        self.lateness = array("d")  # s, how much later than modelled each packet was written
        self.due = array("d")  # s, when it should have been
        self.read = 0
        self.written = 0
        self.write_errors = 0
        self.passed_free = 0
        self.queue_delays: list[float] = []
        self.series: list[tuple[float, float, float, float]] = []  # bin start, bit/s, queue bytes, up
        self._bin_bytes = 0

    def drain(self, loop: Loop) -> None:
        """Take the frames that wait in the source TAP, a batch at most."""
        source, send, now = self.source, self.link.send, loop.now
        for _ in range(BATCH):
            try:
                frame = os.read(source, LONGEST_FRAME)
            except BlockingIOError:
                return
            kind = frame[12:14]
            if kind == _IPV4 or (kind == _IPV6 and frame[0] != _MULTICAST):
                self.read += 1
                send(frame, len(frame) - ETHERNET_HEADER, now())
            else:
                # ARP, group reports and the like are no load that the model knows: they pass at once, uncounted.
                self.passed_free += 1
                self.write(frame)

    def discard(self) -> None:
        """Throw away what came before the run began."""
        try:
            while True:
                os.read(self.source, LONGEST_FRAME)
        except BlockingIOError:
            pass

    def deliver(self, loop: Loop) -> float | None:
        """Write what has arrived by now; return when the next packet will (s)."""
        link = self.link
        due = link.next_timeout()
        while due is not None and (now := loop.now()) >= due:
            for frame in link.arrivals(due):
                self.write(frame)
                self.written += 1
                self.lateness.append(now - due)
                self.due.append(due)
                if self._capture is not None:
                    self._capture.write(now, frame[ETHERNET_HEADER:])
            due = link.next_timeout()
        return due

    def write(self, frame: bytes) -> None:
        """Put a frame at the far end, now."""
        try:
            os.write(self.target, frame)
        except OSError:  # the interface is down (EIO), or its cable is pulled
            self.write_errors += 1

    def sample(self, now: float, measured: bool) -> None:
        """Close a bin of the series; keep the queue's delays if they count."""
        link = self.link
        rate = (link.delivered_bytes - self._bin_bytes) * 8 / BIN
        self._bin_bytes = link.delivered_bytes
        self.series.append((now - BIN, rate, float(link.queue_bytes(now)), float(link.up)))
        if measured:
            self.queue_delays += link.queue_delays
        link.queue_delays.clear()

    def counters(self) -> dict[str, Any]:
        """Return the totals so far."""
        link = self.link
        return {
            "offered_packets": link.offered_packets,
            "delivered_packets": link.delivered_packets,
            "delivered_bytes": link.delivered_bytes,
            "drops": dict(link.drops),
            "in_flight_packets": link.in_flight_packets(),
            "read": self.read,
            "written": self.written,
            "write_errors": self.write_errors,
            "passed_free": self.passed_free,
        }

    def late(self, begin: float, end: float) -> dict[str, float] | None:
        """Return how late packets due in an interval (s) were delivered (s)."""
        values = [late for late, due in zip(self.lateness, self.due, strict=True) if begin <= due <= end]
        return percentiles(values, 50, 99, 100)

    def close(self) -> None:
        """Finish the capture."""
        if self._capture is not None:
            self._capture.close()
