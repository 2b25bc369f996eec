"""Congestion control, one algorithm a file: used by each tunnel path and by the simulated inner TCP."""

from mpsim.registry import Registry
from mpsim.tunnel.congestion.base import AckSample, CongestionController, Siblings

controllers: Registry[CongestionController] = Registry(
    kind="congestion control",
    base=CongestionController,
    group="mpsim.congestion",
    table={
        "none": "mpsim.tunnel.congestion.none:Unlimited",
        "newreno": "mpsim.tunnel.congestion.newreno:NewReno",
        "cubic": "mpsim.tunnel.congestion.cubic:Cubic",
        "vegas": "mpsim.tunnel.congestion.vegas:Vegas",
        "copa": "mpsim.tunnel.congestion.copa:Copa",
        "ledbat": "mpsim.tunnel.congestion.ledbat:Ledbat",
        "rate-pull": "mpsim.tunnel.congestion.rate_pull:RatePull",
        "lia": "mpsim.tunnel.congestion.lia:Lia",
        "olia": "mpsim.tunnel.congestion.olia:Olia",
        "balia": "mpsim.tunnel.congestion.balia:Balia",
        "wvegas": "mpsim.tunnel.congestion.wvegas:WVegas",
    },
)

__all__ = ["AckSample", "CongestionController", "Siblings", "controllers"]
