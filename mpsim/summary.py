"""From what a world counted to aggregation and failovers; both worlds call this, so they mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mpsim.access_links import capacity_of
from mpsim.build import DATA_SEQUENCE_SIGNAL, DIRECTIONS, OUTER_MTU, Direction, framing_limit, is_multipath
from mpsim.metrics import BIN, aggregate, failover_row, percentiles
from mpsim.network.link import Link
from mpsim.result import SeriesRow
from mpsim.scenario import FlowSpec, Scenario

REORDER_BYTES = "reorder_bytes"  # of series.csv: what the reorder buffers at one end hold


def rejected_row(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return `tunnel.rejected` from what the ends refused: what is neither forged nor replayed is malformed."""
    row = {"malformed": 0, "forged": 0, "replayed": 0}
    for count in counts:
        for cause, number in count.items():
            row[cause if cause in row else "malformed"] += number
    return row


def reorder_row(rows: Iterable[SeriesRow], begin: float, end: float) -> dict[str, float] | None:
    """Return `tunnel.reorder_bytes`: what all reorder buffers together hold at the ends of bins in [begin, end).

    Resequencer occupancy, as RFC 5236's buffer-occupancy density counts it for each arrival, here in bytes and by time.
    """
    held: dict[float, float] = {}
    for when, _, _, metric, value in rows:
        if metric == REORDER_BYTES and begin - BIN / 2 < when < end - BIN / 2:
            held[when] = held.get(when, 0.0) + value
    return percentiles(list(held.values()), 50, 95, 99)


def flow_limit(scenario: Scenario, flow: FlowSpec) -> float:
    """Return the framing limit of a flow: payload over IP bytes of its full packets."""
    tunnelled = scenario.tunnel is not None and flow.via == "tunnel"
    limit = framing_limit(scenario, flow.kind, flow.packet_size, tunnelled=tunnelled)
    return limit - DATA_SEQUENCE_SIGNAL / OUTER_MTU if is_multipath(scenario, flow) else limit


def _used_links(scenario: Scenario, direction: Direction) -> list[Link]:
    """Return the links whose sum is to be reached: with neither a tunnel nor Multipath TCP the first alone."""
    count = 1 if scenario.tunnel is None and scenario.mptcp is None else len(scenario.link)
    return [capacity_of(scenario, index, direction) for index in range(count)]


def _measured(scenario: Scenario, direction: Direction) -> list[FlowSpec]:
    return [
        flow
        for flow in scenario.flow
        if flow.direction == direction and flow.kind in ("tcp", "udp") and flow.via == "tunnel"
    ]


def aggregation_rows(scenario: Scenario, goodput: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the rows of `aggregation`; goodput: bit/s of each flow by name."""
    begin, end = scenario.warmup, scenario.warmup + scenario.duration
    rows = []
    for direction in DIRECTIONS:
        flows = [(goodput[flow.name], flow_limit(scenario, flow)) for flow in _measured(scenario, direction)]
        links = _used_links(scenario, direction)
        capacities = [link.capacity_bits(begin, end) / scenario.duration for link in links]
        row = aggregate(direction, flows, capacities)
        if row is not None:
            rows.append(row)
    return rows


def failover_rows(scenario: Scenario, rows: Sequence[SeriesRow], lost: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the rows of `failovers`, one for each event that cuts a link or brings it back.

    rows: of series.csv, with throughput_bps and, for TCP, arrived_bps of each flow; lost: packets each link lost
    while down.
    """
    events = [event for event in scenario.event if event.up is not None]
    if not events:
        return []
    bins = round(scenario.duration / BIN)
    begin = scenario.warmup
    directions = []
    for direction in DIRECTIONS:
        flows = _measured(scenario, direction)
        if flows:
            wanted = _wanted(scenario, direction, flows, begin, bins)
            goodput = _summed(rows, flows, begin, bins, arrived=False)
            directions.append((_summed(rows, flows, begin, bins, arrived=True), goodput, wanted))
    return [
        failover_row(
            {
                "link": event.link,
                "at": begin + event.at,
                "at_s": event.at,
                "up": event.up,
                "lost_packets": lost.get(event.link, 0) if not event.up else 0,
            },
            begin,
            directions,
        )
        for event in events
    ]


def _summed(
    rows: Sequence[SeriesRow], flows: Sequence[FlowSpec], begin: float, bins: int, *, arrived: bool
) -> list[float]:
    """Return what the flows delivered in each bin, bit/s, or what arrived for them in whatever order."""
    metrics = {
        f"flow/{flow.name}": "arrived_bps" if arrived and flow.kind == "tcp" else "throughput_bps" for flow in flows
    }
    sums = [0.0] * bins
    for t, entity, _, metric, value in rows:
        position = round((t - begin) / BIN)
        if metrics.get(entity) == metric and 0 <= position < bins:
            sums[position] += value
    return sums


def _wanted(
    scenario: Scenario, direction: Direction, flows: Sequence[FlowSpec], begin: float, bins: int
) -> list[float]:
    """Return min(offered, what the links then up can carry as payload) in each bin, bit/s."""
    offered = sum((flow.rate or 0.0) if flow.kind == "udp" and flow.bytes is None else float("inf") for flow in flows)
    limit = min(flow_limit(scenario, flow) for flow in flows)
    links = _used_links(scenario, direction)
    wanted = []
    for position in range(bins):
        start = begin + position * BIN
        carried = sum(link.capacity_bits(start, start + BIN) for link in links) / BIN
        wanted.append(min(offered, limit * carried))
    return wanted
