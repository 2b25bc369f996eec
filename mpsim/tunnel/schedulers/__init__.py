"""Packet schedulers, one algorithm a file."""

from mpsim.registry import Registry
from mpsim.tunnel.schedulers.base import PathView, Scheduler, SchedulerView

schedulers: Registry[Scheduler] = Registry(
    kind="scheduler",
    base=Scheduler,
    group="mpsim.schedulers",
    table={
        "greedy": "mpsim.tunnel.schedulers.greedy:Greedy",
        "round-robin": "mpsim.tunnel.schedulers.round_robin:RoundRobin",
        "min-rtt": "mpsim.tunnel.schedulers.min_rtt:MinRtt",
        "active-backup": "mpsim.tunnel.schedulers.active_backup:ActiveBackup",
        "ecmp": "mpsim.tunnel.schedulers.ecmp:Ecmp",
        "overflow": "mpsim.tunnel.schedulers.overflow:Overflow",
    },
)

__all__ = ["PathView", "Scheduler", "SchedulerView", "schedulers"]
