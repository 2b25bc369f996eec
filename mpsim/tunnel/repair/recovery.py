"""The receiving side of parity: keeps what has come, and computes what has not."""

from __future__ import annotations

from mpsim.tunnel.datagrams import Data
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.repair.codes import Protected, restore

MOST_KEPT = 2048  # packets of a class that parity may still refer to
MOST_BLOCKS = 64  # of a class whose parity has come and whose packets have not

Recovered = list[tuple[int, Packet]]


class _Block:
    """A block with parity: its number of packets, and the parity datagrams by their number."""

    __slots__ = ("count", "parity")

    def __init__(self, count: int) -> None:
        self.count = count
        self.parity: dict[int, Packet] = {}


class Recovery:
    """What is known of one class: packets by tunnel sequence, and blocks that are not whole."""

    __slots__ = ("_blocks", "_kept", "recovered")

    def __init__(self) -> None:
        self._kept: dict[int, Packet] = {}  # in the order of arrival
        self._blocks: dict[int, _Block] = {}  # by first sequence
        self.recovered = 0

    def on_packet(self, sequence: int, packet: Packet) -> Recovered:
        """Take note of a packet; return what can be computed now, by tunnel sequence."""
        kept = self._kept
        kept[sequence] = packet
        while len(kept) > MOST_KEPT:  # more than one, after some were recovered
            del kept[next(iter(kept))]
        for first, block in self._blocks.items():
            if first <= sequence < first + block.count:
                return self._solve(first, block)
        return []

    def on_parity(self, first: int, datagram: Data) -> Recovered:
        """Take a parity datagram whose block begins at `first`; return what can be computed now."""
        block = self._blocks.get(first)
        if block is None or block.count != datagram.block:
            block = self._blocks[first] = _Block(datagram.block)
            if len(self._blocks) > MOST_BLOCKS:
                del self._blocks[next(iter(self._blocks))]
        block.parity[datagram.index] = datagram.packet
        return self._solve(first, block)

    def _solve(self, first: int, block: _Block) -> Recovered:
        missing = [number for number in range(first, first + block.count) if number not in self._kept]
        if len(missing) > len(block.parity):
            return []
        del self._blocks[first]
        if not missing:
            return []
        found = self._restore(first, block, missing)
        for number, packet in found:
            self._kept[number] = packet
        self.recovered += len(found)
        return found

    def _restore(self, first: int, block: _Block, missing: list[int]) -> Recovered:
        payloads = {index: packet.payload for index, packet in block.parity.items()}
        stand_in = next(iter(payloads.values()))
        if isinstance(stand_in, Protected):
            return [(number, stand_in.packets[number - first]) for number in missing]
        known = {
            number - first: self._kept[number].payload
            for number in range(first, first + block.count)
            if number in self._kept
        }
        found = []
        for position, data in restore(block.count, known, payloads).items():
            try:
                found.append((first + position, Packet.from_bytes(data[: whole_length(data)])))
            except ValueError:
                continue  # parity of something else, or damaged: nothing can be computed
        return found


def whole_length(data: bytes) -> int:
    """Return the length that the IP header of a filled-up packet says; raises ValueError if it cannot."""
    if len(data) < 6:
        raise ValueError("shorter than an IP header")
    if data[0] >> 4 == 4:
        return int.from_bytes(data[2:4], "big")
    return int.from_bytes(data[4:6], "big") + 40
