"""From what the programs of a run have counted to the rows of the result."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulation import addresses as at
from mpsim.access_links import capacity_of
from mpsim.metrics import DelayHistogram
from mpsim.result import SeriesRow
from mpsim.scenario import Scenario
from mpsim.summary import REORDER_BYTES, rejected_row, reorder_row
from mpsim.units import BITS_PER_BYTE

SENDS = {at.LOCAL: "outbound", at.REMOTE: "inbound"}
_CLASS_BITS = 48  # above the tunnel sequence


def link_rows(scenario: Scenario, records: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of `links`."""
    begin, end = scenario.warmup, scenario.warmup + scenario.duration
    index = {spec.name: number for number, spec in enumerate(scenario.link)}
    rows = []
    for link in records["programs"]["links"]["links"]:
        first, last = link["begin"], link["end"]
        delays = DelayHistogram()
        delays.add(link["queue_delays_s"])
        size = last["delivered_bytes"] - first["delivered_bytes"]
        capacity = capacity_of(scenario, index[link["name"]], link["direction"]).capacity_bits(begin, end)
        rows.append(
            {
                "name": link["name"],
                "direction": link["direction"],
                "capacity_bps": capacity / scenario.duration,
                "delivered_bps": size * BITS_PER_BYTE / scenario.duration,
                "delivered_packets": last["delivered_packets"] - first["delivered_packets"],
                "drops": {cause: last["drops"][cause] - first["drops"][cause] for cause in last["drops"]},
                "queue_delay_s": delays.summary(50, 95),
                "total": {key: link["total"][key] for key in ("offered_packets", "delivered_packets", "drops")},
            }
        )
    return rows


def lost_while_down(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many packets each link lost because it was down; from the rows of `links`."""
    lost: dict[str, int] = {}
    for row in rows:
        lost[row["name"]] = lost.get(row["name"], 0) + row["drops"]["down"]
    return lost


def path_rows(scenario: Scenario, records: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of `paths`, each from its sending portal."""
    rows = []
    for side in reversed(at.PORTALS) if scenario.tunnel is not None else ():
        portal = records["programs"][side]
        for index, spec in enumerate(scenario.link):
            first, last = portal["begin"]["paths"][index], portal["end"]["paths"][index]
            change = {key: last[key] - first[key] for key in last}
            srtt = DelayHistogram()
            srtt.add(portal["srtt_s"][index])
            rows.append(
                {
                    "link": spec.name,
                    "direction": SENDS[side],
                    "datagrams": change["datagrams"] + change["control_datagrams"],
                    "bytes": change["bytes"] + change["control_bytes"],
                    "srtt_s": srtt.summary(50, 95),
                    "lost_ratio": change["lost"] / change["datagrams"] if change["datagrams"] else None,
                    "retransmitted": change["retransmitted"],
                    "reinjected": change["reinjected"],
                }
            )
    return rows


def in_order_delays(folder: Path, begin: float, end: float) -> DelayHistogram:
    """Join what entered one portal with what left the other in order; released in the interval (s)."""
    delays = DelayHistogram()
    for side in at.PORTALS:
        entered, entered_at = _trace(folder / f"{side}-ingress.trace")
        released, released_at = _trace(folder / f"{at.other(side)}-release.trace")
        _, first, second = np.intersect1d(entered, released, return_indices=True)
        when = released_at[second]
        counted = (when >= begin) & (when < end)
        delays.add((when[counted] - entered_at[first][counted]).tolist())
    return delays


def _trace(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    entries = array("d")
    entries.frombytes(path.read_bytes())
    table = np.asarray(entries, dtype=np.float64).reshape(-1, 3)
    return (table[:, 0].astype(np.int64) << _CLASS_BITS) + table[:, 1].astype(np.int64), table[:, 2]


def series(scenario: Scenario, records: Mapping[str, Any]) -> Iterable[SeriesRow]:
    """Yield the rows of links and paths, bins up to the end of the measured interval."""
    last = scenario.warmup + scenario.duration - 1e-6
    for link in records["programs"]["links"]["links"]:
        entity, direction = f"link/{link['name']}", link["direction"]
        for number, metric in enumerate(("throughput_bps", "queue_bytes", "up"), 1):
            for row in link["series"]:
                if row[0] < last and row[number] is not None:
                    yield (round(row[0], 1), entity, direction, metric, row[number])
    if scenario.tunnel is not None:
        for side in reversed(at.PORTALS):
            for index, spec in enumerate(scenario.link):
                samples = [row for row in records["programs"][side]["series"] if row[1] == index and row[0] < last]
                yield from _path_series(f"path/{spec.name}", SENDS[side], samples)
        yield from _held(records, last)


def _held(records: Mapping[str, Any], last: float) -> Iterable[SeriesRow]:
    for side in reversed(at.PORTALS):
        for when, held in records["programs"][side]["held"]:
            if when < last:
                yield (round(when, 1), "tunnel", SENDS[at.other(side)], REORDER_BYTES, float(held))


def _path_series(entity: str, direction: str, samples: list[list[Any]]) -> Iterable[SeriesRow]:
    for number, metric in enumerate(("cwnd_bytes", "srtt_s", "up", "weight"), 2):
        for row in samples:
            if row[number] is not None:  # few schedulers have weights
                # An unlimited window has no number in a table.
                value = row[number] if row[number] != float("inf") else -1.0
                yield (round(row[0], 1), entity, direction, metric, value)


def tunnel_row(scenario: Scenario, records: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
    """Return `tunnel`, both directions together."""
    if scenario.tunnel is None:
        return None
    begin, end = scenario.warmup, scenario.warmup + scenario.duration
    totals = [records["programs"][side]["total"] for side in at.PORTALS]
    sent = sum(path["bytes"] + path["control_bytes"] for total in totals for path in total["paths"])
    inner = sum(total["inner_bytes"] for total in totals)
    delivered = sum(total["delivered_packets"] for total in totals)
    return {
        "datagrams_sent": sum(row["datagrams"] for row in path_rows(scenario, records)),
        "duplicates_ratio": sum(total["duplicates"] for total in totals) / delivered if delivered else None,
        "overhead_ratio": sent / inner - 1 if inner else None,
        "in_order_delay_s": in_order_delays(folder, begin, end).summary(50, 95, 99),
        "reorder_bytes": reorder_row(_held(records, end), begin, end),
        "rejected": rejected_row(total["rejected"] for total in totals),
        "ingress_drops": sum(total["ingress_drops"] for total in totals),
        "recovered_packets": sum(total["recovered_packets"] for total in totals),
    }
