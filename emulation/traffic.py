"""The load: iperf3 for TCP and UDP, ping; which program carries a flow, and when it is to start and stop.

iperf3's client always runs in the client host, with -R for what comes inbound, so that only the server
host has servers. Each flow has a server and two ports of its own, by which its packets are found in
the captures.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emulation import addresses as at
from emulation import mptcp
from emulation.waiting import wait_for_line
from mpsim.build import is_multipath
from mpsim.errors import WorldError
from mpsim.scenario import FlowSpec, Scenario

FIRST_SERVER_PORT = 5201
FIRST_CLIENT_PORT = 16_001
FIRST_ECHO_ID = 1
SERVER_TIMEOUT = 10.0  # s
END_TIMEOUT = 5.0  # s
CONNECT_TIMEOUT_MS = 10_000
# Before iperf3 sends data it connects, agrees on the test and connects again (its own documentation's states
# PARAM_EXCHANGE, CREATE_STREAMS, TEST_START, TEST_RUNNING), a round trip each.
SETUP_ROUND_TRIPS = 5
SETUP_TIME = 0.02  # s, to start the program
# The kernel's names for the algorithms of RFC 6582 and RFC 9438.
KERNEL_CONGESTION = {"newreno": "reno"}


class Starter(Protocol):
    """What starts a program in a host (topology.Network)."""

    def start(self, host: str, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start it."""


@dataclass(frozen=True)
class Plan:
    """One flow: who talks to whom by which ports, and when (s of run time)."""

    index: int
    spec: FlowSpec
    sender: str
    client_address: str
    server_address: str
    start: float
    stop: float
    setup: float  # s between the program's start and its first data
    multipath: bool = False  # whether its TCP is Multipath TCP (mptcp.py)

    @property
    def server_port(self) -> int:
        """The flow's port in the server host."""
        return FIRST_SERVER_PORT + self.index

    @property
    def client_port(self) -> int:
        """The flow's port in the client host."""
        return FIRST_CLIENT_PORT + self.index

    @property
    def echo_id(self) -> int:
        """The identifier of a ping's packets (RFC 792)."""
        return FIRST_ECHO_ID + self.index


def plan(scenario: Scenario) -> list[Plan]:
    """Return what is to be done for each flow of a scenario."""
    names = {spec.name: index for index, spec in enumerate(scenario.link)}
    plans = []
    for index, flow in enumerate(scenario.flow):
        via = None if flow.via == "tunnel" else names[flow.via]
        family = at.IPV4 if flow.arrivals == "poisson" else scenario.topology.inner
        client, server = at.end_addresses(via, family)
        spec = scenario.link[via or 0]
        round_trip = spec.delay.down + spec.delay.up + 2 * scenario.topology.server_delay
        start = 0.0 if flow.start is None else scenario.warmup + flow.start
        stop = scenario.duration if flow.stop is None else flow.stop
        plans.append(
            Plan(
                index,
                flow,
                at.SERVER if flow.direction == "inbound" else at.CLIENT,
                client,
                server,
                start,
                scenario.warmup + stop,
                SETUP_TIME + SETUP_ROUND_TRIPS * round_trip if flow.kind in {"tcp", "udp"} else 0.0,
                multipath=is_multipath(scenario, flow),
            )
        )
    return plans


def kernel_congestion(flow: FlowSpec) -> str:
    """Return the kernel's name of a TCP flow's congestion control; raises WorldError if it has none."""
    return kernel_name(flow.congestion or "cubic", f"flow {flow.name}")


def kernel_name(spec: Any, whose: str) -> str:
    """Return the kernel's name of a congestion control; raises WorldError, saying whose it is, if it has none."""
    name = spec if isinstance(spec, str) else str(spec.get("name"))
    if isinstance(spec, dict) and len(spec) > 1:
        raise WorldError(f"{whose}: the kernel's TCP takes no parameters for its congestion control {name}")
    wanted = KERNEL_CONGESTION.get(name, name)
    known = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    if wanted not in known:
        raise WorldError(f"{whose}: this kernel's TCP has no {name}; it has {', '.join(known)}")
    return wanted


class Flow:
    """A flow of iperf3 or ping while the run goes on."""

    def __init__(self, plan: Plan, hosts: Starter) -> None:
        self.plan = plan
        self._hosts = hosts
        self._server: subprocess.Popen[bytes] | None = None
        self._client: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def prepare(self) -> None:
        """Start what has to listen before the flow may begin, and wait until it does."""
        if self.plan.spec.kind == "ping":
            return
        command = ["iperf3", "-s", "-1", "-p", str(self.plan.server_port), "--forceflush"]
        self._server = self._hosts.start(
            at.SERVER, self._wrapped(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._server.stdout is not None
        if not wait_for_line(self._server.stdout, "Server listening", SERVER_TIMEOUT):
            raise WorldError(f"flow {self.plan.spec.name}: iperf3's server did not start")

    def start(self) -> None:
        """Let it begin."""
        if self.plan.spec.kind == "ping":
            host, command = self.plan.sender, self._ping()
        else:
            host, command = at.CLIENT, self._wrapped(self._iperf3())
        self._client = self._hosts.start(host, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _wrapped(self, command: list[str]) -> list[str]:
        return mptcp.wrapped(command) if self.plan.multipath else command

    def processes(self) -> dict[str, int]:
        """Return the flow's processes that run."""
        name = self.plan.spec.name
        both = {f"{name} (client)": self._client, f"{name} (server)": self._server}
        return {role: process.pid for role, process in both.items() if process is not None and process.poll() is None}

    def stop(self) -> None:
        """Let it end."""
        self._stopped = True
        if self._client is not None and self._client.poll() is None:
            self._client.send_signal(signal.SIGINT)

    def finish(self) -> dict[str, Any]:
        """Wait for its end; return what the program said."""
        out, error = b"", b""
        if self._client is not None:
            try:
                out, error = self._client.communicate(timeout=END_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._client.kill()
                out, error = self._client.communicate()
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
        return self._report(out, error.decode(errors="replace").strip())

    def _report(self, out: bytes, error: str) -> dict[str, Any]:
        name = self.plan.spec.name
        if self.plan.spec.kind == "ping":
            return {"name": name, "error": error or None}
        report: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            report = json.loads(out)
        problem = report.get("error", error or None)
        # We end every flow by an interrupt; that one is no fault.
        if self._stopped and problem and "interrupt" in problem:
            problem = None
        end = report.get("end", {})
        return {
            "name": name,
            "error": problem,
            "iperf3": {
                "version": report.get("start", {}).get("version"),
                "sent": end.get("sum_sent"),
                "received": end.get("sum_received"),
                "sum": end.get("sum"),
            },
        }

    def _iperf3(self) -> list[str]:
        plan, spec = self.plan, self.plan.spec
        # Longer than wanted: it is ended by our interrupt, at the time that we mean.
        how_long = ["-n", str(spec.bytes)] if spec.bytes else ["-t", str(math.ceil(plan.stop - plan.start) + 60)]
        return [
            "iperf3", "-c", plan.server_address, "-B", plan.client_address,
            "-p", str(plan.server_port), "--cport", str(plan.client_port),
            "--json", "--connect-timeout", str(CONNECT_TIMEOUT_MS),
            *how_long, *self._kind(), *(["-R"] if spec.direction == "inbound" else []),
        ]  # fmt: skip

    def _kind(self) -> list[str]:
        spec = self.plan.spec
        if spec.kind == "tcp":
            return ["-C", kernel_congestion(spec)]
        assert spec.rate is not None
        return ["-u", "-b", str(round(spec.rate)), "-l", str(spec.packet_size)]

    def _ping(self) -> list[str]:
        plan, spec = self.plan, self.plan.spec
        ends = (plan.client_address, plan.server_address)
        source, target = ends if plan.sender == at.CLIENT else ends[::-1]
        return [
            "ping", "-n", "-q", "-i", str(spec.interval), "-s", str(spec.size), "-e", str(plan.echo_id),
            "-I", source, target,
        ]  # fmt: skip
