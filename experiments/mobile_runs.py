"""The runs of the mobile experiment: which system meets which set, and what its numbers mean.

*Fraction of the sum* is payload over what the system's own framing leaves of the summed capacity of all links in the
measured interval: efficiency, and for one link alone the same over the sum. The oracle that uses every byte has 1.
*Delay* is that of the flow's data from sender to receiver, which for tunnels is the delay in order: through the
ingress queue, a link and resequencing. What a host's own TCP still waits for is not in it; a tunnel's own
in_order_delay_s counts the acknowledgements on their way back as well, and stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from experiments import mobile_sets as sets
from experiments.base import Outcome, Timing, Trial, scenario_of
from mpsim.metrics import aggregation_benefit
from mpsim.systems import BEST_LINK, MPTCP, SYSTEMS
from mpsim.worlds import SIMULATION

DIRECTION: Final = "inbound"
FLOW = "download"
FULL = Timing(warmup=5.0, duration=60.0, repetitions=1)
QUICK = Timing(warmup=3.0, duration=10.0, repetitions=1)
BRAID, BRAID_AQM = "braid", "braid-aqm"
DEFAULT = "mpsim (default)"
BEST = "best single link"
CUBIC, BBR = "cubic", "bbr"


@dataclass(frozen=True, slots=True)
class Entry:
    """One system: its name in the table, and what stands in the scenario's [tunnel] for it."""

    name: str
    tunnel: Mapping[str, Any] = field(default_factory=dict)
    inner_too: bool = False  # Multipath TCP: the inner congestion control is that of its subflows


OWN_ENTRIES = tuple(Entry(name, {"system": name}) for name in (BRAID, BRAID_AQM) if name in SYSTEMS)
OURS = OWN_ENTRIES[0] if OWN_ENTRIES else Entry(DEFAULT)
MULTIPATH = Entry("MPTCP, as Linux's", {"system": MPTCP}, inner_too=True)
ALONE = Entry(BEST, {"system": BEST_LINK})
FEW = (*OWN_ENTRIES, Entry(DEFAULT), MULTIPATH, ALONE)
GOBONDING = Entry("gobonding", {"system": "gobonding"})
ENTRIES = (
    *FEW,
    Entry("MPTCP, LIA", {"system": MPTCP, "congestion": "lia"}),
    Entry("OpenVPN over MPTCP", {"system": "openvpn-over-mptcp"}),
    Entry("netcombiner", {"system": "netcombiner"}),
    GOBONDING,
    Entry("mptunnel (every path)", {"system": "mptunnel"}),
    Entry("tuntuntun (round robin)", {"system": "tuntuntun"}),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """The inner flow's congestion control and the way back, and who is asked to meet them."""

    inner: str
    reverse: str
    entries: Sequence[Entry]

    @property
    def labels(self) -> dict[str, str]:
        """What tells its runs from others'."""
        return {"inner": self.inner, "reverse": self.reverse}


MAIN = Variant(CUBIC, sets.FREE, ENTRIES)
VARIANTS = (MAIN, Variant(BBR, sets.FREE, FEW), Variant(CUBIC, sets.OWN, FEW))


def tunnel_of(entry: Entry, inner: str) -> dict[str, Any]:
    """Give a system's [tunnel] table."""
    return {**entry.tunnel, "congestion": inner} if entry.inner_too else dict(entry.tunnel)


def raw_scenario(links: Sequence[Mapping[str, Any]], tunnel: Mapping[str, Any], inner: str) -> dict[str, Any]:
    """Give one scenario as a mapping."""
    flow = {"name": FLOW, "kind": "tcp", "congestion": inner, "direction": DIRECTION}
    return {"name": "mobile", "tunnel": dict(tunnel), "link": [dict(link) for link in links], "flow": [flow]}


def trials_of(chosen: Sequence[sets.LinkSet], variants: Sequence[Variant], timing: Timing, folder: Path) -> list[Trial]:
    """Give every simulated run; folder: where traces are written."""
    found = []
    for variant in variants:
        for one in chosen:
            if variant.reverse == sets.OWN and not sets.has_uplinks(one):
                continue
            links = sets.link_tables(one, folder, variant.reverse)
            for entry in variant.entries:
                raw = raw_scenario(links, tunnel_of(entry, variant.inner), variant.inner)
                labels = {"set": one.name, "system": entry.name, **variant.labels}
                found.append(Trial(labels, SIMULATION, scenario_of(raw, timing, seed=1)))
    return found


def row_of(outcome: Outcome) -> dict[str, Any]:
    """Give the numbers of a run; empty if it may not be believed."""
    if not outcome.believed:
        return {}
    goodput = outcome.number(f"aggregation.{DIRECTION}.goodput_bps") or 0.0
    limit = outcome.number(f"aggregation.{DIRECTION}.framing_limit") or 1.0
    capacities = [outcome.number(f"link.{link.name}.{DIRECTION}.capacity_bps") for link in outcome.trial.scenario.link]
    usable = [limit * capacity for capacity in capacities if capacity is not None]
    return {
        "goodput_bps": goodput,
        "fraction": goodput / sum(usable),
        "benefit": aggregation_benefit(goodput, usable),
        **{f"delay_{part}_s": outcome.number(f"flow.{FLOW}.one_way_delay_s.{part}") for part in ("p50", "p95", "p99")},
        "tunnel_in_order_p95_s": outcome.number("tunnel.in_order_delay_s.p95"),
        "reorder_p95_bytes": outcome.number("tunnel.reorder_bytes.p95"),
        "out_of_order": outcome.number(f"flow.{FLOW}.out_of_order_ratio"),
        "duplicates": outcome.number("tunnel.duplicates_ratio"),
    }


NUMBERS = (
    "fraction", "benefit", "delay_p50_s", "delay_p95_s", "delay_p99_s", "tunnel_in_order_p95_s",
    "reorder_p95_bytes", "out_of_order", "duplicates",
)  # fmt: skip


def rows_of(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Give one row a run: what set it was, and its numbers."""
    by_name = {one.name: one for one in sets.ALL}
    rows = []
    for outcome in outcomes:
        one = by_name[str(outcome.trial.labels["set"])]
        place = {"set": one.name, "kind": one.kind, "tuning": one.tuning, "world": outcome.trial.world}
        rows.append({**place, **outcome.trial.labels, **row_of(outcome), "why_not": outcome.why_not})
    return rows


# Sets that are told together: those by which parameters were chosen apart from those by which they were not.
TUNED, UNTOUCHED, LTE, EVERYTHING = "LTE, tuning", "LTE, untouched", "LTE, all", "everything"
_LTE_KINDS = (sets.PAIR, sets.TRIPLE)


def groups_of(row: Mapping[str, Any]) -> list[str]:
    """Give the groups that a run's set belongs to."""
    if row["kind"] in _LTE_KINDS:
        return [TUNED if row["tuning"] else UNTOUCHED, LTE, EVERYTHING]
    return [str(row["kind"]), EVERYTHING]


GROUPS = (TUNED, UNTOUCHED, LTE, sets.OPERATORS, sets.WIFI, sets.STARLINK, sets.GENERATED, EVERYTHING)


def summarise(rows: Sequence[Mapping[str, Any]], variants: Sequence[Variant] = VARIANTS) -> list[dict[str, Any]]:
    """Give means over the sets of each group, and the worst set, for each system and variant."""
    found = []
    for variant in variants:
        own = [row for row in rows if row.get("fraction") is not None and has(row, variant.labels)]
        for group in GROUPS:
            for system in dict.fromkeys(str(row["system"]) for row in own):
                some = [row for row in own if row["system"] == system and group in groups_of(row)]
                if some:
                    head = {**variant.labels, "group": group, "system": system, "sets": len(some)}
                    worst = min(float(row["fraction"]) for row in some)
                    found.append({**head, **{key: mean_of(some, key) for key in NUMBERS}, "worst_fraction": worst})
    return found


def mean_of(rows: Iterable[Mapping[str, Any]], key: str) -> float | None:
    """Give the mean of what is known; None: of nothing."""
    values = [float(row[key]) for row in rows if row.get(key) is not None]
    return fmean(values) if values else None


def has(row: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Return whether a row has all of these labels."""
    return all(row.get(name) == value for name, value in labels.items())
