"""A scenario that is right, and how a command ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

RIGHT = """
schema = 1
name = "right"
warmup = "1s"
duration = "6s"
seed = 3

[tunnel]
scheduler = "greedy"
congestion = "newreno"
reorder = { mode = "timeout" }

[[link]]
name = "a"
rate = { down = "8Mbit", up = "4Mbit" }
delay = "10ms"

[[link]]
name = "b"
rate = "5Mbit"
delay = "15ms"

[[flow]]
kind = "tcp"

[[flow]]
kind = "udp"
direction = "outbound"
rate = "500kbit"

[[event]]
at = "3s"
link = "b"
up = false
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Mpsim = Callable[..., Ended]
