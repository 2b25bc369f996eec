"""What `ip` is told in each host of the testbed: addresses, routes, static neighbours (no ARP crosses a link).

Nothing is run here: topology.py does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emulation import addresses as at
from mpsim.portal.setup import route, tun_up

# A host, and lines for `ip -batch` there.
Commands = tuple[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Routes:
    """Addresses and routes of one testbed, each method those of one part of it.

    Parameters
        links: how many access links
        inner_mtu: bytes of the largest inner packet, or None: no tunnel, the first link is the way
        inner: the families of client's and server's addresses
        outside: how the portals reach each other
    """

    links: int
    inner_mtu: int | None
    inner: Sequence[str]
    outside: at.Outside

    @property
    def on_links(self) -> list[str]:
        """The families on the links: what goes beside the tunnel, or without one, is the inner one there."""
        return sorted({*self.inner, self.outside.family})

    def of_client(self) -> Iterator[Commands]:
        """Give the client, and the portal's side of its cable, their addresses and routes."""
        return self._of_end(at.CLIENT, at.CLIENT_INTERFACE, at.LOCAL, at.CLIENT_SIDE)

    def of_server(self) -> Iterator[Commands]:
        """Give the server, and the other side of its cable, their addresses and routes."""
        return self._of_end(at.SERVER, at.SERVER_INTERFACE, self.outside.link_end(at.REMOTE), at.SERVER_SIDE)

    def _of_end(self, end: str, inside: str, portal: str, outside: str) -> Iterator[Commands]:
        """Yield what client or server needs; the way through the tunnel has the tunnel's MTU."""
        yield portal, [f"link set dev {outside} up"]
        yield end, [f"link set dev {inside} up"]
        mtu = f" mtu {self.inner_mtu}" if self.inner_mtu is not None else ""
        for family in self.inner:
            mine, gateway = at.end_address(end, family), at.gateway_address(end, family)
            whole = at.host_prefix(family)
            crosses = [at.cross_address(end, link, family) for link in range(self.links)]
            yield (
                portal,
                [
                    _assign(gateway, outside, family),
                    *(f"route add {cross}/{whole} dev {outside}" for cross in crosses),
                ],
            )
            yield (
                end,
                [
                    _assign(mine, inside, family),
                    *(_assign(cross, inside, family, whole) for cross in crosses),
                    f"route add {at.end_network(_far_end(end), family)} via {gateway} src {mine}{mtu}",
                    *(
                        f"route add {at.cross_address(_far_end(end), link, family)}/{whole} via {gateway} src {cross}"
                        for link, cross in enumerate(crosses)
                    ),
                ],
            )

    def of_single_interface(self) -> Iterator[Commands]:
        """Join the remote portal to the router by its one interface: its way to everybody, and theirs to it."""
        yield at.ISP, [f"link set dev {at.SINGLE_SIDE} up"]
        yield at.REMOTE, [f"link set dev {at.SINGLE_INTERFACE} up"]
        for family in self.on_links:
            isp, remote = at.single_address(at.ISP, family), at.single_address(at.REMOTE, family)
            everything = "0.0.0.0/0" if family == at.IPV4 else "::/0"
            yield at.ISP, [_assign(isp, at.SINGLE_SIDE, family)]
            yield (
                at.REMOTE,
                [
                    _assign(remote, at.SINGLE_INTERFACE, family),
                    f"route add {everything} via {isp} dev {at.SINGLE_INTERFACE}",
                ],
            )
            if self.inner_mtu is not None and family in self.inner:
                yield at.ISP, [f"route add {at.end_network(at.CLIENT, family)} via {remote}"]

    def of_access_link(self, side: str, link: int) -> Iterator[Commands]:
        """Give one side of an access link its addresses, its neighbour, and the routes over it."""
        interface, far = at.access_interface(side, link), at.other(side)
        host, end = self.outside.link_end(side), at.SERVER if side == at.LOCAL else at.CLIENT
        yield host, [f"link set dev {interface} up"]
        for family in self.on_links:
            gateway = at.access_address(far, link, family)
            commands = [
                _assign(at.access_address(side, link, family), interface, family),
                f"neighbour add {gateway} lladdr {at.ethernet_address(far, link)} dev {interface} nud permanent",
            ]
            if self.outside.single and side == at.LOCAL:
                one = f"{at.single_address(at.REMOTE, family)}/{at.host_prefix(family)}"
                # Every path leads to the one address: the portal's sockets choose by their interface.
                commands.append(f"route add {one} via {gateway} dev {interface} metric {1 + link}")
            if family in self.inner:
                cross = at.cross_address(end, link, family)
                commands.append(f"route add {cross}/{at.host_prefix(family)} via {gateway} dev {interface}")
            yield host, commands

    def past_tunnel(self) -> Iterator[Commands]:
        """Lead client and server to each other over the first link, where there is no tunnel."""
        if self.inner_mtu is not None:
            return
        beyond = self.outside.link_end(at.REMOTE)
        for host, end, far in ((at.LOCAL, at.SERVER, at.REMOTE), (beyond, at.CLIENT, at.LOCAL)):
            yield (
                host,
                [
                    f"route add {at.end_network(end, family)} via {at.access_address(far, 0, family)}"
                    for family in self.inner
                ],
            )

    def into_tunnel(self) -> Iterator[Commands]:
        """Lead client's and server's main traffic into the portals' TUN interfaces, which exist by now."""
        assert self.inner_mtu is not None  # without one there is no tunnel
        for side, far in ((at.LOCAL, at.SERVER), (at.REMOTE, at.CLIENT)):
            yield (
                side,
                [
                    tun_up(at.TUNNEL_INTERFACE, self.inner_mtu),
                    *(route(at.end_network(far, family), at.TUNNEL_INTERFACE) for family in self.inner),
                ],
            )


def _far_end(end: str) -> str:
    return at.SERVER if end == at.CLIENT else at.CLIENT


def _assign(address: str, interface: str, family: str, bits: int | None = None) -> str:
    # An IPv6 address is tentative for a moment (RFC 4862, section 5.4), and nothing can be bound to it.
    at_once = " nodad" if family == at.IPV6 else ""
    return f"address add {address}/{bits or at.prefix(family)} dev {interface}{at_once}"
