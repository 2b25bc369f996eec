"""Who is where in the lab.

    client --- here ===(segment 0, segment 1)=== there --- server
                            |          |
                            +- mallory -+

A segment is a hub: who is on it hears everything, and may say anything in anybody's name.
"""

from __future__ import annotations

from pathlib import Path

HERE, THERE, MALLORY = "here", "there", "mallory"
PORTALS = (HERE, THERE)
CLIENT, SERVER = "client", "server"
SEGMENTS = (0, 1)
TUN = {HERE: "nc0", THERE: "nc1"}
BEHIND = {HERE: CLIENT, THERE: SERVER}
INNER_MTU = 1432  # bytes; so that TCP's MSS fits and nothing has to change a packet on its way
_NUMBERS = {HERE: 1, THERE: 2, MALLORY: 66}


def interface(segment: int, host: str) -> str:
    """Return the name of a host's interface on a segment."""
    return f"{host}{segment}"


def address(segment: int, host: str) -> str:
    """Return a host's IPv4 address on a segment."""
    return f"10.1.{segment}.{_NUMBERS[host]}"


def ethernet_address(segment: int, host: str) -> str:
    """Return a host's Ethernet address on a segment."""
    return f"02:00:00:00:{segment:02x}:{_NUMBERS[host]:02x}"


def port(segment: int, host: str) -> int:
    """Return the UDP port that a host's datagrams of a path come from."""
    return 4725 if host == THERE else 4726 + segment


def inner_network(portal: str) -> str:
    """Return the network behind a portal, without its last number."""
    return f"10.20.{_NUMBERS[portal]}"


def inner_address(host: str) -> str:
    """Return the address of the client or the server."""
    portal = next(one for one, behind in BEHIND.items() if behind == host)
    return f"{inner_network(portal)}.2"


def recording(folder: Path, segment: int) -> Path:
    """Return where the attacker's recording of a segment lies."""
    return folder / f"recorded{segment}.pcap"
