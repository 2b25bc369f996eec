"""What `ip` is told in the emulated world, without running it."""

from __future__ import annotations

import ipaddress
import re

import pytest

from emulation import addresses as at
from emulation.routes import Routes

SINGLE = at.Outside(at.IPV6, single=True)


def tunnelled(*inner: str, outside: at.Outside = at.TWO_INTERFACES) -> Routes:
    return Routes(2, 1400, inner or (at.IPV4,), outside)


def everything(routes: Routes) -> list[tuple[str, str]]:
    """All lines of a testbed in their order, each with its host."""
    parts = [routes.of_client(), routes.of_server()]
    if routes.outside.single:
        parts.append(routes.of_single_interface())
    parts += [routes.of_access_link(side, link) for side in at.PORTALS for link in range(routes.links)]
    parts.append(routes.past_tunnel())
    if routes.inner_mtu is not None:
        parts.append(routes.into_tunnel())
    return [(host, line) for part in parts for host, lines in part for line in lines]


def test_main_traffic_of_the_client_has_the_mtu_of_the_tunnel() -> None:
    lines = [line for host, lines in tunnelled().of_client() for line in lines if host == at.CLIENT]
    assert "route add 10.77.2.0/24 via 10.77.1.1 src 10.77.1.2 mtu 1400" in lines
    without = Routes(2, None, (at.IPV4,), at.TWO_INTERFACES)
    assert (at.CLIENT, "route add 10.77.2.0/24 via 10.77.1.1 src 10.77.1.2") in everything(without)


def test_the_tunnel_or_the_first_link_is_the_way_between_the_ends() -> None:
    assert [(host, lines[-1]) for host, lines in tunnelled().into_tunnel()] == [
        (at.LOCAL, "route replace 10.77.2.0/24 dev mps-tun"),
        (at.REMOTE, "route replace 10.77.1.0/24 dev mps-tun"),
    ]
    assert list(tunnelled().past_tunnel()) == []
    assert list(Routes(2, None, (at.IPV4,), at.TWO_INTERFACES).past_tunnel()) == [
        (at.LOCAL, ["route add 10.77.2.0/24 via 10.78.0.2"]),
        (at.REMOTE, ["route add 10.77.1.0/24 via 10.78.0.1"]),
    ]


def test_a_single_interface_is_reached_over_every_link_by_metric() -> None:
    lines = [line for host, line in everything(tunnelled(at.IPV6, outside=SINGLE)) if host == at.LOCAL]
    assert [line for line in lines if "metric" in line] == [
        f"route add fd77:0:0:7a00::2/128 via fd77:0:0:78{link:02x}::2 dev mps-l{link} metric {1 + link}"
        for link in range(2)
    ]
    assert not any("metric" in line for _, line in everything(tunnelled()))


@pytest.mark.parametrize("outside", [at.TWO_INTERFACES, at.Outside(at.IPV6), SINGLE, at.Outside(single=True)], ids=str)
@pytest.mark.parametrize("inner", [(at.IPV4,), (at.IPV6,), (at.IPV4, at.IPV6)], ids="+".join)
@pytest.mark.parametrize("mtu", [None, 1400])
def test_whoever_is_routed_through_is_a_neighbour_by_then(
    outside: at.Outside, inner: tuple[str, ...], mtu: int | None
) -> None:
    own: dict[str, set[ipaddress.IPv4Network | ipaddress.IPv6Network]] = {}
    for host, line in everything(Routes(2, mtu, inner, outside)):
        if line.startswith("address add"):
            network = ipaddress.ip_interface(line.split()[2]).network
            own.setdefault(host, set()).add(network)
            assert ("nodad" in line) == (network.version == 6)
        elif gateway := re.search(r" via (\S+)", line):
            found = ipaddress.ip_address(gateway[1])
            assert any(found in network for network in own[host] if network.version == found.version), (host, line)
