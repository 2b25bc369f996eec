"""Inner traffic from a capture file (kind "pcap") or from a user's function of Scapy packets (kind "scapy").

The edge where Scapy may come in: it is imported when such a flow is asked for, and never before. What
leaves here are plain bytes: IP packets between the hosts of the scenario, each small enough for its way.
"""

from __future__ import annotations

import gzip
import inspect
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mpsim.errors import Fault, InputError
from mpsim.headers import readdress
from mpsim.registry import load_from_file, signature_of

Timed = tuple[float, bytes]

_IPV4_LEAST, _IPV6_LEAST = 20, 40
_RAW = {101, 12, 14, 228, 229}  # link types whose packets begin with the IP header
_ETHERNET, _ETHERNET_SIZE = 1, 14
_GZIP = b"\x1f\x8b"
_IP_TYPES = {b"\x08\x00", b"\x86\xdd"}
_NUMBERS = 0xFFFF  # of identifications: 1 to 65535, as 0 makes a kernel choose one itself
_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")


def number_on_wire(number: int) -> int:
    """Return the IPv4 identification that a flow's packet with this number (from 0) bears."""
    return 1 + number % _NUMBERS


def number_from_wire(identification: int, expected: int) -> int:
    """Return the number nearest to `expected` of a packet with this identification."""
    half = _NUMBERS // 2
    return expected + (identification - 1 - expected + half) % _NUMBERS - half


def load_capture(path: Path | str) -> list[Timed]:
    """Return (time since the first in s, bytes) of the IP packets of a capture, in order of time.

    Any format (pcap, pcapng, gzipped or not) and link type that Scapy reads; only IP packets count. A
    packet of which the capture holds only the beginning is filled up to its size. Raises ValueError.
    """
    name = Path(path).name
    try:
        found = [(time, data) for time, linktype, raw in _records(path) if (data := _ip_packet(linktype, raw))]
    except OSError as error:
        raise ValueError(f'cannot read "{name}": {error.strerror or error}') from None
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001  # many things, when Scapy meets a damaged file
        raise ValueError(f'"{name}" is not a capture: {" ".join(str(error).split()) or "it is cut off"}') from None
    if not found:
        raise ValueError(f'no IP packets in "{name}"')
    found.sort(key=lambda entry: entry[0])
    first = found[0][0]
    return [(time - first, data) for time, data in found]


def _records(path: Path | str) -> Iterator[tuple[float, int, bytes]]:
    from scapy.utils import RawPcapReader

    # Opened here, because Scapy leaves a file open that it finds to be no capture.
    with Path(path).open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        reader = RawPcapReader(gzip.GzipFile(fileobj=file) if packed else file)
        for raw, about in reader:
            if hasattr(about, "sec"):
                yield about.sec + about.usec / (1e9 if reader.nano else 1e6), reader.linktype, raw
            elif about.tshigh is None:
                raise ValueError(f'"{Path(path).name}" has packets without a time')
            else:
                yield ((about.tshigh << 32) + about.tslow) / about.tsresol, about.linktype, raw


def _ip_packet(linktype: int, raw: bytes) -> bytes:
    """Return the IP packet in a captured frame, or nothing."""
    if linktype in _RAW:
        return _whole(raw)
    if linktype == _ETHERNET and raw[12:_ETHERNET_SIZE] in _IP_TYPES:
        return _whole(raw[_ETHERNET_SIZE:])  # the commonest by far, and a hundred times faster than to dissect it
    layer = _ip_layer(_dissect(linktype, raw))
    return _whole(layer.original) if layer is not None else b""


def _dissect(linktype: int, raw: bytes) -> Any:
    import scapy.layers.inet  # noqa: F401
    import scapy.layers.inet6  # noqa: F401
    import scapy.layers.l2  # noqa: F401  # these three make the commonest link types known
    from scapy.config import conf

    if linktype not in conf.l2types.num2layer:
        import scapy.all  # noqa: F401  # all that Scapy knows; slow, and hardly ever needed
    if linktype not in conf.l2types.num2layer:
        raise ValueError(f"Scapy does not know link type {linktype}")
    return conf.l2types.num2layer[linktype](raw)


def _ip_layer(packet: Any) -> Any:
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6

    while packet and not isinstance(packet, IP | IPv6):
        packet = packet.payload
    return packet or None


def _whole(data: bytes) -> bytes:
    """Cut or fill an IP packet to the length in its header; return nothing if the header itself is not whole."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= _IPV4_LEAST and _IPV4_LEAST <= (data[0] & 0xF) * 4 <= len(data):
        # Zero: captured before the network card cut a large segment into packets.
        size = int.from_bytes(data[2:4], "big") or len(data)
        header = (data[0] & 0xF) * 4
    elif version == 6 and len(data) >= _IPV6_LEAST:
        size = int.from_bytes(data[4:6], "big") + _IPV6_LEAST
        size, header = (len(data) if size == _IPV6_LEAST else size), _IPV6_LEAST
    else:
        return b""
    return data[:size].ljust(size, b"\0") if size >= header else b""


def load_generator(spec: str, folder: Path | str, offered: Mapping[str, Any] | None = None) -> Iterator[Timed]:
    """Yield (time in s, IP packet) of what "file.py:function" yields as (time, Scapy packet).

    The function gets those of `offered` that it has as keyword-only arguments, such as
    `random` (a seeded random.Random) and `mtu` (bytes). Raises ValueError, also later on.
    """
    named = _FUNCTION.fullmatch(spec)
    if named is None:
        raise ValueError(f'"file.py:function" is needed; given "{spec}"')
    function = load_from_file(Path(folder) / named["file"], named["name"])
    if not callable(function):
        raise ValueError(f'"{named["name"]}" in "{named["file"]}" is not a function')
    return _generated(spec, function, _accepted(spec, function, offered or {}))


def _accepted(spec: str, function: Any, offered: Mapping[str, Any]) -> dict[str, Any]:
    accepted = {}
    for one in signature_of(function).parameters.values():
        if one.kind is inspect.Parameter.KEYWORD_ONLY and one.name in offered:
            accepted[one.name] = offered[one.name]
        elif one.default is one.empty and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}:
            known = ", ".join(f"*, {name}" for name in offered) or "none"
            raise ValueError(f'"{spec}" asks for an argument "{one.name}"; keyword-only ones to be had: {known}')
    return accepted


def _generated(spec: str, function: Any, arguments: dict[str, Any]) -> Iterator[Timed]:
    before, number = 0.0, 0
    try:
        for number, entry in enumerate(function(**arguments), 1):  # noqa: B007  # the fault below names it
            time, data = _entry(entry)
            if time < before:
                raise ValueError(f"its time goes back from {before} s to {time} s")
            before = time
            yield time, data
    except Exception as error:  # whatever a user's function may raise is a fault of that function
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        problem = " ".join(str(error).split())
        raise ValueError(f'"{spec}", packet {max(number, 1)}: {kind}{problem}') from error


def _entry(entry: Any) -> Timed:
    if not isinstance(entry, tuple) or len(entry) != 2:
        raise ValueError(f"a pair of time and packet is needed; given {type(entry).__name__}")
    time, packet = entry
    if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time) or time < 0:
        raise ValueError(f"its time must be a number of seconds, 0 or more; given {time!r}")
    from scapy.packet import Packet

    layer = _ip_layer(packet) if isinstance(packet, Packet) else None
    data = _whole(bytes(layer)) if layer is not None else b""
    if not data:
        raise ValueError("a Scapy packet with IP or IPv6 in it is needed")
    return float(time), data


def open_flow(
    kind: str,
    file: str,
    folder: Path | str,
    *,
    key: str,
    mtu: int,
    source: bytes,
    destination: bytes,
    random: Any = None,
) -> Iterator[Timed]:
    """Yield (time since the flow's start in s, IP packet) of a flow of kind "pcap" or "scapy".

    key: the flow's in the scenario ("flow[1]"), for the fault; mtu: the most bytes that its way takes;
    source, destination: addresses its packets get; random: for a function that wants to draw. A capture
    is read and checked before this returns, a function's packets one by one. Raises InputError.
    """
    try:
        if kind == "pcap":
            entries: Iterable[Timed] = load_capture(Path(folder) / file)
            _check_sizes(entries, mtu)
        else:
            entries = load_generator(file, folder, {"mtu": mtu, "random": random})
    except ValueError as error:
        raise InputError([Fault(f"{key}.file", str(error))]) from None
    return _addressed(entries, key, mtu, source, destination)


def _check_sizes(entries: Iterable[Timed], mtu: int) -> None:
    for number, (_, data) in enumerate(entries, 1):
        if len(data) > mtu:
            raise ValueError(f"max {mtu} bytes an IP packet on this flow's way; given {len(data)} (IP packet {number})")


def _addressed(entries: Iterable[Timed], key: str, mtu: int, source: bytes, destination: bytes) -> Iterator[Timed]:
    try:
        for number, (time, data) in enumerate(entries):
            if len(data) > mtu:
                raise ValueError(
                    f"max {mtu} bytes an IP packet on this flow's way; given {len(data)} (packet {number + 1})"
                )
            yield time, readdress(data, source, destination, number_on_wire(number))
    except ValueError as error:
        raise InputError([Fault(f"{key}.file", str(error))]) from None
