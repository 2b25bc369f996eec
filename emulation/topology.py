"""The dissertation's testbed as Mininet hosts joined directly: no switch, no controller. The only Mininet import.

Mininet gives the hosts and the cables to client and server. An access link is a pair of TAPs that the
link process holds (links.py); this file moves them into the portals' hosts and gives them addresses,
routes and static neighbours, so that no ARP has to cross a link.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import Host

from emulation import addresses as at
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
    """

    def __init__(self, links: int, inner_mtu: int | None, *, server_tap: bool = False) -> None:
        self._links = links
        self._inner_mtu = inner_mtu
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

    def _build(self) -> None:
        for name in at.HOSTS:
            self._hosts[name] = self._net.addHost(name)
            self.run(name, ["sysctl", "-q", "-w", *(f"{key}={value}" for key, value in SYSCTLS.items())])
            self._ip(name, "link set dev lo up")
        self._cable(at.CLIENT, at.CLIENT_INTERFACE, at.LOCAL, at.CLIENT_SIDE)
        self._attach_end(at.CLIENT, at.CLIENT_INTERFACE, at.LOCAL, at.CLIENT_SIDE)
        if not self._server_tap:
            self._cable(at.SERVER, at.SERVER_INTERFACE, at.REMOTE, at.SERVER_SIDE)
            self._attach_end(at.SERVER, at.SERVER_INTERFACE, at.REMOTE, at.SERVER_SIDE)
        for name in RECORDED:
            path = Path("/proc/sys", *name.split("."))
            self.sysctls[name] = " ".join(self.run(at.CLIENT, ["cat", str(path)]).split())

    def _cable(self, end: str, inside: str, portal: str, outside: str) -> None:
        self._net.addLink(self._hosts[end], self._hosts[portal], intfName1=inside, intfName2=outside)
        for host, interface in ((end, inside), (portal, outside)):
            # A packet of 64 KiB is no packet: sizes on the cable are those on the wire.
            self.run(host, ["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off"])

    def _attach_end(self, end: str, inside: str, portal: str, outside: str) -> None:
        """Give client or server its addresses and routes; the way through the tunnel has the tunnel's MTU."""
        mine, gateway, far = at.CLIENT_ADDRESS, at.CLIENT_GATEWAY, at.SERVER_NETWORK
        if end == at.SERVER:
            mine, gateway, far = at.SERVER_ADDRESS, at.SERVER_GATEWAY, at.CLIENT_NETWORK
        mtu = f" mtu {self._inner_mtu}" if self._inner_mtu is not None else ""
        crosses = [at.cross_address(end, link) for link in range(self._links)]
        self._ip(
            portal,
            f"address add {gateway}/24 dev {outside}",
            f"link set dev {outside} up",
            *(f"route add {cross}/32 dev {outside}" for cross in crosses),
        )
        self._ip(
            end,
            f"address add {mine}/24 dev {inside}",
            f"link set dev {inside} up",
            f"route add {far} via {gateway}{mtu}",
            *(f"address add {cross}/32 dev {inside}" for cross in crosses),
            *(
                f"route add {at.cross_address(_far_end(end), link)}/32 via {gateway} src {cross}"
                for link, cross in enumerate(crosses)
            ),
        )

    def lay_access_cables(self, parameters: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """Join the portals by Mininet's TCLinks; parameters: of each link, local portal's side first."""
        for link, (local, remote) in enumerate(parameters):
            names = [at.access_interface(side, link) for side in at.PORTALS]
            self._net.addLink(
                self._hosts[at.LOCAL],
                self._hosts[at.REMOTE],
                cls=TCLink,
                intfName1=names[0],
                intfName2=names[1],
                addr1=at.ethernet_address(at.LOCAL, link),
                addr2=at.ethernet_address(at.REMOTE, link),
                params1=local,
                params2=remote,
            )
            for side, name in zip(at.PORTALS, names, strict=True):
                self.run(side, ["ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off"])
                self._attach_access(side, link)
        self._lead_past_tunnel()

    def _lead_past_tunnel(self) -> None:
        if self._inner_mtu is None:
            self._ip(at.LOCAL, f"route add {at.SERVER_NETWORK} via {at.access_address(at.REMOTE, 0)}")
            self._ip(at.REMOTE, f"route add {at.CLIENT_NETWORK} via {at.access_address(at.LOCAL, 0)}")

    def attach_access_links(self) -> None:
        """Move the link process' TAPs into the portals' hosts and set addresses, routes and neighbours."""
        for link in range(self._links):
            for side in at.PORTALS:
                self._move(at.access_interface(side, link), side)
                self._attach_access(side, link)
        if self._server_tap:
            self._move(at.SERVER_SIDE, at.REMOTE)
            self._move(at.SERVER_INTERFACE, at.SERVER)
            self._attach_end(at.SERVER, at.SERVER_INTERFACE, at.REMOTE, at.SERVER_SIDE)
        self._lead_past_tunnel()

    def _move(self, interface: str, host: str) -> None:
        command = ["ip", "link", "set", "dev", interface, "netns", str(self.pid(host))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False)
        if done.returncode:
            raise WorldError(f"{' '.join(command)}: {done.stderr.strip()}")

    def _attach_access(self, side: str, link: int) -> None:
        interface, far = at.access_interface(side, link), at.other(side)
        gateway = at.access_address(far, link)
        cross = at.cross_address(at.SERVER if side == at.LOCAL else at.CLIENT, link)
        self._ip(
            side,
            f"address add {at.access_address(side, link)}/24 dev {interface}",
            f"link set dev {interface} up",
            f"neighbour add {gateway} lladdr {at.ethernet_address(far, link)} dev {interface} nud permanent",
            f"route add {cross}/32 via {gateway} dev {interface}",
        )

    def attach_tunnel(self) -> None:
        """Lead client's and server's main traffic into the portals' TUN interfaces, which exist by now."""
        for side, far in ((at.LOCAL, at.SERVER_NETWORK), (at.REMOTE, at.CLIENT_NETWORK)):
            self._ip(
                side,
                f"link set dev {at.TUNNEL_INTERFACE} mtu {self._inner_mtu} up",
                f"route add {far} dev {at.TUNNEL_INTERFACE}",
            )

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


def _far_end(end: str) -> str:
    return at.SERVER if end == at.CLIENT else at.CLIENT
