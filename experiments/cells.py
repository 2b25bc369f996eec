"""The cells that most criteria are made of: which links, which system, which way; a scenario's mapping of each.

Bandwidths are the dissertation's: 1, 2, 3, 4 MBps are 8, 16, 24, 32 Mbit/s. "8+16" are two links of these rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments.base import Spread, Timing, Trial, scenario_of
from experiments.criterion import DIRECTIONS, Runs, Table
from mpsim.plot import Bar
from mpsim.summary import flow_limit
from mpsim.worlds import SIMULATION

Labels = Mapping[str, Any]
DELAY = "10ms"
BPS_PER_MBIT = 1e6
ANY_TIMES = Timing(warmup=1.0, duration=1.0, repetitions=1)  # framing is the same at all times
# What is compared, by the name in figures, as the scenario's [tunnel] table; None: no tunnel.
DIRECT = "direct, best link"
OURS = "mpsim's default tunnel"
DISSERTATION = "netcombiner (the dissertation's)"
RESEQUENCED = "netcombiner with resequencing"
MPTCP = "MPTCP, CUBIC as Linux's"
COUPLED = "MPTCP, LIA (RFC 6356)"
FAILOVER = "failover (active-backup)"
BALANCING = "session balancing (ECMP)"
SYSTEMS: Mapping[str, Mapping[str, Any] | None] = {
    DIRECT: None,
    OURS: {},
    DISSERTATION: {"system": "netcombiner"},
    RESEQUENCED: {"system": "netcombiner", "reorder": {"mode": "timeout", "timeout": "100ms"}},
    MPTCP: {"system": "mptcp", "congestion": "cubic"},  # what the kernel does: windows of their own
    COUPLED: {"system": "mptcp", "congestion": "lia"},  # in simulation alone: the kernel has none
    FAILOVER: {"system": "failover"},
    BALANCING: {"system": "session-balancing"},
}


def rates_of(links: str) -> list[float]:
    """Read "8+16" or "4x8": Mbit/s of each link."""
    count, _, rate = links.partition("x")
    return [float(rate)] * int(count) if rate else [float(one) for one in links.split("+")]


def link_tables(links: str, **options: Any) -> list[dict[str, Any]]:
    """Give the scenario's [[link]] tables; ``options`` are keys that all of them have."""
    common = {"delay": DELAY, **options}
    return [{"name": f"link{number}", "rate": f"{rate:g}Mbit", **common} for number, rate in enumerate(rates_of(links))]


def tcp(direction: str, **options: Any) -> dict[str, Any]:
    """Give the [[flow]] table of one bulk CUBIC flow."""
    return {"name": "download", "kind": "tcp", "congestion": "cubic", "direction": direction, **options}


def cell(
    links: str | Sequence[Mapping[str, Any]], system: str, flows: Sequence[Mapping[str, Any]], **tables: Any
) -> dict[str, Any]:
    """Give a scenario's mapping; ``tables`` are further tables (event, topology), ``tunnel`` overrides parts.

    Without a tunnel only the best link is kept: the first one is what it would use.
    """
    listed = link_tables(links) if isinstance(links, str) else [dict(link) for link in links]
    tunnel = SYSTEMS[system]
    if tunnel is None:
        listed = listed[:1] if not isinstance(links, str) else [listed[rates_of(links).index(max(rates_of(links)))]]
        tables.pop("tunnel", None)
        named = {link["name"] for link in listed}
        tables["event"] = [event for event in tables.get("event", []) if event["link"] in named]
    else:
        tables["tunnel"] = {**tunnel, **tables.get("tunnel", {})}
    return {"name": "reproduce", "link": listed, "flow": [dict(flow) for flow in flows], **tables}


def cut(link: str, at: float, how: str = "silent") -> dict[str, Any]:
    """Give the [[event]] table of a link's loss, ``at`` seconds of the measured interval."""
    return {"at": f"{at:g}s", "link": link, "up": False, "how": how}


def back(link: str, at: float) -> dict[str, Any]:
    """Give the [[event]] table of its return."""
    return {"at": f"{at:g}s", "link": link, "up": True}


def of_world(world: str, cells: Iterable[tuple[Labels, Labels]]) -> Iterator[tuple[Labels, Labels]]:
    """Leave out what a world does not have: the kernel's Multipath TCP couples no windows."""
    return (one for one in cells if world == SIMULATION or one[0].get("system") != COUPLED)


def trials_of(world: str, timing: Timing, cells: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[Trial]:
    """Give every repetition of each (labels, scenario's mapping)."""
    listed = list(cells)
    return [
        Trial.of(raw, labels, timing, world, repetition)
        for repetition in range(1, timing.repetitions + 1)
        for labels, raw in listed
    ]


def goodput_key(direction: str) -> str:
    """Give the key of the summed goodput of a direction's flows, bit/s."""
    return f"aggregation.{direction}.goodput_bps"


def efficiency_key(direction: str) -> str:
    """Give the key of goodput over what framing leaves of the summed capacity."""
    return f"aggregation.{direction}.efficiency"


def goodput(runs: Runs, labels: Labels) -> Spread:
    """Give the goodput of the runs with these labels, their direction among them, in Mbit/s."""
    return scaled(runs.spread(goodput_key(labels["direction"]), **labels), 1 / BPS_PER_MBIT)


def ceiling(raw: Mapping[str, Any], timing: Timing = ANY_TIMES) -> float:
    """Give what payload framing leaves of the summed capacity of a scenario's links, bit/s."""
    scenario = scenario_of(raw, timing, seed=1)
    used = scenario.link if scenario.tunnel is not None or scenario.mptcp is not None else scenario.link[:1]
    flow = scenario.flow[0]
    total = sum((link.rate.of(flow.direction) if link.rate is not None else 0.0) for link in used)
    return total * flow_limit(scenario, flow)


def tunnelled(links: str) -> float:
    """Give what the default tunnel's framing leaves of the sum of these links, Mbit/s."""
    return ceiling(cell(links, OURS, [tcp("inbound")])) / BPS_PER_MBIT


def goodput_bars(worlds: Mapping[str, Runs], shown: Iterable[tuple[str, str, Labels, Labels | None]]) -> list[Bar]:
    """Give the goodput bars of each world in Mbit/s, a panel a direction.

    shown: a bar's group and name in the figure, the labels of its runs, and the scenario's mapping if its ceiling is
    to be drawn.
    """
    listed = [
        (group, name, labels, None if raw is None else ceiling(raw) / BPS_PER_MBIT)
        for group, name, labels, raw in shown
    ]
    return [
        bar(labels["direction"], group, name, world, goodput(runs, labels), limit)
        for world, runs in worlds.items()
        for group, name, labels, limit in listed
    ]


def bars(
    worlds: Mapping[str, Runs],
    groups: Mapping[str, str],
    labels: Mapping[str, str],
    limits: Mapping[tuple[str, str], float] | None = None,
) -> list[Bar]:
    """Give the goodput bars in Mbit/s: a row of panels a group, a bar a label, a panel a direction.

    groups, labels: from the value of the label "links" (or "system") to its name in the figure; limits: bit/s by both.
    """
    found = []
    for world, runs in worlds.items():
        for direction in DIRECTIONS:
            for group, told in groups.items():
                for label, name in labels.items():
                    chosen = {"links": group, "system": label, "direction": direction}
                    if not any(one.has(chosen) for one in runs):
                        continue
                    limit = (limits or {}).get((group, label))
                    spread = goodput(runs, chosen)
                    found.append(bar(direction, told, name, world, spread, limit and limit / BPS_PER_MBIT))
    return found


def bar(panel: str, group: str, label: str, world: str, spread: Spread, limit: float | None = None) -> Bar:
    """Give a bar of median and quartiles."""
    return Bar(panel, group, label, world, spread.median, spread.low, spread.high, limit)


def scaled(spread: Spread, factor: float) -> Spread:
    """Give a spread in another unit."""
    return Spread(spread.median * factor, spread.low * factor, spread.high * factor, spread.count)


def goodput_table(worlds: Mapping[str, Runs], names: Sequence[str] = ("links", "system", "direction")) -> Table:
    """Give median, quartiles, count and efficiency of every cell; ``names`` are the labels that tell cells apart."""
    rows = []
    for world, runs in worlds.items():
        seen = dict.fromkeys(tuple(one.trial.labels.get(name, "") for name in names) for one in runs)
        for values in seen:
            labels = dict(zip(names, values, strict=True))
            direction = str(labels.get("direction", DIRECTIONS[0]))
            goodput = scaled(runs.spread(goodput_key(direction), **labels), 1 / BPS_PER_MBIT)
            rows.append(
                {
                    **labels,
                    "world": world,
                    "goodput, Mbit/s": goodput.median,
                    "25 %": goodput.low,
                    "75 %": goodput.high,
                    "n": goodput.count,
                    "efficiency": runs.spread(efficiency_key(direction), **labels).median,
                }
            )
    return Table("Goodput: median and quartiles; efficiency: goodput over what framing leaves of the capacity", rows)
