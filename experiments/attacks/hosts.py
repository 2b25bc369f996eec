"""The lab's hosts: network namespaces, two hubs between the portals, a cable to the client and one to the server.

What is at work is Linux alone (ip, tc, ethtool). Each access link is shaped where a portal sends; the third host's is
not, so that all that it says arrives. Offloads are off: what is captured is what was on the wire.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.attacks import scene
from mpsim.errors import WorldError

HOSTS = (scene.CLIENT, scene.HERE, scene.MALLORY, scene.THERE, scene.SERVER)
LAN = "lan"  # the interface of client and server, and of a portal towards them
RATE = "20mbit"  # of each access link, each way
SHAPER = ("tbf", "rate", RATE, "burst", "16kb", "limit", "100kb")
PREFIX = 24
NAMESPACES = Path("/run/netns")  # where ip mounts them
SYSCTLS = (
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
    "net.ipv4.ip_forward=1",
    "net.ipv4.conf.all.send_redirects=0",
    "net.ipv4.tcp_no_metrics_save=1",
)
_TIMEOUT = 30.0  # s


def run(*command: str, host: str | None = None) -> str:
    """Run a command, in a host if one is named; raises WorldError if it fails."""
    full = within(host, command)
    try:
        done = subprocess.run(full, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorldError(f"{command[0]}: {error}") from None
    if done.returncode:
        raise WorldError(f"{' '.join(full)}: {' '.join(done.stderr.split()) or f'status {done.returncode}'}")
    return done.stdout


def within(host: str | None, command: Sequence[str]) -> list[str]:
    """Return a command as it is run in a host."""
    return list(command) if host is None else ["ip", "netns", "exec", host, *command]


def start(host: str, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program in a host."""
    return subprocess.Popen(within(host, command), **options)


def build() -> None:
    """Make all of it; to be called once, in namespaces of its own."""
    NAMESPACES.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", str(NAMESPACES))  # or ours were among the machine's
    for host in HOSTS:
        run("ip", "netns", "add", host)
        run("sysctl", "-qw", *SYSCTLS, host=host)
        run("ip", "link", "set", "dev", "lo", "up", host=host)
    run("sysctl", "-qw", *SYSCTLS[:2])
    for segment in scene.SEGMENTS:
        _lay_segment(segment)
    for portal, behind in scene.BEHIND.items():
        _lay_cable(portal, behind)


def lead_into_tunnel(portal: str, other: str) -> None:
    """Route what lies behind the other portal into a portal's TUN."""
    run("ip", "route", "add", f"{scene.inner_network(other)}.0/{PREFIX}", "dev", scene.TUN[portal], host=portal)


def _lay_segment(segment: int) -> None:
    hub = f"hub{segment}"
    run("ip", "link", "add", hub, "type", "bridge")
    run("ip", "link", "set", "dev", hub, "up")
    for host in (scene.HERE, scene.THERE, scene.MALLORY):
        name, plug = scene.interface(segment, host), f"{hub}-{host}"[:15]
        run("ip", "link", "add", plug, "type", "veth", "peer", "name", name, "netns", host)
        run("ip", "link", "set", "dev", plug, "master", hub)
        # A hub: no port learns who is where, so everything goes to all.
        run("ip", "link", "set", "dev", plug, "type", "bridge_slave", "learning", "off", "flood", "on")
        _without_offloads(plug)
        _without_offloads(name, host)
        run("ip", "link", "set", "dev", plug, "up")
        run("ip", "link", "set", "dev", name, "address", scene.ethernet_address(segment, host), "up", host=host)
        run("ip", "address", "add", f"{scene.address(segment, host)}/{PREFIX}", "dev", name, host=host)
        if host != scene.MALLORY:
            run("tc", "qdisc", "add", "dev", name, "root", *SHAPER, host=host)


def _lay_cable(portal: str, behind: str) -> None:
    run("ip", "link", "add", LAN, "netns", portal, "type", "veth", "peer", "name", LAN, "netns", behind)
    network = scene.inner_network(portal)
    for host, number in ((portal, 1), (behind, 2)):
        _without_offloads(LAN, host)
        run("ip", "link", "set", "dev", LAN, "mtu", str(scene.INNER_MTU), "up", host=host)
        run("ip", "address", "add", f"{network}.{number}/{PREFIX}", "dev", LAN, host=host)
    run("ip", "route", "add", "default", "via", f"{network}.1", host=behind)


def _without_offloads(name: str, host: str | None = None) -> None:
    run("ethtool", "-K", name, "tx", "off", "gso", "off", "tso", "off", "gro", "off", host=host)
