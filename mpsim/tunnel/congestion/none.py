"""No congestion control: whatever is given is sent."""

from __future__ import annotations

from mpsim.tunnel.congestion.base import AckSample, CongestionController


class Unlimited(CongestionController):
    """No window: the path sends whatever it is given (as tuntuntun, gobonding and mptunnel do)."""

    name = "none"
    cwnd = float("inf")

    def on_acked(self, sample: AckSample) -> None:
        """Nothing to learn."""
