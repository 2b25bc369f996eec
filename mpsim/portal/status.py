"""What a portal tells of itself: plain JSON data, the same for `mpsim portal status` and for Prometheus.

Times are seconds, sizes bytes, rates bit/s, as their names say; counts begin with the portal, or with the association
if its configuration has changed.
"""

from __future__ import annotations

import math
import os
from typing import Any

from mpsim.portal.association import Association
from mpsim.portal.port import shown_address
from mpsim.portal.portal import Portal
from mpsim.portal.way import Way

SCHEMA = 1


def snapshot(portal: Portal) -> dict[str, Any]:
    """Return how everything is now."""
    now = portal.loop.now()
    host = portal.config.host
    return {
        "schema": SCHEMA,
        "name": host.name,
        "pid": os.getpid(),
        "mode": host.mode,
        "uptime_s": now,
        "read_packets": portal.read_packets,
        "written_packets": portal.written_packets,
        "unroutable_packets": portal.unroutable,
        "odd_packets": portal.odd,
        "too_big_packets": portal.too_big,
        "tun_errors": portal.tun_errors,
        "receive_buffer_drops": portal.hub.dropped(),
        "unknown_datagrams": portal.hub.unknown,
        "portals": [_association(one) for one in portal.associations],
    }


def _association(one: Association) -> dict[str, Any]:
    endpoint = one.endpoint
    return {
        "name": one.spec.name,
        "up": one.up,
        "inner_mtu": one.mtu,
        "routes": [str(route) for route in one.spec.routes],
        "handshakes": one.guard.handshakes if one.guard is not None else None,
        "backlog_bytes": endpoint.ingress.backlog(),
        "ingress_drops": endpoint.ingress.drops,
        "sent_packets": endpoint.received_packets,
        "delivered_packets": endpoint.incoming.delivered_packets,
        "duplicate_packets": endpoint.incoming.duplicates,
        "foreign_packets": one.foreign,
        "rejected": dict(endpoint.rejected),
        "paths": [_path(one, way) for way in one.ways],
    }


def _path(one: Association, way: Way) -> dict[str, Any]:
    path = one.endpoint.paths[way.number]
    up = path.up
    return {
        "name": way.spec.name,
        "up": up,
        "reason": "" if up else way.reason(),
        "local": way.port.name,
        "remote": shown_address(way.address),
        "metric": path.metric,
        "srtt_s": path.srtt or None,
        "loss_ratio": path.loss_ratio,
        "cwnd_bytes": path.cwnd if up and math.isfinite(path.cwnd) else None,
        "in_flight_bytes": path.bytes_in_flight,
        "queue_bytes": path.queued_bytes,
        "delivery_rate_bps": path.delivery_rate,
        "sent_datagrams": way.sent,
        "sent_data_bytes": path.sent_bytes,
        "received_datagrams": way.received,
        "lost_datagrams": path.lost_datagrams,
        "send_errors": way.send_errors,
        "downs": path.downs,
    }
