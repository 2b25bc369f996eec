"""Erasure codes over GF(256): parity of packets, and lost packets from parity.

The generator is a Cauchy matrix (Bloemer et al., ICSI TR-95-048, 1995): with x_j = 255 - j for parity j and y_i = i for
packet i, a_ji = 1 / (x_j + y_i), each column divided by its first entry. Every square part of it can be
inverted, so any n - k losses are repaired; its first row is ones, which makes the first parity a plain
exclusive or; and an entry depends neither on k nor on n, so a block may end early.

Packets of different lengths count as filled up with zeros. What is restored is cut to the length that its own IP
header says. The field's arithmetic is the library reedsolo's; long vectors are multiplied by table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from types import ModuleType

from mpsim.tunnel.packet import Packet

MOST_SYMBOLS = 255  # packets and parity of one block


@cache
def _field() -> ModuleType:
    import reedsolo

    field: ModuleType = reedsolo
    field.init_tables(0x11D)  # x^8 + x^4 + x^3 + x^2 + 1, as in RFC 5510
    return field


class Protected:
    """Stands for parity's bytes where packets have none (simulation): the packets that it protects."""

    __slots__ = ("packets",)

    def __init__(self, packets: tuple[Packet, ...]) -> None:
        self.packets = packets


@cache
def coefficient(index: int, position: int) -> int:
    """Return the factor of the packet at `position` in parity number `index`."""
    if index == 0:
        return 1
    return int(_field().gf_div(255 ^ position, (255 - index) ^ position))


@lru_cache(maxsize=256)
def _table(factor: int) -> bytes:
    multiply = _field().gf_mul
    return bytes(multiply(factor, value) for value in range(256))


def _times(factor: int, data: bytes) -> int:
    """Return a vector times a factor, as a number: its first byte is the lowest, so zeros fill it up."""
    return int.from_bytes(data if factor == 1 else data.translate(_table(factor)), "little")


def parity_of(index: int, packets: Sequence[bytes]) -> bytes:
    """Return parity number `index` of packets, as long as the longest of them."""
    total = 0
    for position, packet in enumerate(packets):
        total ^= _times(coefficient(index, position), packet)
    return total.to_bytes(max(map(len, packets)), "little")


def restore(count: int, known: Mapping[int, bytes], parity: Mapping[int, bytes]) -> dict[int, bytes]:
    """Return the missing ones of `count` packets by their position, filled up with zeros.

    known: packets by position; parity: as many as are missing, or more, by number. Raises ValueError if fewer.
    """
    missing = [position for position in range(count) if position not in known]
    if len(parity) < len(missing):
        raise ValueError(f"{len(missing)} packets are missing, {len(parity)} parity datagrams are here")
    used = sorted(parity)[: len(missing)]
    length = max(map(len, parity.values()), default=0)
    rests = []
    for index in used:
        rest = int.from_bytes(parity[index], "little")
        for position, packet in known.items():
            rest ^= _times(coefficient(index, position), packet)
        rests.append(rest.to_bytes(max(length, (rest.bit_length() + 7) // 8), "little"))
    solution = _inverse([[coefficient(index, position) for position in missing] for index in used])
    found = {}
    for row, position in zip(solution, missing, strict=True):
        total = 0
        for factor, rest_bytes in zip(row, rests, strict=True):
            total ^= _times(factor, rest_bytes)
        found[position] = total.to_bytes(max(map(len, rests)), "little")
    return found


def _inverse(matrix: list[list[int]]) -> list[list[int]]:
    """Invert a square matrix over the field (Gauss and Jordan)."""
    field = _field()
    size = len(matrix)
    rows = [[*row, *(int(column == number) for column in range(size))] for number, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(number for number in range(column, size) if rows[number][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        inverse = field.gf_inverse(rows[column][column])
        rows[column] = [field.gf_mul(inverse, value) for value in rows[column]]
        for number in range(size):
            factor = rows[number][column]
            if number != column and factor:
                rows[number] = [
                    value ^ field.gf_mul(factor, other) for value, other in zip(rows[number], rows[column], strict=True)
                ]
    return [row[size:] for row in rows]
