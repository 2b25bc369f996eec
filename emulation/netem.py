"""Access links by the kernel's netem, through Mininet's TCLink, for whom it is the reference (MPSIM_LINKS=netem).

Not the default: it counts Ethernet headers, its queue holds what is delayed too, drops have one counter
for all causes, and a kernel may lack it. So it takes scenarios with constant rates, delays and queues
only, and every setting is read back from tc: Mininet logs what it could not do, and goes on.

As a program (python -m emulation.netem FOLDER LOCAL REMOTE, the portals' host processes) it takes the
link process' place: it counts what the links carry and reports it in the same shape.
"""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emulation import addresses as at
from emulation.cable import BIN, ETHERNET_HEADER
from emulation.loop import Loop
from emulation.program import Job, announce_ready, announce_serving, leave
from mpsim.errors import WorldError
from mpsim.scenario import LinkSpec, Scenario
from mpsim.scenario.fields import Direction
from mpsim.units import BITS_PER_BYTE, MS_PER_S

NAME = "links"
MEGABIT = 1e6
FASTEST = 1e9  # bit/s; beyond it TCLink sets no limit at all
TOLERANCE = 0.01  # of what tc says against what was asked for
PROBE = ("unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
TIMEOUT = 10.0  # s
SENDERS: Mapping[Direction, str] = {"inbound": at.REMOTE, "outbound": at.LOCAL}


def require(scenario: Scenario) -> None:
    """Raise WorldError if this kernel has no netem, or netem cannot do what the scenario wants."""
    done = subprocess.run(PROBE, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        raise WorldError(f"links by netem: this kernel has none ({done.stderr.strip()}); leave MPSIM_LINKS out")
    wanted = {
        "traces": any(spec.trace for spec in scenario.link),
        "loss": any(spec.loss.down or spec.loss.up for spec in scenario.link),
        "events": bool(scenario.event),
        "a server delay": bool(scenario.topology.server_delay),
        "rates above 1 Gbit": any(max(spec.rate.down, spec.rate.up) > FASTEST for spec in scenario.link if spec.rate),
    }
    unknown = [what for what, is_wanted in wanted.items() if is_wanted]
    if unknown:
        raise WorldError(f"links by netem know no {', '.join(unknown)}; leave MPSIM_LINKS out")


def parameters(spec: LinkSpec, direction: Direction) -> dict[str, Any]:
    """Return TCLink's parameters for one direction of a link: Mbit/s, a text in ms, packets."""
    assert spec.rate is not None
    rate, delay, queue = spec.rate.of(direction), spec.delay.of(direction), spec.queue.of(direction)
    packets = queue.value
    if queue.unit != "packets":
        size = queue.value
        if queue.unit == "bdp":
            size *= rate * (spec.delay.down + spec.delay.up) / BITS_PER_BYTE
        packets = size / at.OUTER_MTU
    # What is on its way waits in the same queue.
    in_flight = rate * delay / BITS_PER_BYTE / at.OUTER_MTU
    return {
        "bw": rate / MEGABIT,
        "delay": f"{delay * MS_PER_S:.3f}ms",
        "max_queue_size": max(1, math.ceil(packets + in_flight)),
    }


def differences(wanted: Mapping[str, Any], qdiscs: list[dict[str, Any]], classes: list[dict[str, Any]]) -> list[str]:
    """Compare TCLink's parameters with what `tc -j qdisc` and `tc -j class` show; return what is not so."""
    found = next((each.get("options", {}) for each in qdiscs if each["kind"] == "netem"), None)
    if found is None:
        return ["no netem"]
    delay = float(wanted["delay"].removesuffix("ms")) / MS_PER_S
    rate = next((each.get("rate", 0) for each in classes if each.get("class") == "htb"), 0)
    pairs = {
        "delay": (found.get("delay", {}).get("delay", 0.0), delay),
        "limit": (found.get("limit", 0), wanted["max_queue_size"]),
        # tc shows a class' rate in bytes per second.
        "rate": (rate * BITS_PER_BYTE, wanted["bw"] * MEGABIT),
    }
    return [
        f"{name} {shown} instead of {meant}"
        for name, (shown, meant) in pairs.items()
        if abs(shown - meant) > TOLERANCE * max(abs(meant), 1e-6)
    ]


def tc(pid: int, what: str, interface: str) -> list[dict[str, Any]]:
    """Return what tc says of an interface in the host of a process."""
    command = ["nsenter", "-t", str(pid), "-n", "tc", "-s", "-j", what, "show", "dev", interface]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return rows


class Watched:
    """One direction of a link, as the kernel's counters show it."""

    def __init__(self, spec: LinkSpec, index: int, direction: Direction, pid: int) -> None:
        self.spec, self.direction = spec, direction
        self._pid = pid
        self._interface = at.access_interface(SENDERS[direction], index)
        self._bytes = 0
        self.series: list[tuple[float, float, None, float]] = []
        self.begin: dict[str, Any] = {}
        self.end: dict[str, Any] = {}

    def verify(self) -> None:
        """Raise WorldError if the link is not what was asked for."""
        wanted = parameters(self.spec, self.direction)
        wrong = differences(wanted, tc(self._pid, "qdisc", self._interface), tc(self._pid, "class", self._interface))
        if wrong:
            raise WorldError(f"links by netem: link {self.spec.name} {self.direction} has {', '.join(wrong)}")

    def counters(self) -> dict[str, Any]:
        """Return the totals so far, in the shape of cable.Cable.counters."""
        root = next(each for each in tc(self._pid, "qdisc", self._interface) if each.get("root"))
        packets, drops, waiting = root["packets"], root["drops"], root.get("qlen", 0)
        return {
            "offered_packets": packets + drops + waiting,
            "delivered_packets": packets,
            "delivered_bytes": root["bytes"] - ETHERNET_HEADER * packets,
            "drops": {"queue": drops, "loss": 0, "down": 0},
            "in_flight_packets": waiting,
            "read": packets + drops + waiting,
            "written": packets,
            "write_errors": 0,
            "passed_free": 0,
        }

    def sample(self, now: float) -> None:
        """Close a bin of the series."""
        for line in Path(f"/proc/{self._pid}/net/dev").read_text().splitlines()[2:]:
            name, _, numbers = line.partition(":")
            if name.strip() == self._interface:
                fields = numbers.split()
                size = int(fields[8]) - ETHERNET_HEADER * int(fields[9])
                self.series.append((now - BIN, (size - self._bytes) * BITS_PER_BYTE / BIN, None, 1.0))
                self._bytes = size

    def report(self) -> dict[str, Any]:
        """Return what was measured; what netem does not tell is None or empty."""
        return {
            "name": self.spec.name,
            "direction": self.direction,
            "delay_s": self.spec.delay.of(self.direction),
            "begin": self.begin,
            "end": self.end,
            "total": self.counters(),
            "queue_delays_s": [],
            "late_s": None,
            "series": self.series,
        }


def serve(scenario: Scenario, links: list[Watched], origin: float) -> dict[str, Any]:
    """Count until told to stop; return what was counted."""
    loop = Loop(origin, lambda _: math.inf)

    def note(name: str, _: float) -> None:
        for link in links:
            setattr(link, name, link.counters())

    def sample(now: float) -> None:
        for link in links:
            link.sample(now)

    loop.call_every(BIN, BIN, sample)
    loop.call_at(scenario.warmup, partial(note, "begin"))
    loop.call_at(scenario.warmup + scenario.duration, partial(note, "end"))
    loop.stop_on(signal.SIGTERM)
    announce_serving()
    loop.run()
    lag = loop.lag(scenario.warmup, scenario.warmup + scenario.duration)
    # This program only watches: nobody waits for it.
    return {
        "priority": "kernel",
        "lag_s": {**lag, "stalled": 0.0},
        "links": [link.report() for link in links],
    }


def main(folder: Path, local: int, remote: int) -> None:
    """Watch the links of the run in `folder`."""
    _, scenario = Job.read(folder)
    pids = {at.LOCAL: local, at.REMOTE: remote}
    links = [
        Watched(spec, index, direction, pids[SENDERS[direction]])
        for index, spec in enumerate(scenario.link)
        for direction in SENDERS
    ]
    for link in links:
        link.verify()
    leave(folder, NAME, serve(scenario, links, announce_ready()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
