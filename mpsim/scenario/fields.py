"""The kinds of values a scenario has: how each is read, which range it has, and how it is written back."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from mpsim.registry import Registry
from mpsim.scenario import limits
from mpsim.scenario.faults import KeyFaults, shown
from mpsim.units import (
    QueueSize,
    format_queue,
    format_rate,
    format_size,
    format_time,
    parse_queue,
    parse_rate,
    parse_size,
    parse_time,
)

T = TypeVar("T")
Read = Callable[[Any], Any]
Direction = Literal["inbound", "outbound"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Both(Generic[T]):
    """One value for each direction of a link."""

    down: T  # towards the client: inbound
    up: T  # outbound

    def of(self, direction: Direction) -> T:
        """Give the value of one direction."""
        return self.down if direction == "inbound" else self.up


def within(low: float, high: float, parse: Callable[[Any], Any], write: Callable[[Any], str]) -> Read:
    """Reader of a value with a unit inside a range, both ends allowed."""

    def read(value: Any) -> Any:
        found = parse(value)
        if found < low:
            raise ValueError(f"min {write(low)}; given {shown(value)}")
        if found > high:
            raise ValueError(f"max {write(high)}; given {shown(value)}")
        return found

    return read


def whole(text: Any) -> int:
    """Read a whole number; true is none."""
    if isinstance(text, bool) or not isinstance(text, int):
        raise ValueError(f"a whole number is needed; given {shown(text)}")
    return text


def number(value: Any) -> float:
    """Read a finite number; neither a text nor true is one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a finite number is needed; given {shown(value)}")
    return float(value)


def truth(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"true or false is needed; given {shown(value)}")
    return value


def name(value: Any) -> str:
    """Read a name that may stand in tables, file names and on a command line."""
    if not isinstance(value, str) or len(value) > limits.NAME_LENGTH or not _NAME.fullmatch(value):
        allowed = f"a name of at most {limits.NAME_LENGTH} letters, digits, '_', '.' or '-' is needed"
        raise ValueError(f"{allowed}; given {shown(value)}")
    return value


def word(key: str) -> Read:
    """Reader of one of the words that ``limits.WORDS`` has for a key."""
    words = limits.WORDS[key]

    def read(value: Any) -> str:
        if isinstance(value, str) and value in words.now:
            return value
        allowed = " | ".join(words.now) or "nothing"
        if value in words.later:
            raise ValueError(f"{allowed} in this version; given {shown(value)}")
        near = difflib.get_close_matches(value, words.now, n=1) if isinstance(value, str) else []
        hint = f', did you mean "{near[0]}"?' if near else ""
        raise ValueError(f"{allowed} is needed; given {shown(value)}{hint}")

    return read


def both(read: Read, *, apart: frozenset[str] = frozenset()) -> Read:
    """Reader of one value for both directions, or a table of ``down`` and ``up``."""

    def read_both(value: Any) -> Both[Any]:
        if not isinstance(value, Mapping) or apart & value.keys():
            found = read(value)
            return Both(found, found)
        faults = [(key, f"unknown key; known: down, up; given {shown(value[key])}") for key in value.keys() - _SIDES]
        sides: dict[str, Any] = {}
        for side in ("down", "up"):
            try:
                if side not in value:
                    raise ValueError("is missing beside the other direction")
                sides[side] = read(value[side])
            except KeyFaults as nested:
                faults += [(f"{side}.{key}", message) for key, message in nested.faults]
            except ValueError as error:
                faults.append((side, str(error)))
        if faults:
            raise KeyFaults(sorted(faults))
        return Both(sides["down"], sides["up"])

    return read_both


_SIDES = {"down", "up"}


def write_both(write: Callable[[Any], Any]) -> Callable[[Both[Any]], Any]:
    """Writer for what ``both`` reads: one value if the directions agree."""

    def write_sides(value: Both[Any]) -> Any:
        if value.down == value.up:
            return write(value.down)
        return {"down": write(value.down), "up": write(value.up)}

    return write_sides


def queue(value: Any) -> QueueSize:
    """Read a queue size that holds at least one packet."""
    size = parse_queue(value)
    low, high = {"packets": limits.QUEUE_PACKETS, "bytes": limits.QUEUE_BYTES, "bdp": limits.QUEUE_BDP}[size.unit]
    if not low <= size.value <= high:
        ends = [format_queue(QueueSize(end, size.unit)) for end in (low, high)]
        raise ValueError(f"min {ends[0]}, max {ends[1]}; given {shown(value)}")
    return size


def ingress_queue(value: Any) -> QueueSize:
    """Read the size of the tunnel's own queue, which has no bandwidth of its own to speak of."""
    size = queue(value)
    if size.unit == "bdp":
        raise ValueError(f'packets "100p" or bytes "64KiB"; given {shown(value)}')
    return size


@dataclass(frozen=True, slots=True)
class Algorithm:
    """Reader of a registry's spec: a name, a table with a name and parameters, or ``file.py:Class``."""

    registry: Callable[[], Registry[Any]]

    def __call__(self, value: Any, info: ValidationInfo) -> str | dict[str, Any]:
        """Give the spec as it is, once its registry finds nothing wrong with it."""
        if not isinstance(value, str | Mapping):
            allowed = 'a name, { name = "...", parameters } or "file.py:Class" is needed'
            raise ValueError(f"{allowed}; given {shown(value)}")
        problems = self.registry().check(value, (info.context or {}).get("folder"))
        if problems:
            raise KeyFaults([("", problem) for problem in problems])
        return value if isinstance(value, str) else dict(value)


class Checked(Algorithm):
    """Likewise, where the object itself says which values its parameters may have."""

    def __call__(self, value: Any, info: ValidationInfo) -> str | dict[str, Any]:
        """Give the spec as it is, once the object can be made."""
        spec = super().__call__(value, info)
        self.registry().create(spec, (info.context or {}).get("folder"))
        return spec


def _controllers() -> Registry[Any]:
    from mpsim.tunnel.congestion import controllers

    return controllers


def _schedulers() -> Registry[Any]:
    from mpsim.tunnel.schedulers import schedulers

    return schedulers


def _repairs() -> Registry[Any]:
    from mpsim.tunnel.repair import repairs

    return repairs


def _plain(value: Any) -> Any:
    return value


_rate = within(*limits.RATE_BPS, parse_rate, format_rate)
_delay = within(*limits.DELAY_S, parse_time, format_time)


def times(low: float, high: float) -> tuple[PlainValidator, PlainSerializer]:
    """Annotations of a time in seconds within a range."""
    return PlainValidator(within(low, high, parse_time, format_time)), PlainSerializer(format_time)


def wholes(low: int, high: int) -> PlainValidator:
    """Annotation of a whole number within a range."""
    return PlainValidator(within(low, high, whole, str))


Name = Annotated[str, PlainValidator(name)]
Truth = Annotated[bool, PlainValidator(truth)]
Rate = Annotated[float, PlainValidator(_rate), PlainSerializer(format_rate)]
Size = Annotated[int, PlainValidator(within(*limits.FLOW_BYTES, parse_size, format_size)), PlainSerializer(format_size)]
BothRates = Annotated[Both[float], PlainValidator(both(_rate)), PlainSerializer(write_both(format_rate))]
BothDelays = Annotated[Both[float], PlainValidator(both(_delay)), PlainSerializer(write_both(format_time))]
BothQueues = Annotated[Both[QueueSize], PlainValidator(both(queue)), PlainSerializer(write_both(format_queue))]
IngressSize = Annotated[QueueSize, PlainValidator(ingress_queue), PlainSerializer(format_queue)]
SchedulerSpec = Annotated[str | dict[str, Any], PlainValidator(Algorithm(_schedulers)), PlainSerializer(_plain)]
ControllerSpec = Annotated[str | dict[str, Any], PlainValidator(Algorithm(_controllers)), PlainSerializer(_plain)]
RepairSpec = Annotated[str | dict[str, Any], PlainValidator(Checked(_repairs)), PlainSerializer(_plain)]
