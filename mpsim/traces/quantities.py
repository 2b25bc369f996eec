"""Numbers, units and times of day as trace files have them."""

from __future__ import annotations

import calendar
import re
from math import isfinite

from mpsim.units import BITS_PER_BYTE, parse_rate, parse_size

UNITS = "bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s, MB/s"
# Names that say their unit: capacity_kbps, download_mbps.
_SUFFIXES = {"_bps": 1.0, "_kbps": 1e3, "_mbps": 1e6, "_gbps": 1e9}
_STAMP = re.compile(
    r"(\d{4})[-.](\d{2})[-.](\d{2})[ T_](\d{2})[:.](\d{2})[:.](\d{2})(\.\d+)?\s*([A-Z]{1,4}|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
# Hours east of Greenwich. Abbreviations are ambiguous in the world at large; these are what is meant in North
# America and Europe, where such files come from.
_ZONES = {
    "": 0, "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_SECONDS_PER_HOUR, _SECONDS_PER_MINUTE = 3600, 60


def bits_per_second(unit: str) -> float:
    """Return how many bit/s one `unit` is. Raises ValueError for what is no unit of a rate."""
    rate = unit.removesuffix("/s")
    try:
        return parse_rate(f"1{rate}")
    except ValueError:
        pass
    try:
        return float(parse_size(f"1{rate}") * BITS_PER_BYTE)
    except ValueError:
        raise ValueError(f"a unit of a rate is needed, one of {UNITS}; given {unit!r}") from None


def unit_of_name(name: str) -> float | None:
    """Return the bit/s of the unit that a column's name ends with, or None."""
    return next((factor for suffix, factor in _SUFFIXES.items() if name.lower().endswith(suffix)), None)


def number(text: str) -> float:
    """Read a finite number from 0 on. Raises ValueError."""
    try:
        # float() alone would let "1_000" pass.
        found = float(text) if "_" not in text else float("nan")
    except ValueError:
        found = float("nan")
    if not isfinite(found):
        raise ValueError(f"a number is needed; given {text[:20]!r}")
    if found < 0:
        raise ValueError(f"a number from 0 on is needed; given {text[:20]}")
    return found


def moment(text: str) -> float:
    """Read a time in seconds: a number, or a date with time of day, UTC unless a zone follows. Raises ValueError."""
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        return number(text)
    date = tuple(int(found[index]) for index in range(1, 7))
    zone = found[8] or ""
    if zone[:1] in {"+", "-"}:
        east = int(zone[:3]) * _SECONDS_PER_HOUR + int(f"{zone[0]}{zone[-2:]}") * _SECONDS_PER_MINUTE
    elif zone in _ZONES:
        east = _ZONES[zone] * _SECONDS_PER_HOUR
    else:
        raise ValueError(f"an unknown time zone; given {zone!r}, known: {', '.join(one for one in _ZONES if one)}")
    return calendar.timegm((*date, 0, 0, 0)) + float(found[7] or 0) - east
