"""Acknowledgements as numbers, for tests of congestion control that need no network."""

from __future__ import annotations

from typing import Any

from mpsim.tunnel.congestion import AckSample, CongestionController, Siblings, controllers

MSS = 1000


def started(controller: Any, now: float = 0.0) -> Any:
    """Return the controller, begun; of its own type, which tests look into."""
    controller.start(MSS, now)
    return controller


def sample(now: float, rtt: float = 0.1, **more: object) -> AckSample:
    """An acknowledgement of one packet that was sent a round trip ago, the window being the limit."""
    one = AckSample()
    one.now, one.acked, one.rtt, one.srtt, one.min_rtt = now, MSS, rtt, rtt, rtt
    one.sent_time = now - rtt
    for name, value in more.items():
        setattr(one, name, value)
    return one


def family(name: str, *windows_and_rtts: tuple[float, float]) -> list[CongestionController]:
    """Siblings in congestion avoidance with these windows (packets) and round-trip times (s)."""
    siblings = Siblings()
    made = []
    for window, rtt in windows_and_rtts:
        one = controllers.create(name)
        one.siblings = siblings
        one.start(MSS, 0.0)
        one.cwnd = one.ssthresh = window * MSS
        one.srtt = rtt
        made.append(one)
    return made


class Acknowledging:
    """Acknowledges what a controller may send, window after window, with the round-trip times that a test gives."""

    def __init__(self, controller: CongestionController, now: float = 1.0) -> None:
        self.controller = controller
        self.now = now
        self.delivered = 0

    def packet(self, rtt: float, **more: object) -> None:
        """Acknowledge one packet now; delivery rate: a window a round trip, if the test gives no other."""
        before = int(self.controller.cwnd)
        given: dict[str, object] = {
            "delivered": self.delivered + MSS,
            "prior_delivered": max(0, self.delivered + MSS - before),
            "delivery_rate": before * 8 / rtt,
            "in_flight": before,
            **more,
        }
        self.delivered += MSS
        self.controller.on_sent(self.now, MSS, before)
        self.controller.on_acked(sample(self.now, rtt, **given))

    def round(self, rtt: float, packets: int | None = None, **more: object) -> float:
        """Acknowledge a window spread over a round trip; return the window after it, packets."""
        count = packets or int(self.controller.cwnd // MSS)
        begin = self.now
        for number in range(count):
            self.now = begin + rtt * (number + 1) / count
            self.packet(rtt, **more)
        return self.controller.cwnd / MSS
