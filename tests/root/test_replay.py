"""A capture replayed between two real hosts: what arrives is what was sent, and nobody answers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from emulation import addresses as at
from emulation.program import Job, Program
from emulation.replay import end_hosts, schedule_file, write_schedules
from emulation.waiting import wait_for_line, wait_until
from mpsim.errors import InputError
from mpsim.pcap import read_pcap
from mpsim.scenario import Scenario, load

pytestmark = pytest.mark.root

SCENARIO = """
schema = 1
name = "replayed"
warmup = "0s"
duration = "1s"

[[link]]
name = "only"
rate = "100Mbit"
delay = "1ms"

[[flow]]
kind = "pcap"
file = "some.pcap"
direction = "inbound"

[[flow]]
kind = "scapy"
file = "mine.py:packets"
direction = "outbound"
"""
FUNCTION = """
from scapy.all import IP, TCP
def packets():
    for number in range(1 << 30):
        yield number / 100, IP(dst="9.9.9.9", tos=184) / TCP(dport=80, flags="S")
"""
COUNT = 200


class Hosts:
    """Client and server, joined by one cable; each a network namespace that a sleeping process holds."""

    def __init__(self) -> None:
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        for host in at.END_HOSTS:
            command = ["unshare", "--net", "sh", "-c", "echo ready; exec sleep 60"]
            holder = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert holder.stdout is not None
            self._holders[host] = holder
            assert wait_for_line(holder.stdout, "ready", 10)
        server = self._holders[at.SERVER].pid
        self.run(at.CLIENT, f"link add {at.CLIENT_INTERFACE} type veth peer name {at.SERVER_INTERFACE} netns {server}")
        ends = (
            (at.CLIENT, at.CLIENT_INTERFACE, at.CLIENT_ADDRESS),
            (at.SERVER, at.SERVER_INTERFACE, at.SERVER_ADDRESS),
        )
        for host, interface, address in ends:
            self.run(host, f"address add {address}/8 dev {interface}")
            self.run(host, f"link set dev {interface} up")
            # Answers could go somewhere, if they were given.
            peer = at.SERVER_ADDRESS if host == at.CLIENT else at.CLIENT_ADDRESS
            self.run(host, f"route add default via {peer}")

    def run(self, host: str, command: str) -> str:
        words = ["nsenter", "-t", str(self._holders[host].pid), "-n", "ip", *command.split()]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=10).stdout

    def start(self, host: str, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["nsenter", "-t", str(self._holders[host].pid), "-n", *command], **options)

    def received(self, host: str) -> int:
        """IPv4 packets that have come to the host."""
        words = ["nsenter", "-t", str(self._holders[host].pid), "-n", "cat", "/proc/net/snmp"]
        text = subprocess.run(words, check=True, capture_output=True, text=True, timeout=10).stdout
        names, values = (line.split() for line in text.splitlines() if line.startswith("Ip:"))
        return int(values[names.index("InReceives")])

    def close(self) -> None:
        for holder in self._holders.values():
            holder.kill()
            holder.communicate()


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    yield made
    made.close()


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    kinds = [TCP(flags="A"), UDP(dport=9), ICMP(), TCP(flags="S", dport=1)]
    packets = []
    for number in range(COUNT):
        packet = Ether() / IP(src="1.2.3.4", dst="5.6.7.8") / kinds[number % 4] / bytes(number)
        packet.time = 100 + number * 0.002
        packets.append(packet)
    wrpcap(str(tmp_path / "some.pcap"), packets)
    (tmp_path / "mine.py").write_text(FUNCTION)
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    return load(tmp_path / "scenario.toml")


def test_schedules_are_written_up_to_the_end_of_the_flow(scenario: Scenario, tmp_path: Path) -> None:
    write_schedules(scenario, tmp_path, lambda _: 1500)
    assert len(list(read_pcap(schedule_file(tmp_path, 0)))) == COUNT
    assert len(list(read_pcap(schedule_file(tmp_path, 1)))) == 100
    with pytest.raises(InputError, match=r"flow\[0\].file: max 200 bytes"):
        write_schedules(scenario, tmp_path, lambda _: 200)


def test_replay_between_hosts(scenario: Scenario, tmp_path: Path, hosts: Hosts) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write_schedules(scenario, folder, lambda _: 1500)
    Job("own", None, 1).write(folder, scenario)
    ends = {}
    for index, flow in enumerate(scenario.flow):
        for role, host in zip(("send", "receive"), end_hosts(flow), strict=True):
            start = partial(hosts.start, host)
            ends[role, index] = Program(f"replay-{index}-{role}", start, "emulation.replay", folder, role, str(index))
    for program in ends.values():
        program.wait_ready()
    for index in range(2):
        ends["receive", index].go(0.0)
    began = time.monotonic()
    for index in range(2):
        ends["send", index].go(began)
    counts = {at.CLIENT: COUNT, at.SERVER: 100}
    assert wait_until(lambda: all(hosts.received(host) >= count for host, count in counts.items()), 10)
    for index, count in enumerate((COUNT, 100)):
        sent, received = ends["send", index].stop(), ends["receive", index].stop()
        assert (sent["failures"], received["dropped"]) == (0, 0)
        assert len(sent["times"]) == count
        assert received["numbers"] == list(range(count)), "each once, in order"
        assert all(before < after for before, after in zip(sent["times"], received["times"], strict=True))
        # Without the headers, packet `number` of the capture has as many bytes; a SYN has none.
        assert sum(received["payloads"]) == (0 if index else sum(range(COUNT)))
    assert {host: hosts.received(host) for host in counts} == counts, "somebody answered"
