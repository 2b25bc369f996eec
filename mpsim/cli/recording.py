"""``mpsim traces record``: two programs measure the path between them."""

from __future__ import annotations

import socket  # noqa: TID251  # names and ports of real hosts
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mpsim.cli.tracing import quantity
from mpsim.errors import Fault, InputError, WorldError
from mpsim.traces import mahimahi
from mpsim.traces.measuring import Address, Terms, bound, call, listen
from mpsim.units import format_rate, format_time, parse_rate, parse_time

LONGEST = 600.0  # s
LEAST_RATE, MOST_RATE = 10e3, 10e9  # bit/s


@dataclass(frozen=True, slots=True)
class Measurement:
    """Which end this is, as the options say."""

    to: str | None
    listen: str | None
    reverse: bool
    out: Path | None


def measure(asked: Measurement, *, duration: str, limit: str, wait: str) -> int:
    """Take part in one measurement; the receiving end writes a trace."""
    _check(asked)
    seconds = _within("--duration", duration, quantity("--duration", duration, parse_time), 1.0, LONGEST, format_time)
    rate = _within("--limit", limit, quantity("--limit", limit, parse_rate), LEAST_RATE, MOST_RATE, format_rate)
    patience = quantity("--wait", wait, parse_time)
    terms = Terms(seconds, rate)
    try:
        times = _called(asked, terms) if asked.to is not None else _listened(str(asked.listen), terms, patience)
    except OSError as error:
        raise WorldError(f"{asked.to or asked.listen}: {error.strerror or error}") from None
    except ValueError as error:
        raise WorldError(f"{asked.to or asked.listen}: {error}") from None
    if times is None:
        print("sent; the other end has the trace")
        return 0
    assert asked.out is not None  # see _check
    mahimahi.write(asked.out, times)
    print(asked.out)
    return 0


def _called(asked: Measurement, terms: Terms) -> list[float] | None:
    address, family = _address("--to", str(asked.to), passive=False)
    with bound(family=family) as own:
        return call(own, address, terms, reverse=asked.reverse)


def _listened(text: str, terms: Terms, patience: float) -> list[float] | None:
    address, family = _address("--listen", text, passive=True)
    with bound(address[:2], family=family) as own:
        return listen(own, terms, patience)


def _check(asked: Measurement) -> None:
    if (asked.to is None) == (asked.listen is None):
        raise InputError([Fault("--to", "either --to or --listen is needed")])
    if asked.reverse and asked.to is None:
        raise InputError([Fault("--reverse", "goes with --to; a listener does what its caller asks for")])
    receives = asked.reverse or asked.to is None
    if asked.out is None and receives:
        raise InputError([Fault("--out", "is missing; this end may receive")])
    if asked.out is not None and not receives:
        raise InputError([Fault("--out", "this end sends; the listener writes the trace")])
    if asked.out is not None and not asked.out.absolute().parent.is_dir():
        raise InputError([Fault("--out", f'cannot write "{asked.out}": no such folder')])


def _address(option: str, text: str, *, passive: bool) -> tuple[Address, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not port.isdigit() or not 0 < int(port) < 65536 or not (host or passive):
        raise InputError([Fault(option, f'{"[HOST:]PORT" if passive else "HOST:PORT"} is needed; given "{text}"')])
    try:
        found = socket.getaddrinfo(
            host or "0.0.0.0",  # noqa: S104  # a listener without a name is meant for everybody
            int(port),
            type=socket.SOCK_DGRAM,
        )
    except socket.gaierror as error:
        raise InputError([Fault(option, f'{error.strerror}; given "{text}"')]) from None
    family, _, _, _, address = found[0]
    return address, int(family)  # type: ignore[return-value]  # of UDP over IPv4 and IPv6


def _within(option: str, text: str, value: float, low: float, high: float, write: Callable[[float], str]) -> float:
    if not low <= value <= high:
        raise InputError([Fault(option, f'{write(low)} to {write(high)}; given "{text}"')])
    return value
