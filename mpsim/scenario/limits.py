"""What a scenario may say: ranges, and the words this version knows of those the contract reserves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mpsim.tunnel.framing import OUTER_MTU, largest_inner, udp_headers

SCHEMA = 1

RATE_BPS = (1e3, 100e9)  # bit/s
DELAY_S = (0.0, 60.0)  # s, one way
WARMUP_S = (0.0, 3600.0)  # s
DURATION_S = (0.1, 24 * 3600.0)  # s
START_S = (-WARMUP_S[1], DURATION_S[1])  # s, of the measured interval
REORDER_TIMEOUT_S = (0.001, 60.0)  # s
REORDER_OFFSET_S = (0.0, 60.0)  # s
REORDER_INACTIVE = (1, 1_000_000)  # arrivals
CODEL_TARGET_S = (0.0001, 10.0)  # s
CODEL_INTERVAL_S = (0.001, 60.0)  # s
CODEL_FLOWS = (1, 65_536)  # queues
PING_INTERVAL_S = (0.001, 3600.0)  # s
PLAYOUT_S = (0.0, 10.0)  # s
HANGUP_S = (2.0, 3600.0)  # s
TRACE_OFFSET_S = (0.0, DURATION_S[1])  # s
TRACE_SCALE = (0.001, 1000.0)
SEED = (0, 2**63 - 1)
METRIC = (0, 1000)
LINKS = (1, 64)
FLOWS = (1, 1000)
EVENTS = (0, 10_000)
SWEEP_RUNS = (1, 1_000_000)
QUEUE_PACKETS = (1, 10**9)
# Below a full Ethernet payload a queue could never take a full packet.
QUEUE_BYTES = (1500, 10**12)
QUEUE_BDP = (0.01, 1000.0)
FLOW_BYTES = (1, 10**12)

# RFC 791: every host takes 576 bytes. At most what the leanest transport leaves; cross.py knows the others.
INNER_MTU = (576, largest_inner("ip", "ipv4"))
# Room for what a measuring payload carries: a sequence number and a time.
PAYLOAD_BYTES = (16, OUTER_MTU - udp_headers("ipv4"))

SCENARIO_FILE_BYTES = 1 << 20
NAME_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Words:
    """Values of a key: known now, and reserved by the contract for a later version."""

    now: tuple[str, ...]
    later: tuple[str, ...] = ()


# To make a reserved word work, move it to the left.
WORDS: Mapping[str, Words] = {
    "tunnel.loss_detection": Words(("rfc9002", "nack")),
    "tunnel.transport": Words(("udp", "tcp", "ip", "mptcp")),
    "tunnel.liveness": Words(("probe", "none")),
    "tunnel.mode": Words(("aead", "mac", "none")),
    "tunnel.classes": Words(("protocol", "single")),
    "tunnel.queue.kind": Words(("droptail", "codel", "fq-codel")),
    "tunnel.reorder.mode": Words(("none", "timeout", "adaptive", "equalise", "detect")),
    "tunnel.reorder.late": Words(("pass", "drop")),
    "tunnel.feedback": Words(("own", "fastest")),
    "tunnel.backpressure": Words(("none", "rwnd")),
    "mptcp.ends": Words(("hosts", "proxies")),
    "topology.inner": Words(("ipv4", "ipv6")),
    "topology.outer": Words(("ipv4", "ipv6")),
    "flow.kind": Words(("tcp", "udp", "ping", "echo", "voip", "pcap", "scapy"), ("web",)),
    "flow.direction": Words(("inbound", "outbound")),
    "flow.arrivals": Words(("constant", "poisson")),
    "event.how": Words(("silent", "carrier"), ("deleted",)),
    "link.loss.model": Words(("bernoulli", "gilbert-elliott")),
}

# Keys of the contract that this version refuses by name; tables are written as in WORDS, "" is the top.
LATER_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("shared",),
    "link": ("shared",),
    "event": ("restart", "readdress", "rebind"),
}

# Which keys of the ingress queue belong to which kind, besides those that all have.
QUEUE_KEYS: Mapping[str, tuple[str, ...]] = {
    "droptail": (),
    "codel": ("target", "interval"),
    "fq-codel": ("target", "interval", "flows"),
}

# Which keys belong to which mode of the reorder buffer; `timeout` may be said in all of them.
REORDER_KEYS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "timeout": ("timeout", "late"),
    "adaptive": ("timeout", "late", "offset", "inactive"),
    "equalise": ("timeout", "offset", "inactive"),
    "detect": ("timeout", "late", "inactive"),
}

# Which keys belong to which kind of flow, besides those that all have.
FLOW_KEYS: Mapping[str, tuple[str, ...]] = {
    "tcp": ("congestion", "bytes"),
    "udp": ("rate", "packet_size", "arrivals", "bytes"),
    "ping": ("interval", "size"),
    "echo": ("interval", "congestion"),
    "voip": ("playout", "hangup", "concealment"),
    "pcap": ("file",),
    "scapy": ("file",),
}
