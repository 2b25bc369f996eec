"""One run from the inside of its namespaces (python -m emulation.driver FOLDER); run.py starts it there.

Order: hosts -> link process -> portals -> captures -> iperf3's servers -> the clock starts -> flows
start and stop on time -> drain -> everything is asked what it has counted -> records.json. It is the
first process of the run's process namespace: however it ends, the kernel ends all the others.
"""

from __future__ import annotations

import heapq
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from emulation import addresses as at
from emulation import mptcp, netem
from emulation.calls import CallFlow
from emulation.capturing import HELD_BACK, Capture, clock_offset
from emulation.echoed import EchoFlow
from emulation.machine import Load, Snapshot, is_stopped, snapshot
from emulation.poisson import is_replayed
from emulation.program import Job, Program, leave
from emulation.replayed import ReplayedFlow
from emulation.topology import Network
from emulation.traffic import Flow, Plan, plan
from mpsim.access_links import build_link
from mpsim.build import DIRECTIONS, inner_mtu
from mpsim.errors import MpsimError
from mpsim.scenario import Scenario
from mpsim.units import BITS_PER_BYTE

RECORDS = "records"
DRAIN = (HELD_BACK, 4.0)  # s after the last flow has ended, at least and at most: what is on its way may still arrive
CHECK_INTERVAL = 0.1  # s between two looks whether all programs live and run


class Driver:
    """Builds the network, lets the flows run, collects.

    Parameters
        folder: of the run
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._job, self._scenario = Job.read(folder)
        self._programs: list[Program] = []
        self._flows: list[Flow | ReplayedFlow | EchoFlow | CallFlow] = []
        self._snapshots: list[Snapshot] = []
        self._offsets: list[float] = []
        self._stopped: set[str] = set()

    def run(self) -> dict[str, Any]:
        """Do the whole run; return its records."""
        scenario: Scenario = self._scenario
        mtu = inner_mtu(scenario) if scenario.tunnel is not None else None
        with ExitStack() as stack:
            tap = bool(scenario.topology.server_delay)
            network = stack.enter_context(
                Network(
                    len(scenario.link),
                    mtu,
                    server_tap=tap,
                    inner=at.inner_families(scenario),
                    outside=at.outside(scenario),
                )
            )
            self._start_programs(network)
            captures = {host: Capture(host, network, self._folder) for host in at.END_HOSTS}
            for capture in captures.values():
                capture.wait_ready()
            self._flows = [self._flow(each, network) for each in plan(scenario)]
            for flow in self._flows:
                flow.prepare()
            before = self._interfaces(network)
            origin = self._serve(network)
            reports = [flow.finish() for flow in self._flows]
            self._wait(time.monotonic() + _drain(scenario))
            missed = {host: capture.stop() for host, capture in captures.items()}
            after = self._interfaces(network)
            programs = {program.name: program.stop() for program in reversed(self._programs)}
            return {
                "origin_s": origin,
                "clock_offset_s": [offset + origin for offset in self._offsets],
                "machine": Load.between(*self._snapshots).as_dict(),
                "sysctls": network.sysctls,
                "flows": reports,
                "capture_missed": missed,
                "stopped": sorted(self._stopped),
                "interfaces": {"before": before, "after": after},
                "programs": programs,
            }

    def _flow(self, each: Plan, network: Network) -> Flow | ReplayedFlow | EchoFlow | CallFlow:
        if is_replayed(each.spec):
            return ReplayedFlow(each, network, self._folder)
        if each.spec.kind == "voip":
            return CallFlow(each, network, self._folder)
        return EchoFlow(each, network, self._folder) if each.spec.kind == "echo" else Flow(each, network)

    def _start_programs(self, network: Network) -> None:
        links = self._start_links(network)
        self._programs.append(links)
        links.wait_ready()
        if self._job.links == "own":
            network.attach_access_links()
        if self._scenario.mptcp is not None:
            mptcp.set_up(network, self._scenario)
        if self._scenario.tunnel is None:
            return
        portals = [
            Program(side, _starter(network, side), "emulation.portal", self._folder, side) for side in at.PORTALS
        ]
        self._programs += portals
        for portal in portals:
            portal.wait_ready()
        network.attach_tunnel()

    def _start_links(self, network: Network) -> Program:
        if self._job.links == "own":
            return Program("links", _start_here, "emulation.links", self._folder)
        specs = self._scenario.link
        network.lay_access_cables(
            [(netem.parameters(spec, "outbound"), netem.parameters(spec, "inbound")) for spec in specs]
        )
        outside = at.outside(self._scenario)
        pids = [str(network.pid(outside.link_end(side))) for side in at.PORTALS]
        return Program("links", _start_here, "emulation.netem", self._folder, *pids)

    def _serve(self, network: Network) -> float:
        """Start the clock, let the flows run on time; return the monotonic clock at run time zero."""
        scenario = self._scenario
        end = scenario.warmup + scenario.duration
        self._offsets.append(clock_offset())
        origin = time.monotonic()
        links, *portals = self._programs
        links.go(origin)
        links.wait_serving()  # or the portals' first probes would be lost before the links began
        for portal in portals:
            portal.go(origin)
        actions: list[tuple[float, int, Callable[[], None]]] = []
        for number, flow in enumerate(self._flows):
            actions += [
                (max(0.0, flow.plan.start - flow.plan.setup), 2 * number, flow.start),
                (flow.plan.stop, 2 * number + 1, flow.stop),
            ]
        actions += [(scenario.warmup, -2, self._look), (end, -1, self._look)]
        for number, (when, link, up) in enumerate(mptcp.carrier_events(scenario) if scenario.mptcp else ()):
            tell = partial(mptcp.on_carrier, network, scenario, link, up)
            actions.append((when, 2 * len(self._flows) + number, tell))
        heapq.heapify(actions)
        while actions:
            when, _, act = heapq.heappop(actions)
            self._wait(origin + when)
            act()
        self._offsets.append(clock_offset())
        return origin

    def _look(self) -> None:
        self._snapshots.append(snapshot({program.name: program.process.pid for program in self._programs}))

    def _wait(self, until: float) -> None:
        """Wait for a time (s, monotonic clock) while all programs, and whoever started us, live."""
        while (left := until - time.monotonic()) > 0:
            gone, _, _ = select.select([sys.stdin], [], [], min(left, CHECK_INTERVAL))
            if gone and not os.read(sys.stdin.fileno(), 1):
                os._exit(1)  # nobody wants this run any more; the kernel ends the rest
            for program in self._programs:
                program.check()
            self._stopped |= {name for name, pid in self._processes().items() if is_stopped(pid)}

    def _processes(self) -> dict[str, int]:
        found = {program.name: program.process.pid for program in self._programs}
        for flow in self._flows:
            found |= flow.processes()
        return found

    def _interfaces(self, network: Network) -> dict[str, dict[str, dict[str, int]]]:
        return {host: network.counters(host) for host in network.hosts}


def _drain(scenario: Scenario) -> float:
    """Return how long the fullest queue takes to empty (s)."""
    wanted = 0.0
    for index in range(len(scenario.link)):
        for direction in DIRECTIONS:
            rate = build_link(scenario, index, direction).mean_rate
            queue = scenario.link[index].queue.of(direction)
            size = queue.value * at.OUTER_MTU if queue.unit == "packets" else queue.value
            if queue.unit != "bdp" and rate:
                wanted = max(wanted, size * BITS_PER_BYTE / rate)
    return min(max(DRAIN[0], wanted + DRAIN[0]), DRAIN[1])


def _start_here(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, **options)


def _starter(network: Network, host: str) -> Callable[..., subprocess.Popen[bytes]]:
    return lambda command, **options: network.start(host, command, **options)


def main(folder: Path) -> None:
    """Do the run in `folder`; what goes wrong is left there as one line."""
    try:
        records = Driver(folder).run()
    except MpsimError as error:
        records = {"error": str(error)}
    leave(folder, RECORDS, records)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
