"""What no key can know alone: names that must exist, keys that exclude each other, times inside the run.

Works on the mapping as the file has it, wrong values and all, so that every fault is told in one go; a value that is
wrong in itself has been told already and is passed over here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mpsim.errors import Fault
from mpsim.registry import unknown
from mpsim.scenario import limits
from mpsim.scenario.faults import shown
from mpsim.systems import WITHOUT_TUNNEL
from mpsim.tunnel import framing
from mpsim.units import format_time, parse_time

Raw = Mapping[str, Any]
_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")


def cross_faults(raw: Raw, folder: Path) -> list[Fault]:
    """Find every fault that concerns more than one key."""
    return [
        *_one_way(raw),
        *_tunnel(raw),
        *_duplicates(raw, "link"),
        *_duplicates(raw, "flow"),
        *(fault for key, link in tables(raw, "link") for fault in _link(key, link)),
        *(fault for key, flow in tables(raw, "flow") for fault in _flow(key, flow, raw, folder)),
        *(fault for key, event in tables(raw, "event") for fault in _event(key, event, raw)),
    ]


def tables(raw: Raw, name: str) -> Iterator[tuple[str, Raw]]:
    """Give each table of a list of tables with its key, passing over what is none."""
    found = raw.get(name)
    for index, table in enumerate(found if isinstance(found, list | tuple) else ()):
        if isinstance(table, Mapping):
            yield f"{name}[{index}]", table


def _one_way(raw: Raw) -> Iterator[Fault]:
    if "mptcp" in raw and "tunnel" in raw:
        yield Fault("mptcp", "either [mptcp] or [tunnel]; given both")


def _word(raw: Raw, table: str, key: str) -> str:
    """Return a word of a table as far as it is one that is known, otherwise the first of those."""
    known = limits.WORDS[f"{table}.{key}"].now
    found = raw.get(table)
    given = found.get(key) if isinstance(found, Mapping) else None
    return given if given in known else known[0]


def _largest_mtu(raw: Raw) -> int:
    return framing.largest_inner(_word(raw, "tunnel", "transport"), _word(raw, "topology", "outer"))


def _tunnel(raw: Raw) -> Iterator[Fault]:
    tunnel = raw.get("tunnel")
    if not isinstance(tunnel, Mapping):
        return
    mtu, largest = tunnel.get("mtu"), _largest_mtu(raw)
    if isinstance(mtu, int) and largest < mtu <= limits.INNER_MTU[1]:
        yield Fault("tunnel.mtu", f"max {largest}, what this transport leaves; given {mtu}")
    if isinstance(mtu, int) and limits.INNER_MTU[0] <= mtu < framing.LEAST_IPV6_MTU and _inner(raw) == "ipv6":
        yield Fault("tunnel.mtu", f"min {framing.LEAST_IPV6_MTU} with IPv6 inside (RFC 8200); given {mtu}")
    reorder = tunnel.get("reorder")
    yield from _reorder(reorder) if isinstance(reorder, Mapping) else ()
    queue = tunnel.get("queue")
    yield from _queue(queue) if isinstance(queue, Mapping) else ()
    congestion = tunnel.get("congestion")
    named = congestion.get("name") if isinstance(congestion, Mapping) else congestion
    if tunnel.get("transport") in framing.STREAMS and named == "none":
        yield Fault("tunnel.congestion", 'what TCP may do, which carries the paths; given "none"')


def _reorder(reorder: Raw) -> Iterator[Fault]:
    mode = reorder.get("mode")
    own = limits.REORDER_KEYS.get(mode) if isinstance(mode, str) else None
    for name in ("late", "offset", "inactive"):
        if own is not None and name in reorder and name not in own:
            yield Fault(f"tunnel.reorder.{name}", f'not beside mode "{mode}"; given {shown(reorder[name])}')


def _queue(queue: Raw) -> Iterator[Fault]:
    kind = queue.get("kind")
    own = limits.QUEUE_KEYS.get(kind) if isinstance(kind, str) else None
    for name in queue:
        kinds = [other for other, names in limits.QUEUE_KEYS.items() if name in names]
        if kinds and own is not None and name not in own:
            told = f"not of a {kind} queue, only of {', '.join(kinds)}; given {shown(queue[name])}"
            yield Fault(f"tunnel.queue.{name}", told)


def _inner(raw: Raw) -> str:
    return _word(raw, "topology", "inner")


def _names(raw: Raw, name: str) -> list[str]:
    return [table["name"] for _, table in tables(raw, name) if isinstance(table.get("name"), str)]


def _duplicates(raw: Raw, kind: str) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for key, table in tables(raw, kind):
        name = table.get("name")
        if not isinstance(name, str):
            continue
        if name in first:
            yield Fault(f"{key}.name", f"a name of its own is needed, {first[name]} has it; given {shown(name)}")
        first.setdefault(name, key)


def _link(key: str, link: Raw) -> Iterator[Fault]:
    if link.get("name") == "tunnel":
        yield Fault(f"{key}.name", 'any name but "tunnel", which a flow\'s via takes for the tunnel; given "tunnel"')
    trace = link.get("trace")
    if "rate" not in link and trace is None:
        yield Fault(f"{key}.rate", 'is missing; a rate such as "8Mbit", or a trace, is needed')
    elif isinstance(trace, Mapping) and {"down", "up"} <= trace.keys() and "rate" in link:
        yield Fault(f"{key}.rate", f"a rate or traces for both directions; given {shown(link['rate'])} and traces")
    elif isinstance(trace, Mapping) and "rate" not in link and len({"down", "up"} & trace.keys()) == 1:
        yield Fault(f"{key}.rate", "is missing; the direction without a trace needs a rate")


def _event(key: str, event: Raw, raw: Raw) -> Iterator[Fault]:
    known = _names(raw, "link")
    link = event.get("link")
    if isinstance(link, str) and link not in known:
        yield Fault(f"{key}.link", unknown("link", link, known))
    if not {"up", "rate", "delay", "loss", *limits.LATER_KEYS["event"]} & event.keys():
        yield Fault(key, "up, rate, delay or loss is needed; given none of them")
    if "how" in event and event.get("up") is not False:
        yield Fault(f"{key}.how", f"only beside up = false; given {shown(event['how'])}")
    duration = seconds(raw.get("duration", "30s"))
    at = seconds(event.get("at"))
    if at is not None and duration is not None and at > duration:
        yield Fault(f"{key}.at", f"max {format_time(duration)}, the duration; given {shown(event['at'])}")


def _flow(key: str, flow: Raw, raw: Raw, folder: Path) -> Iterator[Fault]:
    yield from _flow_keys(key, flow)
    yield from _flow_times(key, flow, raw)
    via = flow.get("via", "tunnel")
    known = ["tunnel", *_names(raw, "link")]
    if isinstance(via, str) and via not in known:
        yield Fault(f"{key}.via", unknown("link", via, known))
    yield from _flow_payload(key, flow, raw)
    if "file" in flow and flow.get("kind") in ("pcap", "scapy"):
        problem = _file_problem(flow["file"], folder, function=flow["kind"] == "scapy")
        if problem:
            yield Fault(f"{key}.file", problem)


def _flow_keys(key: str, flow: Raw) -> Iterator[Fault]:
    kind = flow.get("kind")
    if not isinstance(kind, str) or kind not in limits.FLOW_KEYS:
        return
    own = limits.FLOW_KEYS[kind]
    foreign = {name for names in limits.FLOW_KEYS.values() for name in names} - set(own)
    for name in flow:
        if name in foreign:
            kinds = [other for other, names in limits.FLOW_KEYS.items() if name in names]
            yield Fault(f"{key}.{name}", f"not of a {kind} flow, only of {', '.join(kinds)}; given {shown(flow[name])}")
    if kind == "udp" and "rate" not in flow:
        yield Fault(f"{key}.rate", 'is missing; a udp flow needs its payload rate, such as "1Mbit"')
    if kind in ("pcap", "scapy") and "file" not in flow:
        wanted = '"file.py:function"' if kind == "scapy" else "a capture"
        yield Fault(f"{key}.file", f"is missing; a {kind} flow needs {wanted}")


def _flow_times(key: str, flow: Raw, raw: Raw) -> Iterator[Fault]:
    warmup, duration = seconds(raw.get("warmup", "5s")), seconds(raw.get("duration", "30s"))
    start, stop = seconds(flow.get("start")), seconds(flow.get("stop"))
    if warmup is None or duration is None:
        return
    for name, given in (("start", start), ("stop", stop)):
        if given is not None and given < -warmup:
            yield Fault(f"{key}.{name}", f"min {format_time(-warmup)}, the warm-up; given {shown(flow[name])}")
        if given is not None and given > duration:
            yield Fault(f"{key}.{name}", f"max {format_time(duration)}, the duration; given {shown(flow[name])}")
    begin = -warmup if start is None else start
    if stop is not None and stop <= begin:
        yield Fault(f"{key}.stop", f"later than the start at {format_time(begin)}; given {shown(flow['stop'])}")


def largest_payload(flow: Raw, raw: Raw) -> int:
    """Bytes of payload that fit into one packet of a flow, by what it crosses."""
    headers = framing.udp_headers(_inner(raw))
    tunnel = raw.get("tunnel")
    if (
        not isinstance(tunnel, Mapping)
        or tunnel.get("system") in WITHOUT_TUNNEL
        or flow.get("via", "tunnel") != "tunnel"
    ):
        return framing.OUTER_MTU - headers
    mtu, largest = tunnel.get("mtu"), _largest_mtu(raw)
    if not isinstance(mtu, int) or not limits.INNER_MTU[0] <= mtu <= largest:
        mtu = largest
    return mtu - headers


def _flow_payload(key: str, flow: Raw, raw: Raw) -> Iterator[Fault]:
    largest = largest_payload(flow, raw)
    for name in ("packet_size", "size"):
        given = flow.get(name)
        # Beyond what any payload may be, the value's own range has told it.
        if isinstance(given, int) and largest < given <= limits.PAYLOAD_BYTES[1]:
            yield Fault(f"{key}.{name}", f"max {largest}, what fits into a packet on its way; given {given}")


def _file_problem(given: Any, folder: Path, *, function: bool) -> str:
    if not isinstance(given, str) or "\0" in given:
        return f"a file name is needed; given {shown(given)}"
    named = _FUNCTION.fullmatch(given) if function else None
    if function and named is None:
        return f'"file.py:function" is needed; given {shown(given)}'
    path = folder / (named["file"] if named else given)
    try:
        with path.open("rb") as file:
            content = file.read() if named else file.read(1)
    except OSError as error:
        return f"cannot read {shown(given)}: {error.strerror}"
    return _function_problem(content, named["name"], given) if named else ""


def _function_problem(source: bytes, name: str, given: str) -> str:
    # Looked for without running the file: a scenario that is only checked runs nobody's code.
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return f"{shown(given)} does not load: {' '.join(str(error).split())}"
    names = [one.name for one in module.body if isinstance(one, ast.FunctionDef)]
    return "" if name in names else unknown("function", name, names)


def seconds(value: Any) -> float | None:
    """Read a time if it is one."""
    try:
        return parse_time(value)
    except (ValueError, TypeError):
        return None
