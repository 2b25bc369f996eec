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
        "bbr": "mpsim.tunnel.congestion.bbr:Bbr",
        "bbr3": "mpsim.tunnel.congestion.bbr3:Bbr3",
        "copa": "mpsim.tunnel.congestion.copa:Copa",
        "ledbat": "mpsim.tunnel.congestion.ledbat:Ledbat",
        "vivace": "mpsim.tunnel.congestion.vivace:Vivace",
        "c2tcp": "mpsim.tunnel.congestion.c2tcp:C2Tcp",
        "verus": "mpsim.tunnel.congestion.verus:Verus",
        "sprout": "mpsim.tunnel.congestion.sprout:Sprout",
        "rate-pull": "mpsim.tunnel.congestion.rate_pull:RatePull",
        "recent-rate": "mpsim.tunnel.congestion.recent_rate:RecentRate",
        "lia": "mpsim.tunnel.congestion.lia:Lia",
        "olia": "mpsim.tunnel.congestion.olia:Olia",
        "balia": "mpsim.tunnel.congestion.balia:Balia",
        "wvegas": "mpsim.tunnel.congestion.wvegas:WVegas",
    },
)

__all__ = ["AckSample", "CongestionController", "Siblings", "controllers"]
