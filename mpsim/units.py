"""Text with units to numbers and back. Inside mpsim: seconds, bytes, bit/s; conversions live here only.

Rates follow SI (1 kbit = 1000 bit); sizes know both families (1 kB = 1000 B, 1 KiB = 1024 B, IEC 80000-13).
Reading is exact (fractions, rounded once), so that text written by ``format_*`` reads back to the very same number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

BITS_PER_BYTE = 8
MS_PER_S = 1_000
US_PER_S = 1_000_000
NS_PER_S = 1_000_000_000

# From the largest down: formatting takes the first that leaves a number of at least one.
RATE_UNITS: Mapping[str, Fraction] = {
    "Gbit": Fraction(10**9),
    "Mbit": Fraction(10**6),
    "kbit": Fraction(10**3),
    "bit": Fraction(1),
}
# Read, but neither written nor advertised.
_RARE_RATE_UNITS: Mapping[str, Fraction] = {"Tbit": Fraction(10**12)}
TIME_UNITS: Mapping[str, Fraction] = {
    "s": Fraction(1),
    "ms": Fraction(1, MS_PER_S),
    "us": Fraction(1, US_PER_S),
    "ns": Fraction(1, NS_PER_S),
}
_LONG_TIME_UNITS: Mapping[str, Fraction] = {"h": Fraction(3600), "min": Fraction(60)}
SIZE_UNITS: Mapping[str, Fraction] = {
    "GB": Fraction(10**9),
    "GiB": Fraction(2**30),
    "MB": Fraction(10**6),
    "MiB": Fraction(2**20),
    "kB": Fraction(10**3),
    "KiB": Fraction(2**10),
    "B": Fraction(1),
}

_NUMBER_WITH_UNIT = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*([A-Za-z]*(?:/s)?)", re.ASCII)
_RATE_ALLOWED = 'a rate with its unit is needed: bit, kbit, Mbit or Gbit, as in "8Mbit"'
_TIME_ALLOWED = 'a time with its unit is needed: us, ms, s, min or h, as in "20ms"'
_SIZE_ALLOWED = 'a whole size with its unit is needed: B, kB, MB, GB, KiB, MiB or GiB, as in "64KiB"'
_QUEUE_ALLOWED = 'a queue size is needed: packets "100p", bytes "64KiB", or bandwidth-delay products "1bdp"'


@dataclass(frozen=True, slots=True)
class QueueSize:
    """How much a queue holds: packets, bytes, or multiples of its link's bandwidth-delay product."""

    value: float  # whole for packets and bytes
    unit: Literal["packets", "bytes", "bdp"]

    def __str__(self) -> str:
        return format_queue(self)


def parse_rate(text: str | float) -> float:
    """Read ``"8Mbit"`` (also ``"8Mbit/s"``) as bit/s."""
    units = {**_RARE_RATE_UNITS, **RATE_UNITS}
    units |= {f"{name}/s": factor for name, factor in units.items()}
    return _as_float(_read(text, units, _RATE_ALLOWED), text, _RATE_ALLOWED)


def parse_time(text: str | float) -> float:
    """Read ``"20ms"`` as seconds; may be negative."""
    return _as_float(_read(text, {**_LONG_TIME_UNITS, **TIME_UNITS}, _TIME_ALLOWED, signed=True), text, _TIME_ALLOWED)


def parse_size(text: str | float) -> int:
    """Read ``"64KiB"`` as bytes."""
    size = _read(text, SIZE_UNITS, _SIZE_ALLOWED)
    if size.denominator != 1:
        raise _refused(text, _SIZE_ALLOWED)
    return int(size)


def parse_queue(text: str | float) -> QueueSize:
    """Read ``"100p"``, ``"64KiB"`` or ``"1bdp"``."""
    if isinstance(text, str):
        found = _NUMBER_WITH_UNIT.fullmatch(text.strip())
        if found and found[2] in SIZE_UNITS:
            return QueueSize(parse_size(text), "bytes")
        if found and found[2] == "bdp":
            return QueueSize(_as_float(_read(text, {"bdp": Fraction(1)}, _QUEUE_ALLOWED), text, _QUEUE_ALLOWED), "bdp")
        if found and found[2] == "p":
            packets = _read(text, {"p": Fraction(1)}, _QUEUE_ALLOWED)
            if packets.denominator == 1:
                return QueueSize(int(packets), "packets")
    raise _refused(text, _QUEUE_ALLOWED)


def format_rate(rate_bps: float) -> str:
    """Write bit/s so that ``parse_rate`` reads the same number: ``8e6`` is ``"8Mbit"``."""
    return _write(rate_bps, RATE_UNITS, zero="0bit")


def format_time(seconds: float) -> str:
    """Write seconds so that ``parse_time`` reads the same number: ``0.02`` is ``"20ms"``."""
    return _write(seconds, TIME_UNITS, zero="0s")


def format_size(size: int) -> str:
    """Write bytes exactly, in the unit that makes the shortest text: ``65536`` is ``"64KiB"``."""
    whole = [f"{size // int(factor)}{unit}" for unit, factor in SIZE_UNITS.items() if size and size % int(factor) == 0]
    return min(whole, key=len, default="0B")


def format_queue(queue: QueueSize) -> str:
    """Write a queue size so that ``parse_queue`` reads the same: ``"100p"``."""
    if queue.unit == "bytes":
        return format_size(int(queue.value))
    return f"{_decimal(Fraction(repr(queue.value)))}{'p' if queue.unit == 'packets' else 'bdp'}"


def _read(text: str | float, units: Mapping[str, Fraction], allowed: str, *, signed: bool = False) -> Fraction:
    if not isinstance(text, bool) and text == 0:
        return Fraction(0)
    found = _NUMBER_WITH_UNIT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise _refused(text, allowed)
    number = Fraction(found[1])
    if (number < 0 and not signed) or (found[2] not in units and not (found[2] == "" and number == 0)):
        raise _refused(text, allowed)
    return number * units.get(found[2], Fraction(1))


def _as_float(number: Fraction, text: str | float, allowed: str) -> float:
    try:
        return float(number)
    except OverflowError:
        raise _refused(text, allowed) from None


def _refused(text: object, allowed: str) -> ValueError:
    given = f'"{text}"' if isinstance(text, str) else repr(text)
    return ValueError(f"{allowed}; given {given}")


def _write(number: float, units: Mapping[str, Fraction], *, zero: str) -> str:
    if number == 0:
        return zero
    exact = Fraction(repr(number))
    unit = next((name for name, factor in units.items() if abs(exact) >= factor), list(units)[-1])
    return f"{_decimal(exact / units[unit])}{unit}"


def _decimal(number: Fraction) -> str:
    """All digits of a number whose denominator divides a power of ten."""
    places = 0
    while (number * 10**places).denominator != 1:
        places += 1
    digits = str(abs(int(number * 10**places))).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if number < 0 else text
