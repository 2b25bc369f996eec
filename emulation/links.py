"""The link process: one process that is all access links of a run (python -m emulation.links FOLDER).

An access link is a pair of TAPs. Frames read from one are given to the simulation's own `Link` and
written to the other when it says so; one process for all links shares wake-ups. It runs under
real-time priority, because a packet that waits for a CPU arrives later than the model says.
"""

from __future__ import annotations

import math
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from emulation import addresses as at
from emulation.cable import BIN, Cable
from emulation.loop import Loop
from emulation.program import (
    Job,
    announce_ready,
    announce_serving,
    has_real_time_priority,
    leave,
    take_real_time_priority,
)
from mpsim.access_links import apply_event, build_link
from mpsim.build import Direction
from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate
from mpsim.pcap import PcapWriter
from mpsim.portal.tun import open_tap, set_address, set_carrier, set_mtu, set_queue_length
from mpsim.scenario import EventSpec, Scenario

NAME = "links"
TAP_QUEUE = 2000  # packets; the link's own queue is in the model, this one only bridges our wake-ups
# A cable with a delay and no rate of its own: faster than any machine that runs this.
CABLE_RATE = 1e12  # bit/s


class Links:
    """All cables of a run."""

    def __init__(self, scenario: Scenario, pcap: Path | None) -> None:
        self._scenario = scenario
        self._taps: dict[str, int] = {}
        self.cables: list[Cable] = []
        self._begin = scenario.warmup
        self._end = scenario.warmup + scenario.duration
        self._at_begin: list[dict[str, Any]] = []
        self._at_end: list[dict[str, Any]] = []
        for index, spec in enumerate(scenario.link):
            local, remote = (self._tap(at.access_interface(side, index), side, index) for side in at.PORTALS)
            ways: dict[Direction, tuple[int, int]] = {"inbound": (remote, local), "outbound": (local, remote)}
            for direction, (source, target) in ways.items():
                capture = PcapWriter(pcap / f"link-{spec.name}-{direction}.pcap") if pcap else None
                link = build_link(scenario, index, direction)
                self.cables.append(Cable(link, source, target, capture=capture))
        if scenario.topology.server_delay:
            self._lay_server_cable(scenario.topology.server_delay)

    def _lay_server_cable(self, delay: float) -> None:
        portal = self._tap(at.SERVER_SIDE, at.SERVER, 1)
        server = self._tap(at.SERVER_INTERFACE, at.SERVER, 2)
        for source, target in ((portal, server), (server, portal)):
            link = Link(ConstantRate(CABLE_RATE), delay=delay, name="server")
            self.cables.append(Cable(link, source, target, reported=False))

    def _tap(self, name: str, side: str, index: int) -> int:
        descriptor = open_tap(name)
        address = at.ethernet_address(side, index)
        set_address(name, bytes.fromhex(address.replace(":", "")))
        set_mtu(name, at.OUTER_MTU)
        set_queue_length(name, TAP_QUEUE)
        self._taps[name] = descriptor
        return descriptor

    def serve(self, origin: float) -> dict[str, Any]:
        """Carry packets until told to stop; return what was measured."""
        loop = Loop(origin, lambda _: self._deliver(loop))
        for cable in self.cables:
            cable.discard()
            loop.add_reader(cable.source, partial(cable.drain, loop))
        loop.call_every(BIN, BIN, self._sample)
        loop.call_at(self._begin, lambda _: self._at_begin.extend(cable.counters() for cable in self.cables))
        loop.call_at(self._end, lambda _: self._at_end.extend(cable.counters() for cable in self.cables))
        for event in self._scenario.event:
            loop.call_at(self._begin + event.at, partial(self._apply, event))
        loop.stop_on(signal.SIGTERM)
        priority = take_real_time_priority()
        announce_serving()
        loop.run()
        if priority == "fifo" and not has_real_time_priority():
            priority = "normal (gave fifo back after a burst of 300 ms)"
        return self._report(loop, priority)

    def _deliver(self, loop: Loop) -> float:
        wanted = math.inf
        for cable in self.cables:
            due = cable.deliver(loop)
            if due is not None and due < wanted:
                wanted = due
        return wanted

    def _sample(self, now: float) -> None:
        measured = self._begin < now <= self._end + BIN / 2
        for cable in self.cables:
            cable.sample(now, measured)

    def _apply(self, event: EventSpec, now: float) -> None:
        index = next(index for index, spec in enumerate(self._scenario.link) if spec.name == event.link)
        for cable in self.cables[2 * index : 2 * index + 2]:
            apply_event(cable.link, event, self._scenario, now)
        # A link that comes back has its cable plugged in, however it went.
        if event.up or (event.up is not None and event.how == "carrier"):
            for side in at.PORTALS:
                set_carrier(self._taps[at.access_interface(side, index)], bool(event.up))

    def _report(self, loop: Loop, priority: str) -> dict[str, Any]:
        begin, end = self._begin, self._end
        return {
            "priority": priority,
            "lag_s": loop.lag(begin, end),
            "links": [
                {
                    "name": cable.link.name,
                    "direction": cable.link.direction,
                    "delay_s": cable.link.delay,
                    "begin": self._at_begin[number],
                    "end": self._at_end[number],
                    "total": cable.counters(),
                    "queue_delays_s": cable.queue_delays,
                    "late_s": cable.late(begin, end),
                    "series": cable.series,
                }
                for number, cable in enumerate(self.cables)
                if cable.reported
            ],
        }


def main(folder: Path) -> None:
    """Be the link process of the run in `folder`."""
    job, scenario = Job.read(folder)
    links = Links(scenario, Path(job.pcap) if job.pcap else None)
    report = links.serve(announce_ready())
    for cable in links.cables:
        cable.close()
    leave(folder, NAME, report)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
