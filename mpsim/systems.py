"""Known systems as data: what each is made of, and what is imitated. No code, no imports of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class System:
    """One known system: the keys it sets in the scenario's ``[tunnel]`` table."""

    imitates: str
    tunnel: Mapping[str, Any] = field(default_factory=dict)


# What a [tunnel] table without a system is made of.
DEFAULT_TUNNEL: Mapping[str, Any] = {
    "scheduler": "greedy",
    "congestion": "rate-pull",
    "loss_detection": "rfc9002",
    "transport": "udp",
    "liveness": "probe",
    "mode": "none",
    "classes": "protocol",
    "queue": {"kind": "droptail"},
    # A silent cut stops delivery for this long; links whose delays differ by more need more.
    "reorder": {"mode": "timeout", "timeout": "100ms"},
    "repair": [],
    "backpressure": "none",
}

# What differs with the transport. TCP has a congestion control of its own, which a small queue would starve.
TRANSPORT_TUNNEL: Mapping[str, Mapping[str, Any]] = {
    "tcp": {"congestion": "newreno"},
    "mptcp": {"congestion": "cubic", "scheduler": "min-rtt"},  # as the kernel's: windows of their own
}

# What an ingress queue of each kind has. CoDel needs room to let a burst pass: Linux's limit (sch_codel.c), and that of
# RFC 8290, section 5.2.3; its times are those of RFC 8289, section 4.3, and RFC 8290, section 5.2.
INGRESS_QUEUE: Mapping[str, Mapping[str, Any]] = {
    "droptail": {"size": "100p"},
    "codel": {"size": "1000p", "target": "5ms", "interval": "100ms"},
    "fq-codel": {"size": "10240p", "target": "5ms", "interval": "100ms", "flows": 1024},
}

# Runs without a tunnel, over the first link.
DIRECT = "direct"
# No tunnel either: the hosts have all links, and their TCP uses them at once (the scenario's table `mptcp`).
MPTCP = "mptcp"

SYSTEMS: Mapping[str, System] = {
    DIRECT: System("no tunnel: everything goes over the first link"),
    "netcombiner": System(
        "the dissertation's tunnel: a shared queue, a window per path halved on a NACK, no resequencing",
        {
            "scheduler": "greedy",
            "congestion": "newreno",
            "loss_detection": "nack",
            "reorder": {"mode": "none"},
            "classes": "single",
        },
    ),
    "failover": System(
        "what routers do with a spare line: one link carries everything, the next one takes over when it is lost",
        {"scheduler": "active-backup", "congestion": "none", "reorder": {"mode": "none"}},
    ),
    "session-balancing": System(
        "what routers do with several lines: each flow keeps to one link by a hash of its addresses and ports",
        {"scheduler": "ecmp", "congestion": "none", "reorder": {"mode": "none"}},
    ),
    MPTCP: System("no tunnel: Multipath TCP (RFC 8684) between client and server, a subflow over every link"),
}
