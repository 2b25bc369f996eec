"""Announcing what will never come: packets by number become ranges, and ranges become skip datagrams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpsim.tunnel.datagrams import MOST_SKIP_RANGES, Skip
from mpsim.tunnel.path import Path
from mpsim.tunnel.wire import microseconds


def announcements(packets: Sequence[tuple[int, int]], carrier: Path, epoch: int, now: float) -> Iterator[Skip]:
    """Yield what tells the other end, by path `carrier`, not to wait for these (class, tunnel sequence)."""
    numbers: dict[int, list[int]] = {}
    for cls, sequence in packets:
        numbers.setdefault(cls, []).append(sequence)
    for cls, sequences in numbers.items():
        ranges = runs(sorted(sequences))
        for begin in range(0, len(ranges), MOST_SKIP_RANGES):
            some = tuple(ranges[begin : begin + MOST_SKIP_RANGES])
            number = carrier.next_control
            carrier.next_control = number + 1
            yield Skip(epoch, carrier.index, number, microseconds(now), cls, some, carrier.overhead)


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Turn ascending numbers into (first, length) runs."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == sum(found[-1]):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif not found or number > sum(found[-1]):
            found.append((number, 1))
    return found
