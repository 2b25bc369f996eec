"""What differs between IPv4 and IPv6 in the emulated world: addresses, and packets as captures have them."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from emulation import addresses as at
from emulation.capture import MpsimHeader, MpsimProbe
from emulation.capturing import Seen, read_capture
from emulation.evidence import same_addresses
from emulation.traffic import plan
from mpsim.scenario import parse

FAMILIES = (at.IPV4, at.IPV6)
BYTES = {at.IPV4: socket.AF_INET, at.IPV6: socket.AF_INET6}
LAYER = {at.IPV4: IP, at.IPV6: IPv6}
LINKS = range(64)
# Or Scapy asks this machine's neighbours for it.
ETHER = Ether(src=at.ethernet_address(at.LOCAL, 0), dst=at.ethernet_address(at.REMOTE, 0))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_host_has_addresses_of_its_own(family: str) -> None:
    ends = [at.end_addresses(via, family) for via in (None, *LINKS)]
    found = [address for pair in ends for address in pair]
    found += [at.access_address(side, link, family) for side in at.PORTALS for link in LINKS]
    found += [at.single_address(host, family) for host in (at.ISP, at.REMOTE)]
    found += [at.gateway_address(end, family) for end in at.END_HOSTS]
    packed = {socket.inet_pton(BYTES[family], address) for address in found}
    assert len(packed) == len(found)
    for client, server in ends:
        assert at.host_of(memoryview(socket.inet_pton(BYTES[family], client))) == at.CLIENT
        assert at.host_of(memoryview(socket.inet_pton(BYTES[family], server))) == at.SERVER


def test_with_one_interface_the_ports_tell_paths_apart() -> None:
    two, one = at.Outside(), at.Outside(single=True)
    assert {two.port(side, link) for side in at.PORTALS for link in LINKS} == {at.TUNNEL_PORT}
    assert len({two.interface(at.REMOTE, link) for link in LINKS}) == len(LINKS)
    assert {(one.interface(at.REMOTE, link), one.address(at.REMOTE, link)) for link in LINKS} == {
        (at.SINGLE_INTERFACE, at.single_address(at.REMOTE))
    }
    assert len({one.port(at.REMOTE, link) for link in LINKS}) == len(LINKS)
    assert one.link_end(at.REMOTE) == at.ISP
    for side, outside in ((at.LOCAL, one), (at.LOCAL, two), (at.REMOTE, two)):
        assert outside.link_end(side) == side
        assert outside.interface(side, 3) == at.access_interface(side, 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_flows_run_between_addresses_of_the_inner_family(family: str) -> None:
    scenario = parse(
        {
            "schema": 1,
            "name": "families",
            "tunnel": {},
            "topology": {"inner": family},
            "link": [{"name": "a", "rate": "8Mbit", "delay": "10ms"}],
            "flow": [{"kind": "tcp"}, {"kind": "udp", "rate": "1Mbit", "via": "a"}],
        }
    )
    assert at.inner_families(scenario) == (family,)
    main, cross = plan(scenario)
    assert (main.client_address, main.server_address) == at.end_addresses(None, family)
    assert (cross.client_address, cross.server_address) == at.end_addresses(0, family)
    # What is replayed is IPv4 whatever it was.
    poisson = scenario.model_copy(
        update={"flow": (scenario.flow[1].model_copy(update={"arrivals": "poisson", "via": "tunnel"}),)}
    )
    assert at.IPV4 in at.inner_families(poisson)
    assert plan(poisson)[0].client_address == at.CLIENT_ADDRESS


def _seen(path: Path, packets: list[Packet]) -> list[Seen]:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 96, 1))
        for number, packet in enumerate(packets):
            frame = bytes(ETHER / packet)
            file.write(struct.pack("<IIII", 100, number, len(frame[:96]), len(frame)) + frame[:96])
    return list(read_capture(path, 0.0))


def _to_client(family: str, **fields: object) -> Packet:
    client, server = at.end_addresses(None, family)
    return LAYER[family](src=server, dst=client, **fields)


def _times(value: int) -> list[tuple[object, ...]]:
    return [("NOP", None), ("NOP", None), ("Timestamp", (value, 1))]


@pytest.mark.parametrize("family", FAMILIES)
def test_captured_packets_mean_the_same(family: str, tmp_path: Path) -> None:
    echo = {
        at.IPV4: (ICMP(type=8, id=7, seq=9) / Raw(bytes(56)), ICMP(type=0, id=7, seq=9) / Raw(bytes(56))),
        at.IPV6: (ICMPv6EchoRequest(id=7, seq=9, data=bytes(56)), ICMPv6EchoReply(id=7, seq=9, data=bytes(56))),
    }
    segment = TCP(sport=5201, dport=16_001, seq=1000, flags="A", options=_times(5))
    again = TCP(sport=5201, dport=16_001, seq=1000, flags="A", options=_times(6))
    number = {at.IPV4: ({"id": 1}, {"id": 2}), at.IPV6: ({}, {})}[family]
    packets = [
        _to_client(family, **number[0]) / segment / Raw(bytes(1300)),
        _to_client(family, **number[1]) / again / Raw(bytes(1300)),
        _to_client(family) / UDP(sport=5202, dport=16_002) / Raw(bytes(8) + (77).to_bytes(4, "big") + bytes(500)),
        _to_client(family) / echo[family][0],
        _to_client(family) / echo[family][1],
    ]
    first, second, udp, request, reply = _seen(tmp_path / "capture", packets)
    header = 20 if family == at.IPV4 else 40
    for seen in (first, second):
        assert (seen.source, seen.ports, seen.sequence, seen.payload) == (at.SERVER, (16_001, 5201), 1000, 1300)
        assert seen.size == header + 32 + 1300
    assert first.number != second.number
    assert (udp.ports, udp.number, udp.payload, udp.size) == ((16_002, 5202), 77, 512, header + 520)
    assert (request.ports, request.number, request.payload) == ((7, 8), 9, 56)
    assert (reply.ports, reply.protocol) == ((7, 0), request.protocol)


def test_neighbours_looking_for_each_other_are_no_traffic(tmp_path: Path) -> None:
    seen = _seen(tmp_path / "capture", [_to_client(at.IPV6) / ICMPv6ND_NS(tgt="fd77:0:0:7701::2")])
    assert all(each.ports[1] not in {0, 8} for each in seen)


@pytest.mark.parametrize("family", FAMILIES)
def test_captures_prove_that_addresses_are_the_same_or_not(family: str, tmp_path: Path) -> None:
    here, there = at.end_addresses(None, family)

    def flow(source: str) -> list[Packet]:
        return [
            ETHER
            / LAYER[family](src=source, dst=there)
            / TCP(sport=16_001, dport=5201, seq=1000 * number, flags="A", options=_times(number))
            / Raw(bytes(100))
            for number in range(20)
        ]

    client, server, other = (tmp_path / name for name in ("client", "server", "other"))
    wrpcap(str(client), flow(here))
    wrpcap(str(server), flow(here)[3:])
    found = same_addresses(client, server)
    assert (found.same, found.pairs, found.changed) == (True, {(here, there): 17}, ())
    translated = at.gateway_address(at.SERVER, family)
    wrpcap(str(other), [*flow(here)[:1], *flow(translated)[1:2]])
    found = same_addresses(client, other)
    assert (found.same, found.pairs) == (False, {(here, there): 1})
    assert found.changed == (((here, there), (translated, there)),)
    wrpcap(str(other), [ETHER / LAYER[family](src=here, dst=there) / UDP()])
    assert not same_addresses(client, other).same, "nothing was seen at both ends"


@pytest.mark.parametrize("family", FAMILIES)
def test_scapy_finds_the_tunnel_in_ip_itself(family: str) -> None:
    field = {at.IPV4: {"proto": 253}, at.IPV6: {"nh": 253}}[family]
    whole = _to_client(family, **field) / MpsimHeader(path=3) / MpsimProbe(number=7)
    again = LAYER[family](bytes(whole))
    assert again[MpsimHeader].path == 3
    assert again[MpsimProbe].number == 7
