"""May the figures of an emulated run be believed? Every rule gives a reason in words, or nothing.

The thresholds were first put down from measurements of the parts, then held against runs that were
disturbed on purpose and runs that were not (experiments/sabotage.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emulation import addresses as at
from mpsim.scenario import Scenario

# A packet delivered later than this is not where the model has it: whichever is greater.
LATE = 1e-3  # s, 99th percentile
LATE_SHARE = 0.05  # of the link's one-way delay
# How late a portal may answer an alarm: pacing and timers are in milliseconds.
PORTAL_LAG = 5e-3  # s, 99th percentile
# Long stalls (loop.LONG_LAG), added up, as a share of the measured interval.
STALLED = 0.005
UNMODELLED = 0.001  # of all packets offered to the links: lost, and no model lost them
FEWEST_UNMODELLED = 3  # packets; below it is a stray one, not a loss
IDLE = 0.15  # of all CPUs
STEAL = 0.05  # of all CPUs: taken by other machines on the same hardware
# Share of the interval that a program was ready to run and had no CPU.
RUN_QUEUE_WAIT = {"links": 0.05, "local": 0.25, "remote": 0.25}


def reasons(scenario: Scenario, records: Mapping[str, Any]) -> list[str]:
    """Return why a run is not to be believed; nothing if it is."""
    rules = (_lateness, _lag, _receive_buffers, _unmodelled, _machine, _flows)
    return [reason for rule in rules for reason in rule(scenario, records)]


def _lateness(scenario: Scenario, records: Mapping[str, Any]) -> Iterator[str]:
    del scenario
    for link in records["programs"]["links"]["links"]:
        late = link["late_s"]
        if late is None:
            continue
        allowed = max(LATE, LATE_SHARE * link["delay_s"])
        if late["p99"] > allowed:
            yield (
                f"late deliveries: link {link['name']} {link['direction']} 99th percentile "
                f"{late['p99'] * 1e3:.1f} ms, allowed {allowed * 1e3:.1f} ms"
            )


def _lag(scenario: Scenario, records: Mapping[str, Any]) -> Iterator[str]:
    for name, program in records["programs"].items():
        lag = program["lag_s"]
        if name != "links" and lag.get("p99", 0.0) > PORTAL_LAG:
            allowed = f"{PORTAL_LAG * 1e3:.0f} ms"
            yield f"loop lag: {name} portal 99th percentile {lag['p99'] * 1e3:.1f} ms, allowed {allowed}"
        if lag["stalled"] > STALLED * scenario.duration:
            yield f"stalls: {name} stood still for {lag['stalled'] * 1e3:.0f} ms of {scenario.duration:g} s"
    if records["stopped"]:
        yield f"stopped by a signal: {', '.join(records['stopped'])}"


def _receive_buffers(scenario: Scenario, records: Mapping[str, Any]) -> Iterator[str]:
    del scenario
    for name, program in records["programs"].items():
        drops = sum(program["total"]["socket_drops"]) if name != "links" else 0
        if drops:
            yield f"receive buffers: the {name} portal's overflowed, {drops} datagrams"
    for host, missed in records["capture_missed"].items():
        if missed:
            yield f"captures: {missed} packets were missed in the {host} host"


def _unmodelled(scenario: Scenario, records: Mapping[str, Any]) -> Iterator[str]:
    found = {text: count for text, count in unmodelled(scenario, records).items() if count}
    total = sum(found.values())
    offered = sum(link["total"]["offered_packets"] for link in records["programs"]["links"]["links"])
    if total >= FEWEST_UNMODELLED and total > UNMODELLED * offered:
        what = ", ".join(f"{text} {count}" for text, count in found.items())
        yield f"losses that no model made: {total} of {offered} packets ({what})"


def unmodelled(scenario: Scenario, records: Mapping[str, Any]) -> dict[str, int]:
    """Account for every packet of the run; return what is missing, by place."""
    missing: dict[str, int] = {}
    pulled = _pulled(scenario)
    for host, after in records["interfaces"]["after"].items():
        for name in after:
            for what in ("tx_dropped", "rx_dropped"):
                # What is sent into a cable that is not plugged in is lost because the scenario says so.
                meant = what == "tx_dropped" and name in pulled
                missing[f"{host} {name} {what}"] = 0 if meant else _dropped(records, host, name, what)
    for link in records["programs"]["links"]["links"]:
        total = link["total"]
        name = f"link {link['name']} {link['direction']}"
        lost = sum(total["drops"].values()) + total["in_flight_packets"] + total["delivered_packets"]
        missing[f"{name} unaccounted"] = abs(total["offered_packets"] - lost)
        missing[f"{name} not written"] = 0 if _pulls_cables(scenario) else total["write_errors"]
    if scenario.tunnel is not None:
        missing |= _portals(scenario, records)
    return missing


def _portals(scenario: Scenario, records: Mapping[str, Any]) -> dict[str, int]:
    """Compare what portals sent and received with what links took and gave; drops named elsewhere not again."""
    missing: dict[str, int] = {}
    programs = records["programs"]
    for side in at.PORTALS:
        total = programs[side]["total"]
        missing[f"{side} TUN not written"] = total["tun_write_errors"]
        if not _pulls_cables(scenario):
            missing[f"{side} not sent"] = total["send_errors"] + total["send_blocked"]
    assert scenario.tunnel is not None
    if scenario.tunnel.transport == "tcp" or any(flow.via != "tunnel" for flow in scenario.flow):
        # A link's counters tell no cross traffic from the tunnel's, and a stream's segments are not our datagrams: what
        # is lost at a portal's interface is counted there.
        return missing
    outside = at.outside(scenario)
    links = programs["links"]["links"]
    for side, sends, receives in ((at.LOCAL, "outbound", "inbound"), (at.REMOTE, "inbound", "outbound")):
        total = programs[side]["total"]
        for index, (spec, path) in enumerate(zip(scenario.link, total["paths"], strict=True)):
            taken = _link(links, spec.name, sends)["read"]
            given = _link(links, spec.name, receives)["written"]
            dropped = _dropped(records, outside.link_end(side), at.access_interface(side, index), "tx_dropped")
            missing[f"{side} to link {spec.name}"] = max(0, path["sent"] - taken - dropped)
            overflow = total["socket_drops"][index]
            missing[f"link {spec.name} to {side}"] = max(0, given - path["received"] - overflow)
    return missing


def _dropped(records: Mapping[str, Any], host: str, interface: str, what: str) -> int:
    before = records["interfaces"]["before"].get(host, {}).get(interface, {}).get(what, 0)
    return int(records["interfaces"]["after"][host][interface][what] - before)


def _link(links: Sequence[Mapping[str, Any]], name: str, direction: str) -> Mapping[str, int]:
    found: Mapping[str, int] = next(
        link["total"] for link in links if link["name"] == name and link["direction"] == direction
    )
    return found


def _pulls_cables(scenario: Scenario) -> bool:
    return any(event.how == "carrier" for event in scenario.event)


def _pulled(scenario: Scenario) -> set[str]:
    """Return the interfaces on links whose cable is pulled at some time."""
    links = {event.link for event in scenario.event if event.how == "carrier"}
    return {
        at.access_interface(side, index)
        for index, spec in enumerate(scenario.link)
        if spec.name in links
        for side in at.PORTALS
    }


def _machine(scenario: Scenario, records: Mapping[str, Any]) -> Iterator[str]:
    del scenario
    machine = records["machine"]
    if machine["idle_ratio"] < IDLE:
        yield f"idle CPU: {machine['idle_ratio']:.0%}, at least {IDLE:.0%} is needed"
    if machine["steal_ratio"] > STEAL:
        yield f"stolen CPU: {machine['steal_ratio']:.0%}, allowed {STEAL:.0%}"
    for name, waited in machine["run_queue_wait_ratio"].items():
        if waited > RUN_QUEUE_WAIT[name]:
            yield f"run queue: {name} waited for a CPU {waited:.0%} of the time, allowed {RUN_QUEUE_WAIT[name]:.0%}"


def _flows(scenario: Scenario, records: Mapping[str, Any]) -> Iterator[str]:
    del scenario
    for flow in records["flows"]:
        if flow["error"]:
            yield f"flow {flow['name']}: {flow['error']}"
