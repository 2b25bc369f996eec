"""The dissertation's testbed as Mininet hosts joined directly: no switch, no controller. The only Mininet import.

Mininet gives the hosts and the cables to client and server. An access link is a pair of TAPs that the
link process holds (links.py); this file moves them into the portals' hosts. Which addresses and routes
all of them get is in routes.py.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import Host

from emulation import addresses as at
from emulation.routes import Commands, Routes
from mpsim.errors import WorldError

COMMAND_TIMEOUT = 30.0  # s
# In the hosts' namespaces only. No metrics cache: a flow may not profit from the one before it.
SYSCTLS = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.tcp_no_metrics_save": "1",
    # Linux's usual limits; machines differ, and a receive window decides what a long path can carry.
    "net.ipv4.tcp_rmem": "4096 131072 6291456",
    "net.ipv4.tcp_wmem": "4096 16384 4194304",
}
# Where the scenario speaks IPv6. Routers ask nobody for routes, and what nobody wants to hear is said at once, before
# the clock starts: duplicate addresses are not looked for, multicast reports (RFC 3810) not repeated for seconds.
IPV6_SYSCTLS = {
    f"net.ipv6.conf.{which}.{key}": value
    for which in ("all", "default")
    for key, value in {
        "disable_ipv6": "0",
        "forwarding": "1",
        "accept_dad": "0",
        "accept_ra": "0",
        "accept_redirects": "0",
        "keep_addr_on_down": "1",  # or an interface that was down comes back without its address
        "mldv2_unsolicited_report_interval": "10",  # ms
    }.items()
}
# What decides how fast TCP can be, and differs from machine to machine: into the result.
RECORDED = (
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_congestion_control",
    "net.core.rmem_max",
    "net.core.wmem_max",
)


class Network:
    """Four hosts and their cables; to be used as a context manager.

    Parameters
        links: how many access links
        inner_mtu: bytes of the largest inner packet, or None: no tunnel, the first link is the way
        server_tap: whether the cable to the server is a TAP pair too (a link with a delay)
        inner: the families of client's and server's addresses
        outside: how the portals reach each other
    """

    def __init__(
        self,
        links: int,
        inner_mtu: int | None,
        *,
        server_tap: bool = False,
        inner: Sequence[str] = (at.IPV4,),
        outside: at.Outside = at.TWO_INTERFACES,
    ) -> None:
        self._outside = outside
        self._routes = Routes(links, inner_mtu, tuple(inner), outside)
        self._beyond = outside.link_end(at.REMOTE)  # where links and server end
        self._links = links
        self._server_tap = server_tap
        setLogLevel("error")
        # Mininet raises machine-wide limits (fs.file-max, net.core.rmem_max ...) when it first starts; ours
        # are namespaces of a few processes, so it is told that this is done already.
        Mininet.inited = True
        self._net = Mininet(controller=None, build=False)
        self._hosts: dict[str, Host] = {}
        self.sysctls: dict[str, str] = {}

    def __enter__(self) -> Network:
        try:
            self._build()
        except BaseException:
            self._net.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._net.stop()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all hosts."""
        return tuple(self._hosts)

    def pid(self, host: str) -> int:
        """Return the process whose namespaces are the host's."""
        return int(self._hosts[host].pid)

    def start(self, host: str, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in a host."""
        process: subprocess.Popen[bytes] = self._hosts[host].popen(list(command), **options)
        return process

    def run(self, host: str, command: Sequence[str], text: str = "") -> str:
        """Run a program in a host to its end and return what it said; raises WorldError if it failed."""
        process = self.start(host, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, error = process.communicate(text.encode(), timeout=COMMAND_TIMEOUT)
        if process.returncode:
            raise WorldError(f"{host}: {' '.join(command)}: {error.decode().strip() or out.decode().strip()}")
        return out.decode()

    def _ip(self, host: str, *commands: str) -> None:
        if commands:
            self.run(host, ["ip", "-batch", "-"], "\n".join(commands) + "\n")

    def _ip_all(self, commands: Iterable[Commands]) -> None:
        for host, lines in commands:
            self._ip(host, *lines)

    def _build(self) -> None:
        sysctls = SYSCTLS | (IPV6_SYSCTLS if at.IPV6 in self._routes.on_links else {})
        for name in (*at.HOSTS, at.ISP) if self._outside.single else at.HOSTS:
            self._hosts[name] = self._net.addHost(name)
            self.run(name, ["sysctl", "-q", "-w", *(f"{key}={value}" for key, value in sysctls.items())])
            self._ip(name, "link set dev lo up")
        self._cable(at.CLIENT, at.CLIENT_INTERFACE, at.LOCAL, at.CLIENT_SIDE)
        self._ip_all(self._routes.of_client())
        if not self._server_tap:
            self._cable(at.SERVER, at.SERVER_INTERFACE, self._beyond, at.SERVER_SIDE)
            self._ip_all(self._routes.of_server())
        if self._outside.single:
            self._cable(at.REMOTE, at.SINGLE_INTERFACE, at.ISP, at.SINGLE_SIDE)
            self._ip_all(self._routes.of_single_interface())
        for name in RECORDED:
            path = Path("/proc/sys", *name.split("."))
            self.sysctls[name] = " ".join(self.run(at.CLIENT, ["cat", str(path)]).split())

    def _cable(self, end: str, inside: str, portal: str, outside: str) -> None:
        self._net.addLink(self._hosts[end], self._hosts[portal], intfName1=inside, intfName2=outside)
        for host, interface in ((end, inside), (portal, outside)):
            # A packet of 64 KiB is no packet: sizes on the cable are those on the wire.
            self.run(host, ["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off"])

    def lay_access_cables(self, parameters: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """Join the portals by Mininet's TCLinks; parameters: of each link, local portal's side first."""
        for link, (local, remote) in enumerate(parameters):
            names = [at.access_interface(side, link) for side in at.PORTALS]
            self._net.addLink(
                self._hosts[at.LOCAL],
                self._hosts[self._beyond],
                cls=TCLink,
                intfName1=names[0],
                intfName2=names[1],
                addr1=at.ethernet_address(at.LOCAL, link),
                addr2=at.ethernet_address(at.REMOTE, link),
                params1=local,
                params2=remote,
            )
            for side, name in zip(at.PORTALS, names, strict=True):
                host = self._outside.link_end(side)
                self.run(host, ["ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off"])
                self._ip_all(self._routes.of_access_link(side, link))
        self._ip_all(self._routes.past_tunnel())

    def attach_access_links(self) -> None:
        """Move the link process' TAPs into the portals' hosts and set addresses, routes and neighbours."""
        for link in range(self._links):
            for side in at.PORTALS:
                self._move(at.access_interface(side, link), self._outside.link_end(side))
                self._ip_all(self._routes.of_access_link(side, link))
        if self._server_tap:
            self._move(at.SERVER_SIDE, self._beyond)
            self._move(at.SERVER_INTERFACE, at.SERVER)
            self._ip_all(self._routes.of_server())
        self._ip_all(self._routes.past_tunnel())

    def _move(self, interface: str, host: str) -> None:
        command = ["ip", "link", "set", "dev", interface, "netns", str(self.pid(host))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False)
        if done.returncode:
            raise WorldError(f"{' '.join(command)}: {done.stderr.strip()}")

    def attach_tunnel(self) -> None:
        """Lead client's and server's main traffic into the portals' TUN interfaces, which exist by now."""
        self._ip_all(self._routes.into_tunnel())

    def counters(self, host: str) -> dict[str, dict[str, int]]:
        """Return the packet counters of a host's interfaces (proc_net_dev(5))."""
        found = {}
        for line in Path(f"/proc/{self.pid(host)}/net/dev").read_text().splitlines()[2:]:
            name, _, numbers = line.partition(":")
            fields = [int(number) for number in numbers.split()]
            found[name.strip()] = {
                "rx_packets": fields[1],
                "rx_dropped": fields[3],
                "tx_packets": fields[9],
                "tx_dropped": fields[11],
            }
        return found
