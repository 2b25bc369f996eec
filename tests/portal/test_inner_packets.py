"""Packets that are too big for the tunnel: a smaller MSS in SYNs, and the answers of a router."""

from __future__ import annotations

import ipaddress
from contextlib import ExitStack
from pathlib import Path

import pytest
from portaling import LOCAL, REMOTE, arrives, free_ports, packet, path, running, wait_until
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6

from mpsim.portal.inner import clamped, too_big

MTU = 1400


def checked(data: bytes) -> bytes:
    """The same packet, its checksums computed by Scapy."""
    layer = IP(data) if data[0] >> 4 == 4 else IPv6(data)
    for part in (layer, layer[TCP]):
        if "chksum" in part.fields:
            del part.chksum
    return bytes(layer)


@pytest.mark.parametrize(
    "options",
    [
        [("MSS", 1460)],
        [("NOP", None), ("MSS", 1460), ("NOP", None)],  # at an odd place
        [("SAckOK", b""), ("Timestamp", (1, 0)), ("MSS", 9000), ("WScale", 7)],
    ],
)
@pytest.mark.parametrize("flags", ["S", "SA"])
def test_a_syn_asks_for_what_fits(options: list[tuple[str, object]], flags: str) -> None:
    for header, size in ((IP(src="10.0.0.1", dst="10.0.0.2"), 1360), (IPv6(src="fd00::1", dst="fd00::2"), 1340)):
        data = bytes(header / TCP(sport=1, dport=2, flags=flags, options=options))
        found = clamped(data, MTU)
        layer = IP(found) if found[0] >> 4 == 4 else IPv6(found)
        assert dict(layer[TCP].options)["MSS"] == size
        assert found == checked(found)
        assert clamped(found, MTU) is found


@pytest.mark.parametrize(
    "layer",
    [
        IP() / TCP(flags="S", options=[("MSS", 1360)]),
        IP() / TCP(flags="A", options=[("MSS", 1460)]),
        IP() / TCP(flags="S"),
        IP(frag=3) / TCP(flags="S", options=[("MSS", 1460)]),
        IP() / UDP() / bytes(40),
        IPv6() / UDP() / bytes(40),
    ],
)
def test_everything_else_stays_as_it_is(layer: IP) -> None:
    data = bytes(layer)
    assert clamped(data, MTU) is data


def test_options_cut_short_or_wrong_do_no_harm() -> None:
    data = bytes(IP() / TCP(flags="S", options=[("MSS", 1460), ("WScale", 7)]))
    for end in range(20, len(data)):
        assert clamped(data[:end], MTU)[:20] == data[:20]
    for value in range(256):
        for position in range(40, len(data)):
            assert len(clamped(data[:position] + bytes([value]) + data[position + 1 :], MTU)) == len(data)


def test_who_forbids_fragments_is_told_the_size() -> None:
    own = ipaddress.ip_address("10.0.0.254")
    data = bytes(IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") / UDP() / bytes(1450))
    answer = too_big(data, MTU, own)
    assert answer is not None
    layer = IP(answer)
    assert (layer.src, layer.dst, layer[ICMP].type, layer[ICMP].code) == ("10.0.0.254", "10.0.0.1", 3, 4)
    assert layer[ICMP].nexthopmtu == MTU
    assert bytes(layer[ICMP].payload) == data[:28]
    assert too_big(bytes(IP() / UDP() / bytes(1450)), MTU, own) is None
    error = bytes(IP(flags="DF") / ICMP(type=3, code=4) / bytes(1450))
    assert too_big(error, MTU, own) is None
    assert too_big(bytes(IP(flags="DF") / ICMP(type=8) / bytes(1450)), MTU, own) is not None


def test_ipv6_is_told_the_size_and_not_less_than_1280() -> None:
    own = ipaddress.ip_address("fd00::fe")
    data = bytes(IPv6(src="fd00::1", dst="fd00::2") / UDP() / bytes(1450))
    answer = too_big(data, MTU, own)
    assert answer is not None
    layer = IPv6(answer)
    assert (layer.src, layer.dst, layer[ICMPv6PacketTooBig].mtu) == ("fd00::fe", "fd00::1", MTU)
    assert len(answer) == 1280
    assert layer[ICMPv6PacketTooBig].cksum == IPv6(bytes(IPv6(answer)))[ICMPv6PacketTooBig].cksum
    small = too_big(data, 1000, own)
    assert small is not None
    assert IPv6(small)[ICMPv6PacketTooBig].mtu == 1280


def test_a_narrow_path_lowers_the_inner_mtu(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    ends = {}
    told: list[int] = []
    with ExitStack() as stack:
        for side, behind, where in (("remote", LOCAL, {"at": port}), ("local", REMOTE, {"to": port})):
            raw = {
                "host": {"name": f"mps-{side}", "mode": "none", "address": ["10.9.0.9/24"]},
                "portal": [{"name": "other", "routes": [f"{behind}/32"], "path": [path("a", **where)]}],
            }
            ends[side] = stack.enter_context(running(raw, tmp_path, set_mtu=told.append))
        local, remote = ends["local"], ends["remote"]

        def narrow() -> None:
            opened = local.portal.associations[0].ways[0].port
            send, opened.joins = opened.send, False
            opened.send = lambda data, to: len(data) if len(data) > 1340 else send(data, to)

        local.in_loop(narrow)
        arrives(local, remote, packet(LOCAL, REMOTE, b"small"))
        wait_until(lambda: local.portal.associations[0].mtu == 1282)
        wait_until(lambda: told == [1282])
        big = bytes(IP(src=LOCAL, dst=REMOTE, flags="DF") / UDP() / bytes(1300))
        local.send(big)
        answer = IP(local.receive())
        assert (answer.src, answer[ICMP].nexthopmtu) == ("10.9.0.9", 1282)
        local.send(bytes(IP(src=LOCAL, dst=REMOTE) / TCP(flags="S", options=[("MSS", 1460)])))
        assert IP(remote.receive())[TCP].options == [("MSS", 1242)]
