"""The link process shapes real frames: in order, no earlier than the model, at no more than the rate."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulation import addresses as at
from emulation.cable import Cable
from emulation.loop import Loop
from emulation.program import Job, Program
from emulation.waiting import wait_until
from mpsim.errors import WorldError
from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate
from mpsim.scenario import parse

pytestmark = pytest.mark.root

DELAY = 0.02  # s
RATE = 8e6  # bit/s
SIZE = 1000  # IP bytes
COUNT = 50
FRAME = bytes(12) + b"\x08\x00"
LONG = 20.0  # s


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """Two descriptors that keep packets apart, each with its far end: what TAPs are to a cable."""
    ends = [end for _ in range(2) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
    for end in ends:
        end.setblocking(False)
    yield tuple(end.fileno() for end in ends)  # type: ignore[misc]
    for end in ends:
        end.close()


def test_a_cable_delays_shapes_and_keeps_the_order(pipes: tuple[int, int, int, int]) -> None:
    sender, source, target, receiver = pipes
    cable = Cable(Link(ConstantRate(RATE), delay=DELAY), source, target)
    origin = time.monotonic()
    loop = Loop(origin, lambda _: cable.deliver(loop) or float("inf"))
    loop.add_reader(source, lambda: cable.drain(loop))
    arrivals: list[tuple[float, int]] = []

    def read() -> None:
        arrivals.append((loop.now(), int.from_bytes(os.read(receiver, 2048)[14:18], "big")))
        if len(arrivals) == COUNT + 1:
            loop.stop()

    loop.add_reader(receiver, read)
    os.write(sender, bytes(12) + b"\x08\x06" + bytes(28))  # ARP passes at once
    begin = loop.now()
    for number in range(COUNT):
        os.write(sender, FRAME + number.to_bytes(4, "big") + bytes(SIZE - 4))
    loop.run()
    assert arrivals[0][1] == 0
    assert arrivals[0][0] < arrivals[1][0]
    assert [number for _, number in arrivals[1:]] == list(range(COUNT))
    transmission = SIZE * 8 / RATE
    for when, number in arrivals[1:]:
        assert when >= begin + (number + 1) * transmission + DELAY, "earlier than the model allows"
    assert cable.counters()["passed_free"] == 1
    assert cable.counters()["written"] == COUNT
    assert cable.link.delivered_bytes == COUNT * SIZE
    assert min(cable.lateness) >= 0


def test_the_link_process_makes_taps_serves_and_reports(tmp_path: Path) -> None:
    scenario = parse(
        {
            "schema": 1,
            "name": "links",
            "warmup": "0s",
            "duration": "300ms",
            "tunnel": {},
            "link": [{"name": "a", "rate": "8Mbit", "delay": "20ms"}],
            "flow": [{"kind": "tcp"}],
            "event": [{"at": "250ms", "link": "a", "up": False, "how": "carrier"}],
        }
    )
    Job("own", None, {}).write(tmp_path, scenario)

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["unshare", "--net", *command], **options)  # type: ignore[call-overload,no-any-return]

    program = Program("links", start, "emulation.links", tmp_path)
    program.wait_ready()
    inside = ["nsenter", "-t", str(program.process.pid), "-n", "ip", "-j", "link"]
    before = {row["ifname"]: row for row in json.loads(subprocess.check_output(inside))}
    assert {at.access_interface(side, 0) for side in at.PORTALS} <= set(before)
    assert before["mps-l0"]["address"] == at.ethernet_address(at.LOCAL, 0)
    for name in ("mps-l0", "mps-r0"):
        subprocess.run([*inside[:4], "ip", "link", "set", "dev", name, "up"], check=True)
    origin = time.monotonic()
    program.go(origin)
    program.wait_serving()

    def unplugged() -> bool:
        return any("NO-CARRIER" in row["flags"] for row in json.loads(subprocess.check_output(inside)))

    assert wait_until(unplugged, LONG), "the cable was not pulled"
    # It reports on the measured interval, so that has to be over.
    assert wait_until(lambda: time.monotonic() > origin + 0.5, LONG)
    report = program.stop()
    assert report["priority"].startswith(("fifo", "normal"))
    assert [(link["name"], link["direction"]) for link in report["links"]] == [("a", "inbound"), ("a", "outbound")]
    series = [row for row in report["links"][0]["series"] if row[0] < 0.29]
    assert [row[3] for row in series] == [1.0, 1.0, 0.0]


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = Program("links", subprocess.Popen, "emulation.links", tmp_path)
    with pytest.raises(WorldError, match="links did not start: FileNotFoundError"):
        program.wait_ready()
    program.process.communicate()
