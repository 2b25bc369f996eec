"""Known systems as data: what each is made of, and what is imitated. No code, no imports of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class System:
    """One known system: the keys it sets in the scenario's ``[tunnel]`` table, or in ``[mptcp]`` instead of that."""

    imitates: str
    tunnel: Mapping[str, Any] = field(default_factory=dict)
    mptcp: Mapping[str, Any] | None = None  # no tunnel, but Multipath TCP


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

# Our tunnel for links that fluctuate: windows from what each path lately delivered, losses and silences made good by
# the other paths, resequencing that knows what is repaired.
_BRAID: Mapping[str, Any] = {
    "scheduler": "greedy",
    "congestion": "recent-rate",
    "reorder": {"mode": "detect", "timeout": "600ms"},
    "repair": [
        "retransmit",
        {"name": "reinject", "silence": 0.08, "age": 0.2},
        {"name": "duplicate", "classes": ["udp", "expedited"], "wait": 0.05, "most": 256e3},
    ],
    "feedback": "fastest",
}

# Run without a tunnel: over the first link, or over the one with the most capacity.
DIRECT = "direct"
BEST_LINK = "best-link"
WITHOUT_TUNNEL = (DIRECT, BEST_LINK)
MPTCP = "mptcp"

# Each packet as it comes, with nothing that knows of links, losses or order.
_PLAIN: Mapping[str, Any] = {
    "congestion": "none",
    "reorder": {"mode": "none"},
    "classes": "single",
    "liveness": "none",
}
_NETCOMBINER: Mapping[str, Any] = {
    "scheduler": "greedy",
    "congestion": "newreno",
    "loss_detection": "nack",
    "reorder": {"mode": "none"},
    "classes": "single",
}

SYSTEMS: Mapping[str, System] = {
    DIRECT: System("no tunnel: everything goes over the first link"),
    BEST_LINK: System("no tunnel: everything goes over the link with the most capacity in the first flow's direction"),
    "failover": System(
        "what routers do with a spare line: one link carries everything, the next one takes over when it is lost",
        {"scheduler": "active-backup", "congestion": "none", "reorder": {"mode": "none"}},
    ),
    "session-balancing": System(
        "what routers do with several lines: each flow keeps to one link by a hash of its addresses and ports",
        {"scheduler": "ecmp", "congestion": "none", "reorder": {"mode": "none"}},
    ),
    "tuntuntun": System(
        "github.com/erjiang/tuntuntun: packet n on interface n mod N, no congestion control, order or link test",
        {"scheduler": "round-robin", **_PLAIN},
    ),
    "tuntuntun-70-30": System(
        "what its author plans: 70 % of the packets by the first link, 30 % by the second",
        {"scheduler": {"name": "weighted", "weights": [70, 30]}, **_PLAIN},
    ),
    "tuntuntun-metered": System(
        "what its author plans: the metered link (a higher metric) gets what the others cannot take, as windows tell",
        {"scheduler": "overflow", **_PLAIN, "congestion": "rate-pull"},
    ),
    "tuntuntun-reorder": System(
        "what its author plans: a sequence number in each packet and sorting at the receiver",
        {"scheduler": "round-robin", **_PLAIN, "reorder": {"mode": "timeout", "timeout": "100ms"}},
    ),
    "tuntuntun-ping": System(
        "what its author plans: a ping test, by which interfaces that vanish are left out and taken back",
        {"scheduler": "round-robin", **_PLAIN, "liveness": "probe"},
    ),
    # The sorting timer is twice a smoothed gap between packets, which begins with 10 ms (connection.go, channel.go). A
    # silent link is left out after 30 s only.
    "gobonding": System(
        "github.com/kochelmonster/gobonding: shares by speeds measured over 500 ms, a receiver that sorts for 20 ms",
        {
            "scheduler": {"name": "weighted", "measured": True},
            **_PLAIN,
            "reorder": {"mode": "timeout", "timeout": "20ms"},
        },
    ),
    "mptunnel": System(
        "github.com/greensea/mptunnel: every datagram on every path, the first copy wins",
        {"scheduler": "redundant", **_PLAIN},
    ),
    "braid": System(
        "our tunnel for links that fluctuate: the sum at a low delay; inner TCP is held back by its receive window",
        {**_BRAID, "queue": {"kind": "droptail", "size": "1000p"}, "backpressure": "rwnd"},
    ),
    "braid-aqm": System(
        "the same for flows whose TCP headers cannot be read: inner TCP is held back by CoDel",
        {**_BRAID, "queue": {"kind": "codel", "target": "50ms", "interval": "200ms", "size": "200p"}},
    ),
    "netcombiner": System(
        "the dissertation's tunnel: a shared queue, a window per path halved on a NACK, no resequencing", _NETCOMBINER
    ),
    "netcombiner-tcp": System(
        "the same over the dissertation's other transport, one TCP connection a path",
        {**_NETCOMBINER, "transport": "tcp"},
    ),
    MPTCP: System("no tunnel: Multipath TCP (RFC 8684) between client and server, a subflow over every link", mptcp={}),
    # Not OpenVPN's bytes: our header and tag are 40 of them, its own with AES-GCM 24 and a length of 2. 100 packets in
    # front of it are its txqueuelen.
    "openvpn-over-mptcp": System(
        "a VPN over TCP on a kernel with Multipath TCP, TCP in TCP: datagrams in one connection over every link",
        {"transport": "mptcp", "congestion": "cubic", "scheduler": "min-rtt", "reorder": {"mode": "none"}},
    ),
    "socks-over-mptcp": System(
        "proxies on kernels with Multipath TCP: a flow's TCP ends at one, which opens its own to the other (SOCKS5)",
        mptcp={"ends": "proxies", "congestion": "cubic"},
    ),
    # Access traffic steering, switching and splitting: 3GPP TS 23.501, section 5.32.8; Redundant is of release 18.
    # Windows and order are those of our tunnel, the standard has Multipath TCP's or Multipath QUIC's.
    "atsss-active-standby": System(
        "ATSSS, Active-Standby: the access of the lowest metric, another while that is lost",
        {"scheduler": "active-backup"},
    ),
    "atsss-smallest-delay": System(
        "ATSSS, Smallest Delay: the access of the smallest round-trip time", {"scheduler": "smallest-delay"}
    ),
    "atsss-load-balancing": System(
        "ATSSS, Load-Balancing: a percentage by each access (`weights` of its scheduler), equal ones if left out",
        {"scheduler": "weighted"},
    ),
    "atsss-priority": System(
        "ATSSS, Priority-based: the access of the lowest metric, and the next one for what is too much for it",
        {"scheduler": "overflow"},
    ),
    "atsss-redundant": System("ATSSS, Redundant: every packet by every access", {"scheduler": "redundant"}),
}
