"""Which other portal an inner address lies behind: the longest prefix that contains it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from mpsim.portal.fields import IPNetwork

T = TypeVar("T")
# Addresses whose answer is remembered; then all are forgotten, so that a scan costs time and no memory.
MOST_REMEMBERED = 8192
_IPV4_ADDRESS = 4  # bytes


class Routes(Generic[T]):
    """Prefixes and whom they lead to.

    Parameters
        routes: (prefix, whom)
    """

    def __init__(self, routes: Iterable[tuple[IPNetwork, T]]) -> None:
        ordered = sorted(routes, key=lambda route: -route[0].prefixlen)
        self._by_size = {
            size: [
                (int(network.network_address), int(network.netmask), found)
                for network, found in ordered
                if network.max_prefixlen == 8 * size
            ]
            for size in (4, 16)
        }
        self._remembered: dict[bytes, T | None] = {}

    def find(self, address: bytes) -> T | None:
        """Return whom an address, 4 or 16 bytes, lies behind; None: nobody."""
        try:
            return self._remembered[address]
        except KeyError:
            pass
        number = int.from_bytes(address, "big")
        routes = self._by_size[len(address)]
        found = next((whom for network, mask, whom in routes if number & mask == network), None)
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[address] = found
        return found


def source_of(packet: bytes) -> bytes:
    """Return the source address of an IP packet."""
    return packet[12:16] if packet[0] >> 4 == _IPV4_ADDRESS else packet[8:24]


def destination_of(packet: bytes) -> bytes:
    """Return the destination address of an IP packet."""
    return packet[16:20] if packet[0] >> 4 == _IPV4_ADDRESS else packet[24:40]
