"""Repair of what paths lose, one way a file; outlet.py joins those that are in use."""

from mpsim.registry import Registry
from mpsim.tunnel.repair.base import Outlet, Repair

repairs: Registry[Repair] = Registry(
    kind="repair",
    base=Repair,
    group="mpsim.repairs",
    table={
        "retransmit": "mpsim.tunnel.repair.retransmit:Retransmit",
        "reinject": "mpsim.tunnel.repair.reinject:Reinject",
        "duplicate": "mpsim.tunnel.repair.duplicate:Duplicate",
        "parity": "mpsim.tunnel.repair.parity:Parity",
    },
)

__all__ = ["Outlet", "Repair", "repairs"]
