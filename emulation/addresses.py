"""Who is called what in the emulated network; every run has namespaces of its own, so these never clash.

    client --- local portal === access links === remote portal --- server
      .2  10.77.1.0/24  .1 | .1  10.78.N.0/24  .2 | .1  10.77.2.0/24  .2

Cross traffic beside the tunnel has addresses of its own, one pair a link, that are routed over that link.
"""

from __future__ import annotations

CLIENT, LOCAL, REMOTE, SERVER = "client", "local", "remote", "server"
HOSTS = (CLIENT, LOCAL, REMOTE, SERVER)
PORTALS = (LOCAL, REMOTE)
END_HOSTS = (CLIENT, SERVER)

CLIENT_NETWORK, CLIENT_ADDRESS, CLIENT_GATEWAY = "10.77.1.0/24", "10.77.1.2", "10.77.1.1"
SERVER_NETWORK, SERVER_ADDRESS, SERVER_GATEWAY = "10.77.2.0/24", "10.77.2.2", "10.77.2.1"
# Interface names begin with our prefix, so that a lost one could be told from anybody else's.
CLIENT_INTERFACE, CLIENT_SIDE = "mps-client", "mps-lan"
SERVER_INTERFACE, SERVER_SIDE = "mps-server", "mps-wan"
TUNNEL_INTERFACE = "mps-tun"
TUNNEL_PORT = 4725
FIRST_TRAFFIC_PORT = 5201
OUTER_MTU = 1500  # bytes of an IP packet on an access link

# Locally administered Ethernet addresses (IEEE 802, second bit of the first byte).
_ETHERNET = {LOCAL: "02:4d:50:00:01", REMOTE: "02:4d:50:00:02", SERVER: "02:4d:50:00:03"}


def access_interface(side: str, link: int) -> str:
    """Return the interface of a portal on an access link."""
    return f"mps-{side[0]}{link}"


def access_address(side: str, link: int) -> str:
    """Return the address of a portal on an access link."""
    return f"10.78.{link}.{1 + PORTALS.index(side)}"


def ethernet_address(side: str, link: int) -> str:
    """Return the Ethernet address of a portal on an access link."""
    return f"{_ETHERNET[side]}:{link:02x}"


def cross_address(host: str, link: int) -> str:
    """Return the address of the client or the server whose traffic goes over this link, beside the tunnel."""
    return f"10.79.{link}.{1 + END_HOSTS.index(host)}"


def other(side: str) -> str:
    """Return the other portal."""
    return LOCAL if side == REMOTE else REMOTE


def end_addresses(via: int | None) -> tuple[str, str]:
    """Return the client's and the server's address for the main traffic, or for cross traffic via a link."""
    if via is None:
        return CLIENT_ADDRESS, SERVER_ADDRESS
    return cross_address(CLIENT, via), cross_address(SERVER, via)
