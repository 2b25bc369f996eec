"""Large TCP packets cut into segments and joined again: Scapy is the judge of every header and checksum."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from portaling import LOCAL, REMOTE, arrives, free_ports, packet, path, running
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from mpsim.portal.interface import HEAD, LARGE_IPV4, LARGE_NONE, NEEDS_CHECKSUM, OffloadingInterface
from mpsim.portal.joining import joined
from mpsim.portal.segmenting import segments
from mpsim.portal.sums import piecewise, summed

SIZE = 1380  # bytes of payload
HEADS = {20: lambda: IP(src="10.0.0.1", dst="10.0.0.2", flags="DF", id=65_530), 40: lambda: IPv6(src="fd00::1")}
_START = pytest.mark.parametrize("start", HEADS)


def checked(data: bytes) -> bytes:
    """The same packet, its checksums computed by Scapy."""
    layer = IP(data) if data[0] >> 4 == 4 else IPv6(data)
    for part in (layer, layer.lastlayer() if not layer.haslayer(TCP) else layer[TCP]):
        if "chksum" in part.fields:
            del part.chksum
    return bytes(layer)


def large(start: int, length: int, *, flags: str = "A", seq: int = 2**32 - 5000) -> bytes:
    """A TCP packet with a timestamp, of a sequence number that soon wraps."""
    part = TCP(sport=1, dport=2, seq=seq, ack=77, flags=flags, options=[("Timestamp", (5, 6)), ("EOL", None)])
    return bytes(HEADS[start]() / part / random.Random(length).randbytes(length))


def tcp_of(data: bytes) -> TCP:
    """A packet's TCP as Scapy reads it."""
    return (IP(data) if data[0] >> 4 == 4 else IPv6(data))[TCP]


def header_of(data: bytes, start: int) -> int:
    return start + (data[start + 12] >> 4) * 4


def test_sums_of_words_are_those_of_the_worked_example() -> None:
    # RFC 1071, section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
    data = bytes.fromhex("0001f203f4f5f6f7")
    assert summed(data) == 0xDDF2
    assert summed(data[:3]) == 0xF201
    assert piecewise(b"??" + data, 2, 4) == [summed(data[:4]), summed(data[4:])]


@pytest.mark.parametrize("size", [2, 7, 600, 601, 1380])
def test_sums_of_pieces_are_those_of_each_piece(size: int) -> None:
    data = random.Random(size).randbytes(20_011)
    assert piecewise(data, 11, size) == [summed(data[at : at + size]) for at in range(11, len(data), size)]


@_START
@pytest.mark.parametrize(("length", "size"), [(60_001, SIZE), (6000, SIZE + 1), (100, 100), (101, 1), (2760, SIZE)])
def test_segments_are_whole_packets_in_order(start: int, length: int, size: int) -> None:
    data = large(start, length, flags="FPAC")
    header = header_of(data, start)
    found = segments(data, start, header, size)
    assert [checked(each) for each in found] == found
    assert b"".join(each[header:] for each in found) == data[header:]
    assert {len(each) - header for each in found[:-1]} <= {size}
    assert [tcp_of(each).seq for each in found] == [(2**32 - 5000 + at) % 2**32 for at in range(0, length, size)]
    flags = [str(tcp_of(each).flags) for each in found]
    assert flags == (["FPAC"] if len(found) == 1 else ["AC", *["A"] * (len(found) - 2), "FPA"])
    if start == 20:
        assert [IP(each).id for each in found] == [(65_530 + number) % 65_536 for number in range(len(found))]


@_START
def test_what_was_cut_is_joined_to_the_same(start: int) -> None:
    data = large(start, 30 * SIZE + 7, flags="PA")
    header = header_of(data, start)
    (found,) = joined([("flow", each) for each in segments(data, start, header, SIZE)])
    whole = found.large()
    assert whole is not None
    assert checked(whole)[: start + 16] == data[: start + 16]
    assert whole[header:] == data[header:]
    assert (found.start, found.header, found.size) == (start, header, SIZE)
    # Its checksum is the pseudo-header's, to which the kernel adds the rest.
    blank = whole[start:-7] + whole[-7:] + b"\0" * (len(whole) % 2)
    assert tcp_of(data).chksum == -summed(blank) % 0xFFFF


Change = Callable[[bytearray, int], None]


def _bump(at: int, by: int = 1) -> Change:
    def change(data: bytearray, start: int) -> None:
        data[start + at] = (data[start + at] + by) % 256

    return change


@_START
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("acknowledges something else", _bump(11)),
        ("another window", _bump(15)),
        ("another timestamp", _bump(25)),
        ("another port", _bump(1)),
        ("a gap", _bump(6)),
        ("an urgent pointer", _bump(19)),
        ("FIN", _bump(13, 1)),
        ("an echo of congestion", _bump(13, 64)),
    ],
)
def test_what_differs_is_not_joined(start: int, name: str, change: Change) -> None:
    data = large(start, 3 * SIZE)
    parts = segments(data, start, header_of(data, start), SIZE)
    other = bytearray(parts[1])
    change(other, start)
    parts[1] = checked(bytes(other))
    found = joined([("flow", each) for each in parts])
    assert len(found) >= 2, name
    assert [each for group in found for each in group.packets] == parts


def test_what_is_not_plain_tcp_is_not_joined() -> None:
    data = large(20, 2 * SIZE)
    parts = segments(data, 20, header_of(data, 20), SIZE)
    fragments = [checked(each[:6] + b"\x20\0" + each[8:]) for each in parts]
    routed = [checked(b"\x45\x04" + parts[0][2:]), parts[1]]  # another DSCP
    calls = [bytes(IP(flags="DF") / UDP() / bytes(100))] * 2
    syns = [bytes(IP(flags="DF") / TCP(seq=at, flags="S") / b"x") for at in (1, 2)]
    for wrong in (fragments, routed, calls, syns, [each[:30] for each in parts]):
        assert [group.packets for group in joined([("flow", each) for each in wrong])] == [[each] for each in wrong]


@pytest.mark.parametrize("at", [1, 8, 10, 36, 60, 52 + SIZE - 1])
def test_what_is_damaged_is_not_made_whole(at: int) -> None:
    data = large(20, 4 * SIZE)
    parts = segments(data, 20, header_of(data, 20), SIZE)
    damaged = bytearray(parts[2])
    damaged[at] ^= 0x10
    for group in joined([("flow", part) for part in (*parts[:2], bytes(damaged), parts[3])]):
        assert bytes(damaged) not in group.packets or len(group.packets) == 1 or group.large() is None


def test_flows_that_alternate_are_joined_each() -> None:
    flows = {port: segments(large(20, 5 * SIZE, seq=port), 20, 52, SIZE) for port in (1, 2, 3)}
    mixed = [(port, flows[port][number]) for number in range(5) for port in flows]
    assert [group.packets for group in joined(mixed)] == list(flows.values())


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, OffloadingInterface]]:
    """What a kernel would have, and the interface that reads it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.setblocking(False)
        yield ours, OffloadingInterface(theirs.fileno())


def test_the_kernels_headers(ends: tuple[socket.socket, OffloadingInterface]) -> None:
    kernel, interface = ends
    data = large(20, 3 * SIZE)
    kernel.send(HEAD.pack(NEEDS_CHECKSUM, LARGE_IPV4, 52, SIZE, 20, 16) + data)
    parts = interface.read()
    assert parts == segments(data, 20, 52, SIZE)
    assert interface.write([("flow", each) for each in parts]) == []
    told = kernel.recv(70_000)
    assert HEAD.unpack_from(told) == (NEEDS_CHECKSUM, LARGE_IPV4, 52, SIZE, 20, 16)
    assert checked(told[HEAD.size :]) == checked(data)
    single = bytes(IP() / UDP() / b"x")
    assert interface.write([(None, single)]) == []
    assert kernel.recv(100) == bytes(HEAD.size) + single
    with pytest.raises(BlockingIOError):
        interface.read()


def test_a_checksum_that_the_kernel_has_left_out(ends: tuple[socket.socket, OffloadingInterface]) -> None:
    kernel, interface = ends
    for number in range(300):
        whole = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=number) / b"text?")
        pseudo = summed(whole[12:20]) + 17 + len(whole) - 20
        begun = whole[:26] + (pseudo % 0xFFFF).to_bytes(2, "big") + whole[28:]
        kernel.send(HEAD.pack(NEEDS_CHECKSUM, LARGE_NONE, 0, 0, 20, 6) + begun)
        assert interface.read() == [whole]


def test_what_is_not_understood_is_odd(ends: tuple[socket.socket, OffloadingInterface]) -> None:
    kernel, interface = ends
    data = large(20, 3 * SIZE)
    for wrong in (
        b"x",
        HEAD.pack(0, LARGE_NONE, 0, 0, 0, 0),
        HEAD.pack(1, LARGE_IPV4, 52, SIZE, 24, 16) + data,
        HEAD.pack(1, LARGE_IPV4, 52, 0, 20, 16) + data,
        HEAD.pack(1, LARGE_IPV4, 52, SIZE, 20, 16) + data[:30],
    ):
        kernel.send(wrong)
        assert interface.read() == [b""]


def test_a_wake_up_reads_no_more_than_the_queue_holds(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    raw = {
        "host": {"name": "mps-local", "mode": "none"},
        "portal": [{"name": "other", "routes": [f"{REMOTE}/32"], "path": [path("a", to=port)]}],
    }
    with running(raw, tmp_path, kind=OffloadingInterface) as local:

        def burst() -> tuple[int, int]:
            for count in (31, 31, 47):
                data = bytes(IP(src=LOCAL, dst=REMOTE, flags="DF") / TCP(flags="A") / bytes(count * SIZE))
                local.send(HEAD.pack(NEEDS_CHECKSUM, LARGE_IPV4, 40, SIZE, 20, 16) + data)
            local.portal._read_tun()
            return local.portal.read_packets, local.portal.associations[0].endpoint.ingress.drops

        assert local.in_loop(burst) == (31 + 31, 0)


def test_a_large_packet_crosses_two_portals_as_it_is(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    raw = {
        side: {
            "host": {"name": f"mps-{side}", "mode": "none"},
            "portal": [{"name": "other", "routes": [f"{behind}/32"], "path": [path("a", **where)]}],
        }
        for side, behind, where in (("remote", LOCAL, {"at": port}), ("local", REMOTE, {"to": port}))
    }
    with (
        running(raw["remote"], tmp_path, kind=OffloadingInterface) as remote,
        running(raw["local"], tmp_path, kind=OffloadingInterface) as local,
    ):
        arrives(local, remote, bytes(HEAD.size) + packet(LOCAL, REMOTE, b"small"))
        data = bytes(IP(src=LOCAL, dst=REMOTE, flags="DF") / TCP(flags="A", seq=9) / os.urandom(20 * 1300))
        local.send(HEAD.pack(NEEDS_CHECKSUM, LARGE_IPV4, 40, 1300, 20, 16) + data)
        got = b""
        while len(got) < 20 * 1300:
            told = remote.receive()
            if told[HEAD.size + 9] == 6:
                got += told[HEAD.size + 40 :]
        assert got == data[40:]
