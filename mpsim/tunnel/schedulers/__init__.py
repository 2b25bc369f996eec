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
        "weighted": "mpsim.tunnel.schedulers.weighted:Weighted",
        "min-rtt": "mpsim.tunnel.schedulers.min_rtt:MinRtt",
        "redundant": "mpsim.tunnel.schedulers.redundant:Redundant",
        "active-backup": "mpsim.tunnel.schedulers.active_backup:ActiveBackup",
        "ecmp": "mpsim.tunnel.schedulers.ecmp:Ecmp",
        "overflow": "mpsim.tunnel.schedulers.overflow:Overflow",
        "flowlet": "mpsim.tunnel.schedulers.flowlet:Flowlet",
        "daps": "mpsim.tunnel.schedulers.daps:Daps",
        "otias": "mpsim.tunnel.schedulers.otias:Otias",
        "lamps": "mpsim.tunnel.schedulers.lamps:Lamps",
        "blest": "mpsim.tunnel.schedulers.blest:Blest",
        "ecf": "mpsim.tunnel.schedulers.ecf:Ecf",
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
