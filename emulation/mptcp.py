"""The kernel's Multipath TCP (RFC 8684) between client and server: one subflow over every access link.

    client                       local portal                     remote portal              server
    main address    ------------ its route: link 0 -------------- by destination ----------- one address
    cross address N ------------ a rule by source: link N ------- by destination ----------- the same

The client opens the connection from its main address and joins one subflow from each further address
(the kernel's path manager, Documentation/networking/mptcp.rst); the portals only forward, as for `direct`. Links of a
higher metric than the first get backup subflows (RFC 8684, section 3.3.8).

The kernel does not look at carriers; on real machines the network's daemon takes an address away from the
path manager while its interface has none, and so does `on_carrier`. Of a silent loss nobody is told.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from emulation import addresses as at
from mpsim.errors import WorldError
from mpsim.scenario import Scenario
from mpsim.worlds import Check

WRAPPER = "mptcpize"  # makes a program's TCP sockets Multipath TCP's
PACKAGE = "mptcpize"
ENABLED = Path("/proc/sys/net/mptcp/enabled")
FIRST_TABLE = 100  # routing tables by source, one a link; those below 253 are free (ip-route(8))
FIRST_LINK_ID = 200  # address identifier of the main address once it is given back; of further links their number
MOST_JOINED = 8  # subflows (MPTCP_PM_ADDR_MAX)
MOST_LINKS = 9  # the first and what the kernel's path manager joins at most (MPTCP_PM_ADDR_MAX, 8)
# s; an address offered before the cable is plugged in would lose its first SYN, and wait a second for the next.
CARRIER_DELAY = 0.05


class Hosts(Protocol):
    """Where commands are run (topology.Network)."""

    def run(self, host: str, command: Sequence[str], text: str = "") -> str:
        """Run a program in a host to its end; return what it said."""


def doctor() -> Check:
    """Say whether this machine has Multipath TCP; only scenarios that ask for it need it."""
    name = "Multipath TCP"
    if not ENABLED.exists():
        return Check(name, False, "not in this kernel", "a kernel with CONFIG_MPTCP=y (Linux 5.6 or newer)")
    if not _tool_knows_it():
        return Check(name, False, "the kernel has it, ip does not", "iproute2 5.11 or newer")
    found = shutil.which(WRAPPER)
    remedy = "" if found else f"apt-get install -y --no-install-recommends {PACKAGE}"
    return Check(name, found is not None, f"the kernel has it; {found or f'no {WRAPPER}'}", remedy)


def _tool_knows_it() -> bool:
    try:
        said = subprocess.run(["ip", "mptcp", "help"], capture_output=True, text=True, timeout=10.0, check=False)
    except OSError:
        return False
    return "endpoint" in said.stderr + said.stdout


def require(scenario: Scenario) -> None:
    """Raise WorldError if a scenario asks for Multipath TCP and this machine cannot."""
    if scenario.tunnel is not None and scenario.tunnel.transport == "mptcp":
        raise WorldError('a tunnel over Multipath TCP (transport "mptcp") is simulated only; emulated: udp, tcp, ip')
    if scenario.mptcp is None:
        return
    if scenario.mptcp.ends != "hosts":
        raise WorldError('proxies that speak Multipath TCP (ends = "proxies") are simulated only')
    check = doctor()
    if not check.ok:
        raise WorldError(f"this scenario needs {check.name}: {check.detail}; {check.remedy}")
    if len(scenario.link) > MOST_LINKS:
        raise WorldError(
            f"the kernel's Multipath TCP has {MOST_LINKS} subflows at most; given {len(scenario.link)} links"
        )
    topology = scenario.topology
    if topology.inner != at.IPV4 or topology.outer != at.IPV4 or topology.single_interface:
        raise WorldError("Multipath TCP is emulated over IPv4 and a remote portal of two interfaces only")


def wrapped(command: Sequence[str]) -> list[str]:
    """Return a command whose TCP sockets will be Multipath TCP's."""
    return [WRAPPER, "run", *command]


def set_up(hosts: Hosts, scenario: Scenario) -> None:
    """Let the client's further addresses lead over the further links, and tell both kernels of them.

    The congestion control needs no setting: what a program sets on its socket, the kernel gives to each
    subflow, also to those joined later. A namespace of its own could not set its default to any but those
    that the machine allows to everybody (tcp_allowed_congestion_control).
    """
    assert scenario.mptcp is not None
    joined = len(scenario.link) - 1
    settings = {
        "net.mptcp.enabled": "1",
        # Shared by all subflows of a connection, as the simulated one's.
        "net.ipv4.tcp_rmem": f"4096 131072 {scenario.mptcp.receive_window}",
    }
    for host in at.END_HOSTS:
        hosts.run(host, ["sysctl", "-q", "-w", *(f"{key}={value}" for key, value in settings.items())])
        # The client decides what is joined: nothing is offered to it.
        hosts.run(host, ["ip", "mptcp", "limits", "set", "subflows", _limit(scenario), "add_addr_accepted", "0"])
    for link in range(1, len(scenario.link)):
        address = at.cross_address(at.CLIENT, link)
        table = str(FIRST_TABLE + link)
        gateway = at.access_address(at.REMOTE, link)
        hosts.run(at.LOCAL, ["ip", "route", "add", at.end_network(at.SERVER), "via", gateway, "table", table])
        hosts.run(at.LOCAL, ["ip", "rule", "add", "from", address, "to", at.end_network(at.SERVER), "lookup", table])
        _offer(hosts, scenario, link)
    _check(hosts, _limit(scenario), joined)


def on_carrier(hosts: Hosts, scenario: Scenario, link: int, up: bool) -> None:
    """Give the address of a link to the client's path manager, or take it away: its interface has a carrier or none."""
    if up:
        _offer(hosts, scenario, link)
    elif link:
        hosts.run(at.CLIENT, ["ip", "mptcp", "endpoint", "delete", "id", str(link)])
    else:
        # The first subflow's address has no identifier of its own; it is given one when it comes back.
        hosts.run(at.CLIENT, ["ip", "mptcp", "endpoint", "delete", "id", "0", _address(0)])
        listed = hosts.run(at.CLIENT, ["ip", "mptcp", "endpoint", "show"])
        if f"id {FIRST_LINK_ID} " in listed:
            hosts.run(at.CLIENT, ["ip", "mptcp", "endpoint", "delete", "id", str(FIRST_LINK_ID)])


def carrier_events(scenario: Scenario) -> list[tuple[float, int, bool]]:
    """Return (s of run time, link, up) of each time that a link's carrier goes or comes back."""
    names = [spec.name for spec in scenario.link]
    lost: set[str] = set()
    found = []
    for event in sorted(scenario.event, key=lambda event: event.at):
        if event.up is False and event.how == "carrier" and event.link not in lost:
            lost.add(event.link)
            found.append((scenario.warmup + event.at, names.index(event.link), False))
        elif event.up and event.link in lost:
            lost.remove(event.link)
            found.append((scenario.warmup + event.at + CARRIER_DELAY, names.index(event.link), True))
    return found


def link_of(identifier: int) -> int:
    """Return the link that an address identifier of the client stands for."""
    return 0 if identifier == FIRST_LINK_ID else identifier


def _address(link: int) -> str:
    return at.cross_address(at.CLIENT, link) if link else at.end_address(at.CLIENT)


def _limit(scenario: Scenario) -> str:
    # One more than are joined at first: the first may come back as a joined one.
    return str(min(len(scenario.link), MOST_JOINED))


def _offer(hosts: Hosts, scenario: Scenario, link: int) -> None:
    backup = ["backup"] if scenario.link[link].metric > scenario.link[0].metric else []
    kind = ["subflow", *backup, "id", str(link or FIRST_LINK_ID)]
    hosts.run(at.CLIENT, ["ip", "mptcp", "endpoint", "add", _address(link), *kind, "dev", at.CLIENT_INTERFACE])


def _check(hosts: Hosts, limit: str, joined: int) -> None:
    """Read back what was set: some versions of ip ignore words they do not know without a word."""
    limits = hosts.run(at.CLIENT, ["ip", "mptcp", "limits", "show"])
    if f"subflows {limit}" not in limits:
        raise WorldError(f"the kernel did not take {limit} further subflows: {limits.strip()}")
    endpoints = hosts.run(at.CLIENT, ["ip", "mptcp", "endpoint", "show"]).splitlines()
    if len(endpoints) != joined:
        raise WorldError(f"the kernel has {len(endpoints)} of {joined} addresses for further subflows")
