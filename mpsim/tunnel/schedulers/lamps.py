"""LAMPS: loss-aware multipath scheduling (Dong et al., 2017; mptcp_lamp.c).

A path's time for a packet counts that losses are repaired: half a round trip times (1 + p) / (1 - p), where p is
one packet over the bytes between losses. A path that loses too much turns redundant: it carries no data of its
own, but copies of what the others send.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler

NEVER = float("inf")


class Lamps(Scheduler):
    """The open path of the least time, losses counted; a path that loses much carries copies (Dong et al., 2017).

    The source takes one loss for each episode. Here, where the window may not fall with each loss, it is
    the ratio of packets lost if that is more.

    Parameters
        threshold: a path that loses more turns redundant, ratio (mptcp_lamp.c: 5 %)
    """

    name = "lamps"

    def __init__(self, *, threshold: float = 0.05) -> None:
        self.threshold = threshold

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> Sequence[PathView] | PathView | None:
        ready = [path for path in paths if path.can_send(packet.size, now)]
        sound = [path for path in paths if loss(path) <= self.threshold]
        if not sound:  # all are redundant: new data goes by every one
            return ready or None
        chosen = min(
            (path for path in ready if path in sound),
            key=lambda path: (transfer_time(path), path.index),
            default=None,
        )
        if chosen is None or len(sound) == len(paths):
            return chosen
        return [chosen, *(path for path in ready if path not in sound)]


def loss(path: PathView) -> float:
    """Return what a path loses of the packets it carries, 0 to 1."""
    if path.last_loss == -NEVER:
        return 0.0
    episodes = min(1.0, path.mss / max(path.loss_interval, 1))
    return max(episodes, min(path.loss_ratio, 1.0))


def transfer_time(path: PathView) -> float:
    """Return the expected time until a packet has arrived, losses repaired (s)."""
    lost = loss(path)
    return path.srtt / 2 * (1 + lost) / (1 - lost) if lost < 1 else NEVER
