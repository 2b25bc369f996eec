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
        "sttf": "mpsim.tunnel.schedulers.sttf:Sttf",
        "stms": "mpsim.tunnel.schedulers.stms:Stms",
        "srpt": "mpsim.tunnel.schedulers.srpt:Srpt",
        "linux-default": "mpsim.tunnel.schedulers.linux_default:LinuxDefault",
        "peekaboo": "mpsim.tunnel.schedulers.peekaboo:Peekaboo",
        "musher": "mpsim.tunnel.schedulers.musher:Musher",
        "smallest-delay": "mpsim.tunnel.schedulers.smallest_delay:SmallestDelay",
    },
)

__all__ = ["PathView", "Scheduler", "SchedulerView", "schedulers"]
