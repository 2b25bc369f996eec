"""What client and server really sent and received: headers captured by tcpdump while the run goes on.

The kernel stamps both captures with one clock, so that one-way delays, losses and reordering of every
flow are known packet by packet; iperf3's own report knows none of them, nor when exactly it began.
"""

from __future__ import annotations

import re
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from emulation import addresses as at
from emulation.traffic import Starter
from emulation.waiting import wait_for_line
from mpsim.errors import WorldError

SNAP_LENGTH = 96  # bytes: Ethernet, IP and TCP with options, or iperf3's packet number in UDP
BUFFER_KIB = 16 * 1024
START_TIMEOUT = 10.0  # s
# tcpdump writes out what it holds only when its buffer is full or a second has passed: stopped sooner after the last
# packet (s) it loses the end, and counts nothing as dropped.
HELD_BACK = 1.4
TCP, UDP, ICMP = 6, 17, 1
_ICMPV6 = 58
_AS_ICMP = {128: 8, 129: 0}  # echo request and reply (RFC 4443, section 4) in the older numbers (RFC 792)
_IPV4, _IPV6 = 20, 40  # bytes of header
_FILE_HEADER = 24
_RECORD = struct.Struct("<IIII")
_ETHERNET = 14
_FLAGS_SYN = 0x02
_DROPPED = re.compile(r"(\d+) packets? dropped by (?:kernel|interface)")
_INTERFACES = {at.CLIENT: at.CLIENT_INTERFACE, at.SERVER: at.SERVER_INTERFACE}


class Seen(NamedTuple):
    """One packet as one host saw it."""

    time: float  # s, run time
    source: str  # the host that sent it
    protocol: int
    ports: tuple[int, int]  # of the client and the server; ICMP: (identifier, type)
    size: int  # IP bytes
    number: int  # what tells it from others of its flow: TCP (sequence, IP identification), UDP iperf3's number, ICMP's
    sequence: int  # TCP: of its first payload byte, modulo 2^32; UDP: the first four bytes of payload
    payload: int  # bytes
    syn: bool
    options: bytes = b""  # TCP's


class Capture:
    """tcpdump in the client or server host."""

    def __init__(self, host: str, hosts: Starter, folder: Path) -> None:
        self._host = host
        self._process = hosts.start(
            host,
            [
                "tcpdump", "-i", _INTERFACES[host], "-n", "-p", "-s", str(SNAP_LENGTH), "-B", str(BUFFER_KIB),
                "--time-stamp-precision", "nano", "-Z", "root", "-w", str(folder / f"{host}.headers"), "ip or ip6",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def wait_ready(self) -> None:
        """Wait until it captures."""
        assert self._process.stderr is not None
        if not wait_for_line(self._process.stderr, "listening on", START_TIMEOUT):
            raise WorldError(f"tcpdump did not start in the {self._host} host")

    def stop(self) -> int:
        """End it; return how many packets it missed."""
        self._process.send_signal(signal.SIGINT)
        _, error = self._process.communicate(timeout=START_TIMEOUT)
        return sum(int(number) for number in _DROPPED.findall(error.decode(errors="replace")))


def clock_offset() -> float:
    """Return what has to be taken off the clock that stamps captures to get the monotonic one (s)."""
    readings = []
    for _ in range(20):
        before = time.monotonic()
        real = time.time()
        after = time.monotonic()
        readings.append((after - before, real - (before + after) / 2))
    # The tightest one: during the others the process was put aside.
    return min(readings)[1]


def read_capture(path: Path, offset: float) -> Iterator[Seen]:
    """Yield what one host saw; `offset` (s) turns the capture's clock into run time."""
    data = memoryview(path.read_bytes())
    position = _FILE_HEADER
    end = len(data)
    while position + _RECORD.size <= end:
        seconds, nanoseconds, captured, length = _RECORD.unpack_from(data, position)
        position += _RECORD.size
        if position + captured > end:
            return  # tcpdump was ended within a write
        frame = data[position + _ETHERNET : position + captured]
        position += captured
        when = seconds - offset + nanoseconds * 1e-9
        seen = _parse(frame, when, length - _ETHERNET)
        if seen is not None:
            yield seen


def _parse(frame: memoryview, when: float, length: int) -> Seen | None:
    if len(frame) < _IPV4 + 8:
        return None
    version = frame[0] >> 4
    if version == 4:
        header, size, protocol, address = (frame[0] & 0xF) * 4, frame[2] << 8 | frame[3], frame[9], frame[12:16]
    elif version == 6 and len(frame) >= _IPV6 + 8:
        header, size, protocol, address = _IPV6, _IPV6 + (frame[4] << 8 | frame[5]), frame[6], frame[8:24]
    else:
        return None
    size = min(length, size)
    source = at.host_of(address)
    if protocol == TCP and len(frame) >= header + 20:
        return _tcp(frame, header, when, size, source)
    if protocol == UDP:
        near, far = _ports(frame, header, source)
        number = int.from_bytes(frame[header + 16 : header + 20], "big")
        first = int.from_bytes(frame[header + 8 : header + 12], "big")
        return Seen(when, source, UDP, (near, far), size, number, first, size - header - 8, False)
    kind = frame[header]
    if protocol == _ICMPV6:
        protocol, kind = ICMP, _AS_ICMP.get(kind, kind)
    if protocol == ICMP:
        identifier = int.from_bytes(frame[header + 4 : header + 6], "big")
        number = int.from_bytes(frame[header + 6 : header + 8], "big")
        return Seen(when, source, ICMP, (identifier, kind), size, number, 0, size - header - 8, False)
    return None


def _tcp(frame: memoryview, header: int, when: float, size: int, source: str) -> Seen:
    sequence = int.from_bytes(frame[header + 4 : header + 8], "big")
    length = (frame[header + 12] >> 4) * 4
    payload = size - header - length
    syn = bool(frame[header + 13] & _FLAGS_SYN)
    ports = _ports(frame, header, source)
    options = bytes(frame[header + 20 : header + length])
    # A retransmission has the sequence of the original. IPv6 has no identification; Linux's TCP begins its options
    # with two NOPs and a timestamp (RFC 7323) in ms, and repeats nothing within one.
    mark = frame[4] << 8 | frame[5] if header < _IPV6 else int.from_bytes(options[6:8], "big")
    return Seen(when, source, TCP, ports, size, sequence << 16 | mark, sequence, payload, syn, options)


def _ports(frame: memoryview, header: int, source: str) -> tuple[int, int]:
    first = frame[header] << 8 | frame[header + 1]
    second = frame[header + 2] << 8 | frame[header + 3]
    return (first, second) if source == at.CLIENT else (second, first)
