"""What each transport and IP version costs, added up by hand."""

from __future__ import annotations

import pytest
from simulating import Table, build, links, tcp, udp

from mpsim.build import build_endpoint, framing_limit, inner_mtu, tcp_headers, tunnel_overhead, udp_headers
from mpsim.errors import InputError
from mpsim.scenario import Scenario, parse
from mpsim.tunnel import wire
from mpsim.tunnel.packet import Packet

HEADER_AND_TAG = 24 + 16
# transport, outer: bytes around header, packet and tag.
OUTER = {
    ("udp", "ipv4"): 20 + 8,
    ("udp", "ipv6"): 40 + 8,
    ("ip", "ipv4"): 20,
    ("ip", "ipv6"): 40,
    ("tcp", "ipv4"): 20 + 32 + 4,
    ("tcp", "ipv6"): 40 + 32 + 4,
}


def scenario(transport: str, outer: str, inner: str, flow: Table) -> Scenario:
    made = build(links("8Mbit"), flow, tunnel={"transport": transport})
    return parse({**made.as_dict(), "topology": {"inner": inner, "outer": outer}})


@pytest.mark.parametrize("inner", ["ipv4", "ipv6"])
@pytest.mark.parametrize(("transport", "outer"), OUTER)
def test_all_twelve(transport: str, outer: str, inner: str) -> None:
    made = scenario(transport, outer, inner, tcp())
    around = OUTER[transport, outer] + HEADER_AND_TAG
    ip = 40 if inner == "ipv6" else 20
    assert tunnel_overhead(made) == around
    assert inner_mtu(made) == 1500 - around
    assert (tcp_headers(made), udp_headers(made)) == (ip + 32, ip + 8)
    assert framing_limit(made, "tcp", None, tunnelled=True) == pytest.approx((1500 - around - ip - 32) / 1500)
    assert framing_limit(made, "udp", 1200, tunnelled=True) == pytest.approx(1200 / (1200 + ip + 8 + around))
    assert framing_limit(made, "udp", 1200, tunnelled=False) == pytest.approx(1200 / (1200 + ip + 8))


@pytest.mark.parametrize(("transport", "outer"), OUTER)
def test_every_datagram_counts_its_own_transport(transport: str, outer: str) -> None:
    made = scenario(transport, outer, "ipv4", udp("1Mbit"))
    endpoint = build_endpoint(made, "local", epoch=1)
    path = endpoint.paths[0]
    around = OUTER[transport, outer] + HEADER_AND_TAG
    assert path.mss == 1500
    data = path.transmit(Packet(1000, "flow", None), 0, 0, 0, 1, 0.0, 0)
    assert data.size == 1000 + around
    endpoint.handle_timeout(0.0)
    (probe,) = endpoint.datagrams_to_send(0.0)
    assert probe.size == around + 12
    for sent in (data, probe):
        assert wire.recode(sent, around).size == sent.size


def test_the_largest_payload_follows() -> None:
    made = scenario("tcp", "ipv6", "ipv6", udp("1Mbit", packet_size=1384 - 48))
    assert inner_mtu(made) == 1384
    assert made.flow[0].packet_size == 1384 - 48
    with pytest.raises(InputError, match=r"flow\[0\].packet_size: max 1336"):
        scenario("tcp", "ipv6", "ipv6", udp("1Mbit", packet_size=1384 - 47))
