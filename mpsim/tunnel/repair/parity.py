"""Parity across paths: of so many packets some may be lost, whichever they are."""

from __future__ import annotations

from mpsim.tunnel.datagrams import Data
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.repair.base import NEVER, Outlet, Repair
from mpsim.tunnel.repair.codes import MOST_SYMBOLS, Protected, parity_of

# Parity that finds no room for so long (s) comes too late.
USEFUL = 0.2


class _Block:
    """Packets of a class that are to be protected together: by sequence, and until when they wait for more (s)."""

    __slots__ = ("due", "packets")

    def __init__(self, due: float) -> None:
        self.due = due
        self.packets: dict[int, Packet] = {}


class Parity(Repair):
    """After so many packets come parity datagrams, from which as many lost ones can be computed (Reed-Solomon).

    One parity datagram is the exclusive or of its packets; more of them are a Reed-Solomon code over GF(256)
    (codes.py): any `packets` out of packets + parity are enough. Nothing is asked for, so a loss costs no round
    trip; the price is parity / packets of the rate at all times. What comes slowly is not kept waiting: after
    `wait` a smaller block is closed.

    Parameters
        packets: of a block, count
        parity: datagrams that protect it, count
        wait: longest time that a block stays open, seconds
    """

    name = "parity"

    def __init__(self, *, packets: int = 8, parity: int = 1, wait: float = 0.02) -> None:
        if packets < 1 or parity < 1 or packets + parity > MOST_SYMBOLS:
            raise ValueError(
                f"packets and parity: min 1 each, max {MOST_SYMBOLS} together; given {packets} and {parity}"
            )
        self.packets = packets
        self.parity = parity
        self.wait = wait

    def attach(self, outlet: Outlet) -> None:
        super().attach(outlet)
        self._blocks: dict[tuple[int, int], _Block] = {}  # by class and sequence // packets, oldest first

    def on_sent(self, sent: Data, now: float) -> None:
        key = (sent.cls, sent.tunnel_sequence // self.packets)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Block(now + self.wait)
        block.packets[sent.tunnel_sequence] = sent.packet
        if len(block.packets) == self.packets:
            del self._blocks[key]
            self._close(sent.cls, block, now)

    def announce_at(self, lost: Data, now: float) -> float:
        # By then its block is closed, and the parity there if a path's queue is no longer than its round trip.
        slowest = max((path.srtt for path in self.outlet.paths if path.up), default=0.0)
        return lost.time + self.wait + slowest

    def next_timeout(self) -> float:
        return min((block.due for block in self._blocks.values()), default=NEVER)

    def on_time(self, now: float) -> None:
        for key in [key for key, block in self._blocks.items() if block.due <= now]:
            self._close(key[0], self._blocks.pop(key), now)

    def _close(self, cls: int, block: _Block, now: float) -> None:
        """Send parity of the block's packets, of each run of sequences without a gap."""
        run: list[int] = []
        for sequence in [*sorted(block.packets), -1]:
            if run and sequence != run[-1] + 1:
                self._protect(cls, run[0], [block.packets[one] for one in run], now)
                run = []
            run.append(sequence)

    def _protect(self, cls: int, first: int, packets: list[Packet], now: float) -> None:
        size = max(packet.size for packet in packets)
        payloads = [packet.payload for packet in packets]
        real = all(isinstance(payload, bytes) for payload in payloads)
        for index in range(self.parity):
            payload = parity_of(index, payloads) if real else Protected(tuple(packets))
            self.outlet.send_parity(cls, first, len(packets), index, Packet(size, None, payload, cls=cls), now + USEFUL)
