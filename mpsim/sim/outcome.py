"""From what was recorded to the result, in the schema that both worlds share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mpsim.access_links import capacity_of
from mpsim.build import Direction
from mpsim.result import Result, SeriesRow, assemble
from mpsim.scenario import Scenario
from mpsim.sim.flows import Flow
from mpsim.sim.recorder import Recorder
from mpsim.sim.wiring import PortalStation
from mpsim.summary import REORDER_BYTES, aggregation_rows, failover_rows, rejected_row, reorder_row


def outcome(
    scenario: Scenario,
    recorder: Recorder,
    flows: Sequence[Flow],
    wires: Sequence[tuple[int, Direction]],
    portals: Sequence[PortalStation],
    *,
    wall_s: float,
    extra: Mapping[str, Any],
) -> Result:
    """Return what a run gave.

    wires: number and direction of each link, in the recorder's order; portals: none without a tunnel; extra: what
    stands beside the shared schema.
    """
    later = [row for flow in flows for row in flow.series()]
    rows: Sequence[SeriesRow] = [*recorder.rows(), *later] if later else recorder.rows()
    links = _link_rows(scenario, recorder, wires)
    lost: dict[str, int] = {}
    for row in links:
        lost[row["name"]] = lost.get(row["name"], 0) + row["drops"]["down"]
    parts = {
        "flows": [flow.row() for flow in flows],
        "links": links,
        "tunnel": _tunnel_row(scenario, recorder, portals) if portals else None,
        "paths": [record.row() for record in recorder.paths],
        "aggregation": aggregation_rows(scenario, {flow.spec.name: flow.goodput for flow in flows}),
        "failovers": failover_rows(scenario, rows, lost),
    }
    return assemble(
        scenario,
        world="simulation",
        wall_s=wall_s,
        parts=parts,
        rows=rows,
        packages=("simpy", "numpy"),
        extra=dict(extra),
    )


def _link_rows(scenario: Scenario, recorder: Recorder, wires: Sequence[tuple[int, Direction]]) -> list[dict[str, Any]]:
    begin, end = scenario.warmup, scenario.warmup + scenario.duration
    rows = []
    for (index, direction), record in zip(wires, recorder.links, strict=True):
        capacity = capacity_of(scenario, index, direction).capacity_bits(begin, end) / scenario.duration
        rows.append(record.row(capacity, scenario.duration))
    return rows


def _tunnel_row(scenario: Scenario, recorder: Recorder, portals: Sequence[PortalStation]) -> dict[str, Any]:
    begin, end = scenario.warmup, scenario.warmup + scenario.duration
    differences = [record.difference for record in recorder.paths]
    data = sum(difference[0] for difference in differences)
    inner = sum(portal.endpoint.incoming.delivered_packets for portal in portals)
    duplicates = sum(portal.endpoint.incoming.duplicates for portal in portals)
    inner_bytes = sum(portal.inner_bytes for portal in portals)
    total_bytes = sum(path.sent_bytes + path.control_bytes for portal in portals for path in portal.endpoint.paths)
    return {
        "datagrams_sent": data + sum(difference[3] for difference in differences),
        "duplicates_ratio": duplicates / inner if inner else None,
        "overhead_ratio": total_bytes / inner_bytes - 1 if inner_bytes else None,
        "in_order_delay_s": recorder.in_order.summary(50, 95, 99),
        "reorder_bytes": reorder_row(recorder.rows_of(REORDER_BYTES), begin, end),
        "rejected": rejected_row(portal.endpoint.rejected for portal in portals),
        "ingress_drops": sum(portal.endpoint.ingress.drops for portal in portals),
        "recovered_packets": sum(portal.endpoint.incoming.recovered_packets for portal in portals),
    }
