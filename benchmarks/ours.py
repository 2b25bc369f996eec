"""The scenarios that are timed, and what one run of them costs."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import Any

from mpsim.scenario import Scenario, parse
from mpsim.sim import run

# IP bytes of the UDP packets: 1200 bytes of payload, as everywhere in the project.
UDP_PAYLOAD = 1200
UDP_SIZE = UDP_PAYLOAD + 28
UDP_RATE = 14e6  # payload, bit/s; with headers 90 % of the link

Table = dict[str, Any]
DOWNLOAD: Table = {"name": "download", "kind": "tcp", "congestion": "cubic"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run did, and what it took: packets over links, CPU seconds, simulated seconds."""

    hops: int
    cpu_s: float
    simulated_s: float

    @property
    def rate(self) -> float:
        """Packet-hops per CPU second."""
        return self.hops / self.cpu_s


def scenario(links: list[Table], flow: Table, seconds: float, *, tunnel: bool = False) -> Scenario:
    """Return a scenario of `seconds` in all, a tenth of it as warm-up."""
    table: Table = {
        "schema": 1,
        "name": "bench",
        "warmup": f"{seconds / 10:.6f}s",
        "duration": f"{seconds * 9 / 10:.6f}s",
        "link": links,
        "flow": [flow],
    }
    if tunnel:
        table["tunnel"] = {}
    return parse(table)


def link(rate: str, delay: str, name: str = "a", queue: str = "100p") -> Table:
    """Return a link's table."""
    return {"name": name, "rate": rate, "delay": delay, "queue": queue}


def udp(seconds: float) -> Scenario:
    """UDP at a constant rate over one link of 16 Mbit/s and 20 ms."""
    flow = {"kind": "udp", "rate": f"{UDP_RATE:.0f}bit", "packet_size": UDP_PAYLOAD}
    return scenario([link("16Mbit", "20ms")], flow, seconds)


def bulk(seconds: float) -> Scenario:
    """One bulk TCP flow over the same link."""
    return scenario([link("16Mbit", "20ms")], DOWNLOAD, seconds)


def two_paths(seconds: float) -> Scenario:
    """One inner CUBIC flow through a tunnel over two unequal paths, its default parts."""
    links = [link("16Mbit", "10ms"), link("8Mbit", "40ms", "b")]
    return scenario(links, DOWNLOAD, seconds, tunnel=True)


def fast_bulk(seconds: float) -> Scenario:
    """One bulk TCP flow over a link of 1 Gbit/s and 20 ms: thousands of packets in flight."""
    return scenario([link("1Gbit", "20ms", queue="1bdp")], DOWNLOAD, seconds)


def fast_two_paths(seconds: float) -> Scenario:
    """The tunnel over two paths of 500 Mbit/s."""
    links = [link("500Mbit", "10ms", queue="1bdp"), link("500Mbit", "40ms", "b", queue="1bdp")]
    return scenario(links, DOWNLOAD, seconds, tunnel=True)


def cost(wanted: Scenario) -> Cost:
    """Run a scenario from beginning to result, and say what it took."""
    gc.collect()
    began = time.process_time()
    result = run(wanted)
    cpu = time.process_time() - began
    hops = sum(row["total"]["delivered_packets"] for row in result.data["links"])
    return Cost(hops, cpu, wanted.warmup + wanted.duration)
