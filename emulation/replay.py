"""Replayed traffic on real packets: a sender in one end host, a receiver that counts in the other.

    write_schedules (before the network exists: a fault of the input is told in time)
        -> folder/replay-N.pcap -> the sender (python -m emulation.replay FOLDER send N)
                                -> the receiver (python -m emulation.replay FOLDER receive N)

Packets are sent as they are (IP_HDRINCL, ip(7)) and seen by a packet socket before the receiving kernel
looks at them. They come from an address of their own (synthetic.replay_source), to which the receiving
host answers nothing: it has no part in the conversation that is replayed, and a reset or an "unreachable"
for each packet would be load that nobody asked for. Which packet one is stands in its identification.
"""

from __future__ import annotations

import ctypes
import math
import signal
import socket
import struct
import subprocess
import sys
import time
from array import array
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random

from emulation import addresses as at
from emulation.loop import BATCH, Loop
from emulation.program import Job, announce_ready, leave
from mpsim.flow_sources import number_from_wire, open_flow
from mpsim.headers import address, payload_size
from mpsim.metrics import percentiles
from mpsim.pcap import PcapWriter, read_pcap
from mpsim.scenario import FlowSpec, Scenario
from mpsim.synthetic import replay_source

KINDS = frozenset({"pcap", "scapy"})
BUFFER = 16 * 1024 * 1024  # bytes, of the receiver
LONGEST = 65_535
DRAIN = 0.7  # s that the receiver listens on after it was told to stop, for what is on its way

# asm-generic/socket.h, linux/if_packet.h, linux/if_ether.h; the socket module does not name them all.
_SO_RCVBUFFORCE, _SO_ATTACH_FILTER = 33, 26
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_ETH_P_IP = 0x0800
# Classic BPF (linux/filter.h): load a word, compare, return.
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_SOURCE_OFFSET = 12  # of the source address in an IPv4 header


def end_hosts(spec: FlowSpec) -> tuple[str, str]:
    """Return the host that sends a flow and the one that receives it."""
    return (at.SERVER, at.CLIENT) if spec.direction == "inbound" else (at.CLIENT, at.SERVER)


def destination(scenario: Scenario, spec: FlowSpec) -> bytes:
    """Return the address that a flow's packets are sent to."""
    names = [link.name for link in scenario.link]
    client, server = at.end_addresses(None if spec.via == "tunnel" else names.index(spec.via))
    return address(client if spec.direction == "inbound" else server)


def schedule_file(folder: Path, index: int) -> Path:
    """Return where the packets of a flow wait to be sent; times count from the flow's start."""
    return folder / f"replay-{index}.pcap"


def write_schedules(scenario: Scenario, folder: Path, mtu: Callable[[FlowSpec], int]) -> None:
    """Read or make the packets of all replayed flows of a scenario; raises InputError.

    mtu: says how many bytes an IP packet of a flow may have on its way.
    """
    for index, spec in enumerate(scenario.flow):
        if spec.kind not in KINDS:
            continue
        assert spec.file is not None
        begin = -scenario.warmup if spec.start is None else spec.start
        length = (scenario.duration if spec.stop is None else spec.stop) - begin
        packets = open_flow(
            spec.kind,
            spec.file,
            scenario.folder,
            key=f"flow[{index}]",
            mtu=mtu(spec),
            source=replay_source(index),
            destination=destination(scenario, spec),
            random=Random(f"{scenario.seed}/flow/{spec.name}"),
        )
        with PcapWriter(schedule_file(folder, index)) as writer:
            for when, data in packets:
                if when >= length:
                    break
                writer.write(when, data)


class Sender:
    """Sends a schedule on time.

    Parameters
        schedule: (time in s, IP packet), in order of time
    """

    def __init__(self, schedule: list[tuple[float, bytes]]) -> None:
        self._left = deque(schedule)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.times = array("d")  # s of the loop's clock, when each packet was sent
        self.late = array("d")  # s, how much later than scheduled
        self.failures = 0

    def step(self, now: float) -> float:
        """Send what is due; return when the next packet is (s)."""
        left = self._left
        while left and left[0][0] <= now:
            due, data = left.popleft()
            try:
                self._socket.sendto(data, (socket.inet_ntoa(data[16:20]), 0))
            except OSError:  # no buffer, no route: the machine's fault, told apart from loss on the way
                self.failures += 1
            self.times.append(now)
            self.late.append(now - due)
        return left[0][0] if left else math.inf


class Receiver:
    """Sees the packets of one replayed flow arrive on an interface.

    Parameters
        interface: of this host
        source: the address that the flow's packets come from
    """

    def __init__(self, interface: str, source: bytes) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        _only_from(self._socket, source)
        self._socket.bind((interface, _ETH_P_IP))
        self.numbers = array("q")
        self.times = array("d")  # s, monotonic clock
        self.payloads = array("q")  # bytes
        self._expected = 0

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Take the packets that wait, a batch at most."""
        for _ in range(BATCH):
            try:
                data = self._socket.recv(LONGEST)
            except BlockingIOError:
                return
            number = number_from_wire(data[4] << 8 | data[5], self._expected)
            self._expected = max(self._expected, number + 1)
            self.numbers.append(number)
            self.times.append(time.monotonic())
            self.payloads.append(payload_size(data))

    def dropped(self) -> int:
        """Return how many packets the kernel had no room for, since the last time."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return int(struct.unpack("II", statistics)[1])


def _only_from(opened: socket.socket, source: bytes) -> None:
    """Let the kernel pass on only packets from one address (socket(7), SO_ATTACH_FILTER)."""
    steps = [
        (_LOAD_WORD, 0, 0, _SOURCE_OFFSET),
        (_JUMP_IF_EQUAL, 0, 1, int.from_bytes(source, "big")),
        (_RETURN, 0, 0, LONGEST),
        (_RETURN, 0, 0, 0),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HP", len(steps), ctypes.addressof(code))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def answer_nothing(source: bytes) -> None:
    """Let this host's answers to an address lead nowhere."""
    route = ["ip", "route", "replace", "blackhole", f"{socket.inet_ntoa(source)}/32"]
    subprocess.run(route, check=True, capture_output=True, timeout=10)


def send(folder: Path, index: int) -> None:
    """Be the sender of a flow; the start that it is told is the flow's."""
    sender = Sender(list(read_pcap(schedule_file(folder, index))))
    origin = announce_ready()
    loop = Loop(origin, sender.step)
    loop.stop_on(signal.SIGTERM)
    loop.run()
    report = {
        "times": [origin + when for when in sender.times],
        "late_s": percentiles(sender.late, 50, 99, 100),
        "failures": sender.failures,
    }
    leave(folder, f"replay-{index}-send", report)


def receive(folder: Path, index: int) -> None:
    """Be the receiver of a flow; it listens from when it is ready."""
    _, scenario = Job.read(folder)
    _, host = end_hosts(scenario.flow[index])
    interface = at.CLIENT_INTERFACE if host == at.CLIENT else at.SERVER_INTERFACE
    answer_nothing(replay_source(index))
    receiver = Receiver(interface, replay_source(index))
    announce_ready()
    loop = Loop(0.0, lambda _: math.inf)
    loop.add_reader(receiver.fileno(), receiver.drain)
    told = signal.SIGTERM
    signal.signal(told, lambda *_: loop.call_at(loop.now() + DRAIN, lambda _: loop.stop()))
    # The handler runs between two wake-ups at most this far apart, so that the alarm it sets is seen.
    loop.call_every(loop.now(), 0.1, lambda _: None)
    loop.run()
    receiver.drain()
    report = {
        "numbers": list(receiver.numbers),
        "times": list(receiver.times),
        "payloads": list(receiver.payloads),
        "dropped": receiver.dropped(),
    }
    leave(folder, f"replay-{index}-receive", report)


if __name__ == "__main__":
    {"send": send, "receive": receive}[sys.argv[2]](Path(sys.argv[1]), int(sys.argv[3]))
