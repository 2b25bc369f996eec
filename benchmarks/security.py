"""What authenticity costs a portal: two endpoints in memory, datagrams as bytes, no network between them."""

from __future__ import annotations

import gc
import time
from statistics import median

from benchmarks.table import Line
from mpsim.build import build_endpoint
from mpsim.scenario import parse
from mpsim.tunnel.datagrams import Datagram
from mpsim.tunnel.endpoint import Endpoint, pump
from mpsim.tunnel.packet import Packet

INNER = 1400  # bytes of a packet
BATCH = 32  # packets that a portal reads at once
STEP = 0.0005  # s between two batches, and each way
# The target, us of CPU for each packet at each of the two portals, more than without protection.
MOST_US = 8.0


def inner_packet() -> bytes:
    """Return an IPv4 and UDP packet."""
    head = b"\x45\0" + INNER.to_bytes(2, "big")
    return (head + bytes.fromhex("00010000401100000a0000010a0000021389138a05640000")).ljust(INNER, b"\0")


def endpoints(mode: str) -> list[Endpoint]:
    """Return both ends of a tunnel of one path, without a window that holds packets back."""
    scenario = parse(
        {
            "schema": 1,
            "name": "security",
            "warmup": "1s",
            "duration": "1s",
            "tunnel": {"mode": mode, "congestion": "none"},
            "link": [{"name": "a", "rate": "1Gbit", "delay": "1ms"}],
            "flow": [{"kind": "ping"}],
        }
    )
    return [build_endpoint(scenario, side, epoch=epoch) for epoch, side in enumerate(("local", "remote"), 1)]  # type: ignore[arg-type]


class Crossings:
    """Two endpoints and their clock."""

    def __init__(self, mode: str) -> None:
        self._ends = endpoints(mode)
        self._now = 0.0
        self.delivered = 0
        while not all(end.paths[0].up for end in self._ends):
            self._exchange()

    def _exchange(self) -> None:
        """Let a step of time go by, in which everything that was sent arrives."""
        self._now = now = self._now + STEP
        for number, end in enumerate(self._ends):
            other = self._ends[1 - number]
            if end.next_timeout() <= now:
                end.handle_timeout(now)
            out: list[bytes] = []

            def send(datagram: Datagram, end: Endpoint = end, out: list[bytes] = out) -> None:
                data = end.to_bytes(datagram)
                if data is not None:
                    out.append(data)

            pump(end, now, send, self._deliver)
            for data in out:
                other.receive_bytes(data, 0, now)

    def _deliver(self, packet: Packet) -> None:
        self.delivered += 1

    def carry(self, packets: int) -> float:
        """Bring so many packets from one end to the other; return the CPU time (us) for each at each portal."""
        data = inner_packet()
        local = self._ends[0]
        gc.collect()
        before = self.delivered
        began = time.process_time()
        for _ in range(packets // BATCH):
            for _ in range(BATCH):
                local.receive_packet(Packet.from_bytes(data), self._now)
            self._exchange()
        cpu = time.process_time() - began
        count = packets // BATCH * BATCH
        self._exchange()
        if self.delivered - before != count:
            raise AssertionError(f"{count} packets were sent, {self.delivered - before} came")
        return cpu / count / 2 * 1e6


def measure(repetitions: int, packets: int) -> dict[str, float]:
    """Return the CPU time (us) for a packet at a portal, by mode: medians of runs that alternate."""
    crossings = {mode: Crossings(mode) for mode in ("none", "mac", "aead")}
    costs: dict[str, list[float]] = {mode: [] for mode in crossings}
    for _ in range(repetitions):
        for mode, crossing in crossings.items():
            costs[mode].append(crossing.carry(packets))
    return {mode: median(found) for mode, found in costs.items()}


def lines(repetitions: int, scale: float) -> list[Line]:
    """Return the rows of the table: what protection takes, as a part of what it may take."""
    cost = measure(3 * repetitions, round(20_000 * scale))
    return [
        Line(
            f"CPU per packet and portal, mode {mode}",
            f"{cost[mode]:.1f} us",
            f"none {cost['none']:.1f} us and {MOST_US:g} us more",
            (cost[mode] - cost["none"]) / MOST_US,
            1,
            at_most=True,
        )
        for mode in ("aead", "mac")
    ]
