"""One portal: an Endpoint between a TUN and one channel a path (python -m emulation.portal FOLDER SIDE).

All that is known about tunnels is in the endpoint; here packets are only carried. After each wake-up
it steps once (mpsim/portal/driving.py), as a portal between real machines does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from array import array
from functools import partial
from pathlib import Path
from typing import Any

from emulation import addresses as at
from emulation.channels import Channel, open_channel
from emulation.loop import BATCH, Loop
from emulation.program import Job, announce_ready, leave
from emulation.stream import StreamChannel
from emulation.traffic import kernel_name
from mpsim.build import build_endpoint
from mpsim.pcap import PcapWriter
from mpsim.portal.driving import Driver
from mpsim.portal.sockets import UNAVAILABLE
from mpsim.portal.tun import has_carrier, open_tun, set_queue_length
from mpsim.scenario import Scenario
from mpsim.tunnel.endpoint import Endpoint
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import Datagram

TUN_QUEUE = 1000  # packets; the tunnel's own queue is in the endpoint, this one only bridges our wake-ups
LONGEST_PACKET = 65_535
BIN = 0.1  # s, of the series
# Before iperf3 and whatever else wants a CPU, but behind the links: the portals are what is measured.
NICENESS = -10
CARRIER_INTERVAL = 0.1  # s between two looks at the cables


class Portal:
    """The driver of one endpoint.

    Parameters
        scenario: what to run
        side: "local" or "remote"
        job: the rest
    """

    def __init__(self, scenario: Scenario, side: str, job: Job) -> None:
        self._side = side
        self._begin = scenario.warmup
        self._end = scenario.warmup + scenario.duration
        self._tun = open_tun(at.TUNNEL_INTERFACE)
        set_queue_length(at.TUNNEL_INTERFACE, TUN_QUEUE)
        outside = at.outside(scenario)
        self._interfaces = [outside.interface(side, link) for link in range(len(scenario.link))]
        self._channels = _open_channels(scenario, outside, side)
        self._streams = [(path, each) for path, each in enumerate(self._channels) if isinstance(each, StreamChannel)]
        self._carrier = [True] * len(self._channels)
        self.endpoint: Endpoint = build_endpoint(
            scenario,
            side,  # type: ignore[arg-type]
            epoch=job.epochs[side],
            entropy=os.urandom,
        )
        usable = [channel.connected for channel in self._channels]
        self._driver = Driver(self.endpoint, usable, send=self._send, deliver=self._deliver)
        self.endpoint.dispatch.trace, self.endpoint.incoming.trace = [], []
        self._trace = {"ingress": array("d"), "release": array("d")}
        self._captures = {}
        if job.pcap:
            folder = Path(job.pcap)
            self._captures = {way: PcapWriter(folder / f"tunnel-{side}-{way}.pcap") for way in ("in", "out")}
        self._loop: Loop
        self._counts = dict.fromkeys(
            (
                "inner_bytes",
                "tun_read",
                "tun_written",
                "tun_write_errors",
                "tun_odd",
                "send_errors",
                "send_blocked",
            ),
            0,
        )
        self._received = [0] * len(self._channels)
        self._sent = [0] * len(self._channels)
        # Bin start, path, cwnd, srtt, up, weight where the scheduler has one.
        self._series: list[tuple[float, int, float, float, float, float | None]] = []
        self._held: list[tuple[float, int]] = []  # bin start, bytes in the reorder buffers at its end
        self._snapshots: list[dict[str, Any]] = []
        self._srtt: list[list[float]] = [[] for _ in self._channels]

    def serve(self, origin: float) -> dict[str, Any]:
        """Carry packets until told to stop; return what was measured."""
        self._loop = loop = Loop(origin, self._step)
        loop.add_reader(self._tun, self._read_tun)
        for path, channel in enumerate(self._channels):
            loop.add_reader(channel.fileno(), partial(self._read_channel, path))
        loop.call_every(BIN, BIN, self._sample)
        loop.call_every(0.0, CARRIER_INTERVAL, self._watch_carrier)
        for when in (self._begin, self._end):
            loop.call_at(when, lambda _: self._snapshots.append(self._counters()))
        loop.stop_on(signal.SIGTERM)
        loop.run()
        self._drain_traces()
        return self._report()

    def _step(self, now: float) -> float:
        self._driver.step(now)
        while self._streams and self._fill_streams(now):
            self._driver.pump(now)
        return self.endpoint.next_timeout()

    def _read_tun(self) -> None:
        endpoint, now = self.endpoint, self._loop.now
        for _ in range(BATCH):
            try:
                data = os.read(self._tun, LONGEST_PACKET)
            except BlockingIOError:
                return
            self._counts["tun_read"] += 1
            if "in" in self._captures:
                self._captures["in"].write(now(), data)
            try:
                packet = Packet.from_bytes(data)
            except ValueError:
                self._counts["tun_odd"] += 1
                continue
            endpoint.receive_packet(packet, now())

    def _read_channel(self, path: int) -> None:
        endpoint, now = self.endpoint, self._loop.now
        found = self._channels[path].drain()
        self._received[path] += len(found)
        for data in found:
            endpoint.receive_bytes(data, path, now())

    def _send(self, datagram: Datagram) -> None:
        path = datagram.path
        data = self.endpoint.to_bytes(datagram)
        if data is None:  # no session yet
            return
        try:
            self._channels[path].send(data)
        except BlockingIOError:
            self._counts["send_blocked"] += 1
        except OSError as error:
            self._counts["send_errors"] += 1
            if error.errno in UNAVAILABLE:
                self._judge(path, False, self._loop.now())
        else:
            self._sent[path] += 1

    def _deliver(self, packet: Packet) -> None:
        try:
            os.write(self._tun, packet.payload)
        except OSError:
            self._counts["tun_write_errors"] += 1
            return
        self._counts["tun_written"] += 1
        self._counts["inner_bytes"] += packet.size
        if "out" in self._captures:
            self._captures["out"].write(self._loop.now(), packet.payload)

    def _fill_streams(self, now: float) -> bool:
        """Let streams go on; return whether one has room again for what the endpoint may want to send."""
        room = False
        for path, channel in self._streams:
            channel.flush()
            self._judge(path, self._carrier[path], now)
            told = self.endpoint.paths[path]
            if told.budget >= told.mss or not channel.connected:
                continue
            budget = channel.budget()
            if budget >= told.mss:
                self.endpoint.on_path_writable(path, budget, now)
                room = True
            else:
                channel.wait_for_room()
        return room

    def _watch_carrier(self, now: float) -> None:
        for path, interface in enumerate(self._interfaces):
            carrier = has_carrier(interface)
            if carrier and not self._carrier[path]:
                try:
                    self._channels[path].reopen()
                except OSError:  # gone again
                    carrier = False
            self._judge(path, carrier, now)
        for _, channel in self._streams:
            channel.tend(now)

    def _judge(self, path: int, carrier: bool, now: float) -> None:
        """Tell the endpoint if a path can be used, or no longer."""
        self._carrier[path] = carrier
        self._driver.judge(path, carrier and self._channels[path].connected, now)

    def _sample(self, now: float) -> None:
        measured = self._begin < now <= self._end + BIN / 2
        for path in self.endpoint.paths:
            weight = self.endpoint.dispatch.scheduler.measured_weight(path)
            self._series.append((now - BIN, path.index, path.cwnd, path.srtt, float(path.up), weight))
            if measured and path.srtt:
                self._srtt[path.index].append(path.srtt)
        self._held.append((now - BIN, self.endpoint.incoming.waiting_bytes()))
        self._drain_traces()

    def _drain_traces(self) -> None:
        for name, traced in (("ingress", self.endpoint.dispatch.trace), ("release", self.endpoint.incoming.trace)):
            if traced:
                kept = self._trace[name]
                for entry in traced:
                    kept.extend(entry)
                traced.clear()

    def _counters(self) -> dict[str, Any]:
        endpoint = self.endpoint
        return {
            "paths": [
                {
                    "datagrams": path.sent_datagrams,
                    "bytes": path.sent_bytes,
                    "lost": path.lost_datagrams,
                    "control_datagrams": path.control_datagrams,
                    "control_bytes": path.control_bytes,
                    "sent": self._sent[path.index],
                    "received": self._received[path.index],
                    "retransmitted": path.retransmitted + self._channels[path.index].retransmitted(),
                    "reinjected": path.reinjected,
                }
                for path in endpoint.paths
            ],
            "rejected": dict(endpoint.rejected),
            "duplicates": endpoint.incoming.duplicates,
            "received_data": endpoint.incoming.received_data,
            "received_packets": endpoint.received_packets,
            "delivered_packets": endpoint.incoming.delivered_packets,
            "abandoned_packets": endpoint.abandoned_packets,
            "ingress_drops": endpoint.ingress.drops,
            "recovered_packets": endpoint.incoming.recovered_packets,
            "socket_drops": [channel.dropped() for channel in self._channels],
            "receive_errors": sum(channel.receive_errors for channel in self._channels),
            "unsent": sum(channel.unsent for channel in self._channels),
            "cpu_s": time.process_time(),
            **self._counts,
        }

    def _report(self) -> dict[str, Any]:
        return {
            "side": self._side,
            "begin": self._snapshots[0],
            "end": self._snapshots[1],
            "total": self._counters(),
            "lag_s": self._loop.lag(self._begin, self._end),
            "srtt_s": self._srtt,
            "series": self._series,
            "held": self._held,
        }

    def close(self, folder: Path) -> None:
        """Write the traces, each three doubles an entry (class, tunnel sequence, time in s); finish the captures."""
        for name, entries in self._trace.items():
            with (folder / f"{self._side}-{name}.trace").open("wb") as file:
                entries.tofile(file)
        for capture in self._captures.values():
            capture.close()


def _open_channels(scenario: Scenario, outside: at.Outside, side: str) -> list[Channel]:
    tunnel = scenario.tunnel
    assert tunnel is not None
    congestion = kernel_name(tunnel.congestion, "tunnel") if tunnel.transport == "tcp" else ""
    return [open_channel(tunnel.transport, outside, side, link, congestion) for link in range(len(scenario.link))]


def main(folder: Path, side: str) -> None:
    """Be one portal of the run in `folder`."""
    job, scenario = Job.read(folder)
    with contextlib.suppress(PermissionError):
        os.nice(NICENESS)
    portal = Portal(scenario, side, job)
    report = portal.serve(announce_ready())
    portal.close(folder)
    leave(folder, side, report)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
