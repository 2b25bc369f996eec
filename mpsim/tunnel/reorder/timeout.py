"""Resequencing with a limit: packets wait for the ones before them, but not for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.reorder.base import MOST_MISSING, NEVER, RECOVERED


class FixedTimeout:
    """Packets wait for the ones before them, each at most `timeout` ("timeout", static expiration).

    Parameters
        timeout: longest wait of a packet, seconds
        late: what happens to a packet whose hole was given up, "pass" or "drop"
        most_packets: most packets held; beyond it the first hole is given up, count
    """

    __slots__ = (
        "_deliver",
        "_held",
        "_missing",
        "_skipped",
        "duplicates",
        "eager",
        "expected",
        "late",
        "late_policy",
        "most_packets",
        "occupancy_bytes",
        "timeout",
        "wait",
    )

    def __init__(
        self,
        deliver: Callable[[Packet], object],
        *,
        timeout: float = 0.2,
        late: str = "pass",
        most_packets: int = 16_384,
    ) -> None:
        self._deliver = deliver
        self.timeout = timeout
        self.wait = timeout  # what holds at the moment
        self.late_policy = late
        self.most_packets = most_packets
        self.expected = 0
        self._held: dict[int, tuple[Packet, float]] = {}  # in the order of arrival
        self._missing: dict[int, None] = {}  # given up, may still come late
        self._skipped: set[int] = set()
        self.duplicates = self.late = self.occupancy_bytes = 0
        self.eager = False

    def insert(  # what the header says
        self, sequence: int, packet: Packet, now: float, path: int = RECOVERED, number: int = 0, sent_us: int = 0
    ) -> bool:
        expected = self.expected
        if sequence == expected:
            self.expected = expected + 1
            self._deliver(packet)
            if self._held or self._skipped:
                self._release()
            return True
        if sequence < expected:
            return self._insert_late(sequence, packet)
        if sequence in self._held:
            self.duplicates += 1
            return False
        if sequence in self._skipped:
            self._skipped.discard(sequence)  # announced as lost, and yet it came
        self._held[sequence] = (packet, now)
        self.occupancy_bytes += packet.size
        while len(self._held) > self.most_packets:
            self._give_up_until(min(self._held))
        return True

    def _insert_late(self, sequence: int, packet: Packet) -> bool:
        if sequence not in self._missing:
            self.duplicates += 1
            return False
        del self._missing[sequence]
        self.late += 1
        if self.late_policy == "pass":
            self._deliver(packet)
        return True

    def _release(self) -> None:
        """Hand over what is next in order, passing over what was announced as lost."""
        held, skipped = self._held, self._skipped
        expected = self.expected
        while True:
            if expected in held:
                packet, _ = held.pop(expected)
                self.occupancy_bytes -= packet.size
                self._deliver(packet)
            elif expected in skipped:
                skipped.discard(expected)
                self._missing[expected] = None
            else:
                break
            expected += 1
        self.expected = expected
        missing = self._missing
        while len(missing) > MOST_MISSING:
            del missing[next(iter(missing))]

    def _give_up_until(self, sequence: int) -> None:
        """Hand over everything below `sequence` in order, holes given up, and go on from there."""
        for held in sorted(number for number in self._held if number < sequence):
            if held < self.expected:
                continue  # it followed one of those before it, and is out
            self._missing.update(dict.fromkeys(range(max(self.expected, held - MOST_MISSING), held)))
            self.expected = held
            self._release()
        if sequence > self.expected:
            begin = max(self.expected, sequence - MOST_MISSING)
            self._missing.update(dict.fromkeys(range(begin, sequence)))
            self.expected = sequence
        self._skipped = {number for number in self._skipped if number >= self.expected}
        self._release()

    def skip(self, ranges: Iterable[tuple[int, int]], now: float) -> None:
        reached, most = self.expected, self.expected + 2 * self.most_packets
        for first, length in ranges:  # ascending; each number is looked at once, whatever they are
            end = min(first + length, most)
            for number in range(max(first, reached), end):
                if number not in self._held:
                    self._skipped.add(number)
            reached = max(reached, end)
        if self._skipped:
            self._release()

    def next_timeout(self) -> float:
        if not self._held:
            return NEVER
        _, arrived = next(iter(self._held.values()))
        return arrived + self.wait

    def on_timeout(self, now: float) -> None:
        while self._held:
            sequence, (_, arrived) = next(iter(self._held.items()))
            if arrived + self.wait > now:
                return
            self._give_up_until(sequence)
