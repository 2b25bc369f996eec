"""Who is called what in the emulated network; every run has namespaces of its own, so these never clash.

    client --- local portal === access links === remote portal --- server
      .2  10.77.1.0/24  .1 | .1  10.78.N.0/24  .2 | .1  10.77.2.0/24  .2

Cross traffic beside the tunnel has addresses of its own, one pair a link, that are routed over that link.
IPv6 has a unique local prefix (RFC 4193) and the same numbers: fd77:0:0:7701::2 is the client, fd77:0:0:78NN::1
the local portal on link N (hexadecimal), fd77:0:0:79NN::1 the client in cross traffic over it.

A remote portal of one single interface has a router in front of it, where access links and server end:

    local portal === access links === isp --- server
                            10.80.0.1  | 10.80.0.2
                                 remote portal
"""

from __future__ import annotations

from dataclasses import dataclass

from mpsim.scenario import Scenario

CLIENT, LOCAL, REMOTE, SERVER = "client", "local", "remote", "server"
ISP = "isp"  # only in front of a remote portal of a single interface
HOSTS = (CLIENT, LOCAL, REMOTE, SERVER)
PORTALS = (LOCAL, REMOTE)
END_HOSTS = (CLIENT, SERVER)
IPV4, IPV6 = "ipv4", "ipv6"

CLIENT_NETWORK, CLIENT_ADDRESS, CLIENT_GATEWAY = "10.77.1.0/24", "10.77.1.2", "10.77.1.1"
SERVER_NETWORK, SERVER_ADDRESS, SERVER_GATEWAY = "10.77.2.0/24", "10.77.2.2", "10.77.2.1"
# Interface names begin with our prefix, so that a lost one could be told from anybody else's.
CLIENT_INTERFACE, CLIENT_SIDE = "mps-client", "mps-lan"
SERVER_INTERFACE, SERVER_SIDE = "mps-server", "mps-wan"
SINGLE_INTERFACE, SINGLE_SIDE = "mps-one", "mps-isp"
TUNNEL_INTERFACE = "mps-tun"
TUNNEL_PORT = 4725
FIRST_TRAFFIC_PORT = 5201
OUTER_MTU = 1500  # bytes of an IP packet on an access link

# Locally administered Ethernet addresses (IEEE 802, second bit of the first byte).
_ETHERNET = {LOCAL: "02:4d:50:00:01", REMOTE: "02:4d:50:00:02", SERVER: "02:4d:50:00:03"}


def access_interface(side: str, link: int) -> str:
    """Return the interface of a portal on an access link."""
    return f"mps-{side[0]}{link}"


def _address(family: str, four: str, six: str, host: int) -> str:
    return f"10.{four}.{host}" if family == IPV4 else f"fd77:0:0:{six}::{host}"


def _network(family: str, four: str, six: str) -> str:
    return f"10.{four}.0/24" if family == IPV4 else f"fd77:0:0:{six}::/64"


def _end(end: str) -> tuple[str, str]:
    number = 1 + END_HOSTS.index(end)
    return f"77.{number}", f"77{number:02x}"


def end_network(end: str, family: str = IPV4) -> str:
    """Return the network of the client or the server, whose main traffic goes through the tunnel."""
    return _network(family, *_end(end))


def end_address(end: str, family: str = IPV4) -> str:
    """Return the address of the client or the server for its main traffic."""
    return _address(family, *_end(end), 2)


def gateway_address(end: str, family: str = IPV4) -> str:
    """Return the address of the router next to the client or the server."""
    return _address(family, *_end(end), 1)


def prefix(family: str) -> int:
    """Return how many bits of an address name its network."""
    return 24 if family == IPV4 else 64


def host_prefix(family: str) -> int:
    """Return how many bits an address has."""
    return 32 if family == IPV4 else 128


def access_address(side: str, link: int, family: str = IPV4) -> str:
    """Return the address of a portal, or of the router in front of it, on an access link."""
    return _address(family, f"78.{link}", f"78{link:02x}", 1 + PORTALS.index(side))


def single_address(host: str, family: str = IPV4) -> str:
    """Return the address of the remote portal, or of the router in front of it, between the two."""
    return _address(family, "80.0", "7a00", 1 if host == ISP else 2)


def ethernet_address(side: str, link: int) -> str:
    """Return the Ethernet address of a portal on an access link."""
    return f"{_ETHERNET[side]}:{link:02x}"


def cross_address(host: str, link: int, family: str = IPV4) -> str:
    """Return the address of the client or the server whose traffic goes over this link, beside the tunnel."""
    return _address(family, f"79.{link}", f"79{link:02x}", 1 + END_HOSTS.index(host))


def other(side: str) -> str:
    """Return the other portal."""
    return LOCAL if side == REMOTE else REMOTE


def end_addresses(via: int | None, family: str = IPV4) -> tuple[str, str]:
    """Return the client's and the server's address for the main traffic, or for cross traffic via a link."""
    if via is None:
        return end_address(CLIENT, family), end_address(SERVER, family)
    return cross_address(CLIENT, via, family), cross_address(SERVER, via, family)


def host_of(address: bytes | memoryview) -> str:
    """Return which of the two ends has an address, given by its bytes."""
    main, number = (address[1] == 77, address[2]) if len(address) == 4 else (address[6] == 0x77, address[7])
    if main:
        return CLIENT if number == 1 else SERVER
    return CLIENT if address[-1] == 1 else SERVER


@dataclass(frozen=True)
class Outside:
    """How the portals reach each other over the access links.

    Parameters
        family: "ipv4" or "ipv6"
        single: whether the remote portal has one interface for everything
    """

    family: str = IPV4
    single: bool = False

    def interface(self, side: str, link: int) -> str:
        """Return the interface by which a portal's datagrams for a path leave."""
        return SINGLE_INTERFACE if self.single and side == REMOTE else access_interface(side, link)

    def address(self, side: str, link: int) -> str:
        """Return a portal's address on a path."""
        if self.single and side == REMOTE:
            return single_address(REMOTE, self.family)
        return access_address(side, link, self.family)

    def port(self, side: str, link: int) -> int:
        """Return a portal's port on a path: with a single address it is the port that tells paths apart."""
        return TUNNEL_PORT + link if self.single and side == REMOTE else TUNNEL_PORT

    def link_end(self, side: str) -> str:
        """Return the host where a portal's side of the access links ends."""
        return ISP if self.single and side == REMOTE else side


TWO_INTERFACES = Outside()


def outside(scenario: Scenario) -> Outside:
    """Return how the portals of a scenario reach each other."""
    return Outside(scenario.topology.outer, scenario.topology.single_interface)


def inner_families(scenario: Scenario) -> tuple[str, ...]:
    """Return the families that client and server speak: the scenario's, and IPv4 for what is replayed (replay.py)."""
    replayed = any(flow.kind in {"pcap", "scapy"} or flow.arrivals == "poisson" for flow in scenario.flow)
    return tuple(sorted({scenario.topology.inner, *((IPV4,) if replayed else ())}))
