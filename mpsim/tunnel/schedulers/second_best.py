"""What BLEST and ECF have in common: whether a farther path is any good when the nearest one's window is full.

Both are MPTCP's default scheduler (min_rtt.py) with one more question. While they wait something of the nearest path
is in flight, and its acknowledgement asks again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler


class SecondBest(Scheduler):
    """The nearest path, or the nearest open one where `is_worth_it`."""

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        size = packet.size
        slow = min(
            (path for path in paths if path.can_send(size, now)),
            key=lambda path: (path.srtt, path.index),
            default=None,
        )
        if slow is None or not slow.srtt:
            return slow
        # A path that is full and not known yet may be far.
        fast = min((path for path in paths if path.srtt), key=lambda path: (path.srtt, path.index))
        return slow if fast is slow or self.is_worth_it(packet, fast, slow, now) else None

    @abstractmethod
    def is_worth_it(self, packet: Packet, fast: PathView, slow: PathView, now: float) -> bool:
        """Return whether `packet` is to go by the open path `slow` rather than wait for `fast`."""
