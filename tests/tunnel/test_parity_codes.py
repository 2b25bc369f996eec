"""The erasure code against what algebra says, and real packets computed from parity."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpsim.tunnel.datagrams import FLAG_REPAIR, Parity
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.repair.codes import coefficient, parity_of, restore
from mpsim.tunnel.repair.parity import Parity as ParityRepair
from mpsim.tunnel.repair.recovery import Recovery


def multiply(left: int, right: int) -> int:
    """Multiply in GF(256), bit by bit: x^8 = x^4 + x^3 + x^2 + 1."""
    product = 0
    for bit in range(8):
        if right >> bit & 1:
            product ^= left << bit
    for bit in range(15, 7, -1):
        if product >> bit & 1:
            product ^= 0x11D << bit - 8
    return product


def inner(size: int, seed: int) -> bytes:
    """A whole IPv4 or IPv6 packet."""
    random = Random(seed)
    if seed % 2:
        return struct.pack("!BBHHHBBH", 0x45, 0, size, 1, 0, 64, 253, 0) + random.randbytes(size - 12)
    return struct.pack("!IHBB", 6 << 28, size - 40, 59, 64) + random.randbytes(size - 8)


def test_the_first_parity_is_the_exclusive_or() -> None:
    assert parity_of(0, [b"\x01\x02\x03", b"\x10\x20", b"\xff"]) == b"\xee\x22\x03"
    assert all(coefficient(0, position) == 1 for position in range(255))


@pytest.mark.parametrize(("index", "position"), [(1, 0), (1, 7), (2, 3), (20, 100)])
def test_coefficients_are_those_of_the_cauchy_matrix(index: int, position: int) -> None:
    # a / b with a = 1 / (x_j + y_i) and b = 1 / (x_0 + y_i)
    assert multiply(coefficient(index, position), (255 - index) ^ position) == 255 ^ position


def test_a_second_parity_by_hand() -> None:
    packets = [b"\x57", b"\x83", b"\x02"]
    expected = 0
    for position, packet in enumerate(packets):
        expected ^= multiply(coefficient(1, position), packet[0])
    assert parity_of(1, packets) == bytes([expected])


@pytest.mark.parametrize(("count", "parity"), [(2, 1), (3, 2), (4, 3), (3, 4)])
def test_any_k_of_n_are_enough(count: int, parity: int) -> None:
    random = Random(count)
    packets = [random.randbytes(20) for _ in range(count)]
    made = [parity_of(index, packets) for index in range(parity)]
    for here in itertools.combinations(range(count + parity), count):
        known = {number: packets[number] for number in here if number < count}
        rest = {number - count: made[number - count] for number in here if number >= count}
        assert {**known, **restore(count, known, rest)} == dict(enumerate(packets))


@given(data=st.data(), count=st.integers(1, 60), parity=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_any_losses_up_to_the_parity_are_restored(data: st.DataObject, count: int, parity: int) -> None:
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=count, max_size=count))
    packets = [bytes(Random(size + number).randbytes(size)) for number, size in enumerate(sizes)]
    lost = data.draw(st.sets(st.integers(0, count - 1), max_size=parity))
    used = data.draw(st.permutations(range(parity)))[: len(lost)]
    known = {number: packet for number, packet in enumerate(packets) if number not in lost}
    found = restore(count, known, {index: parity_of(index, packets) for index in used})
    assert set(found) == lost
    for number, packet in found.items():
        assert packet[: sizes[number]] == packets[number]
        assert not any(packet[sizes[number] :])


def test_too_little_parity_is_refused() -> None:
    with pytest.raises(ValueError, match="2 packets are missing, 1 parity"):
        restore(3, {0: b"a"}, {0: b"b"})


def datagram(first: int, index: int, packets: list[bytes]) -> Parity:
    body = parity_of(index, packets)
    return Parity(1, 0, 0, 0, 0, first, Packet(len(body), None, body), FLAG_REPAIR, len(packets), index)


@given(lost=st.sets(st.integers(0, 9), max_size=3), order=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_real_packets_come_back_whatever_the_order_of_arrival(lost: set[int], order: Random) -> None:
    packets = [inner(100 + 13 * number, number) for number in range(10)]
    recovery = Recovery()
    arrivals: list[int] = [*(set(range(10)) - lost), 10, 11, 12]
    order.shuffle(arrivals)
    found: dict[int, bytes] = {}
    for number in arrivals:
        if number < 10:
            news = recovery.on_packet(700 + number, Packet.from_bytes(packets[number]))
        else:
            news = recovery.on_parity(700, datagram(700, number - 10, packets))
        for sequence, packet in news:
            assert sequence not in found
            found[sequence] = packet.payload
    assert {sequence - 700 for sequence in found} >= lost
    assert all(data == packets[sequence - 700] for sequence, data in found.items())


def test_parity_of_nonsense_computes_nothing() -> None:
    recovery = Recovery()
    packets = [inner(60, 1), inner(60, 3)]
    recovery.on_packet(0, Packet.from_bytes(packets[0]))
    assert recovery.on_parity(0, datagram(0, 0, [packets[0], b"\x00" * 60])) == []
    assert recovery.recovered == 0


def test_what_is_kept_has_an_end() -> None:
    recovery = Recovery()
    for number in range(10_000):
        recovery.on_packet(number, Packet(100, None, None))
        recovery.on_parity(5 * 10**6 + number, datagram(0, 0, [b"a", b"b"]))
    assert len(recovery._kept) <= 2048
    assert len(recovery._blocks) <= 64


@pytest.mark.parametrize("given_", [{"packets": 0}, {"parity": 0}, {"packets": 200, "parity": 56}])
def test_blocks_that_no_field_has_room_for_are_refused(given_: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="max 255 together"):
        ParityRepair(**given_)


def test_without_parity_the_field_is_not_loaded() -> None:
    code = (
        "import sys, mpsim.build, mpsim.sim; from mpsim.tunnel.repair.codes import parity_of; "
        "parity_of(0, [b'a', b'b']); sys.exit('reedsolo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
