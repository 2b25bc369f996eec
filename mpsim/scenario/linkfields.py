"""What a link loses and what its traces offer: the two values of a link that are tables of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from mpsim.registry import unknown
from mpsim.scenario import limits
from mpsim.scenario.faults import KeyFaults, shown
from mpsim.scenario.fields import Both, Direction, both, number, within, word, write_both
from mpsim.traces.playing import delays as _read_delays
from mpsim.traces.playing import opportunities
from mpsim.units import format_time, parse_time

Loss = float | dict[str, Any]

# Gilbert (1960) and Elliott (1963): p from good to bad, r back, per packet; good and bad losses as probabilities.
_GILBERT_ELLIOTT: Mapping[str, float | None] = {"p": None, "r": None, "good_loss": 0.0, "bad_loss": 1.0}
# Keys of delays recorded beside a capacity, by direction.
_DELAYS: Mapping[str, Direction] = {"delay_down": "inbound", "delay_up": "outbound"}
_MODELS: Mapping[str, Mapping[str, float | None]] = {"bernoulli": {"p": None}, "gilbert-elliott": _GILBERT_ELLIOTT}
_read_model = word("link.loss.model")
_read_offset = within(*limits.TRACE_OFFSET_S, parse_time, format_time)
_read_scale = within(*limits.TRACE_SCALE, number, str)


@dataclass(frozen=True, slots=True)
class Trace:
    """Delivery opportunities of a link by direction, from trace files; a missing side takes the link's rate."""

    down: Path | None  # resolved
    up: Path | None
    offset: float  # s into the trace at which the run begins
    down_text: str | None  # as the scenario has it
    up_text: str | None
    scale: float = 1.0  # of the capacity
    delays: Mapping[Direction, Path] = field(default_factory=dict)  # by direction; added to the link's delay
    delay_texts: Mapping[str, str] = field(default_factory=dict)  # by key, as the scenario has them

    def of(self, direction: Direction) -> Path | None:
        """Give the file of one direction."""
        return self.down if direction == "inbound" else self.up


def _probability(value: Any, *, one: bool) -> float:
    found = number(value)
    if found < 0 or found > 1 or (found == 1 and not one):
        raise ValueError(f"min 0, {'max 1' if one else 'below 1'}; given {shown(value)}")
    return found


def _loss(value: Any) -> Loss:
    if not isinstance(value, Mapping):
        return _probability(value, one=False)
    if "model" not in value:
        raise KeyFaults([("model", "is missing")])
    try:
        model = _read_model(value["model"])
    except ValueError as error:
        raise KeyFaults([("model", str(error))]) from None
    read = _parameters(value, _MODELS[model])
    if model == "bernoulli":
        return _probability(read["p"], one=False)
    return {"model": model, **read}


def _parameters(value: Mapping[str, Any], known: Mapping[str, float | None]) -> dict[str, float]:
    faults = [(key, unknown("key", key, ["model", *known])) for key in value if key != "model" and key not in known]
    read: dict[str, float] = {}
    for key, default in known.items():
        given = value.get(key, default)
        try:
            if given is None:
                raise ValueError("is missing; a probability is needed")
            read[key] = _probability(given, one=True)
        except ValueError as error:
            faults.append((key, str(error)))
    if faults:
        raise KeyFaults(faults)
    return read


def _trace(value: Any, info: ValidationInfo) -> Trace:
    if not isinstance(value, Mapping):
        raise ValueError(f'{{ down = "file", up = "file" }} is needed; given {shown(value)}')
    known = ("down", "up", "offset", "scale", *_DELAYS)
    faults = [(key, unknown("key", key, known)) for key in value if key not in known]
    folder = (info.context or {}).get("folder", Path())
    files = {side: value[side] for side in ("down", "up") if side in value}
    delays = {key: value[key] for key in _DELAYS if key in value}
    if not files and not delays:
        faults.append(("", "down or up is missing"))
    for key, text in delays.items():
        faults += [(key, problem) for problem in _trace_problems(text, folder, _read_delays)]
    for side, text in files.items():
        faults += [(side, problem) for problem in _trace_problems(text, folder, opportunities)]
    try:
        offset = _read_offset(value.get("offset", 0))
    except ValueError as error:
        faults.append(("offset", str(error)))
    try:
        scale = _read_scale(value.get("scale", 1.0))
    except ValueError as error:
        faults.append(("scale", str(error)))
    if faults:
        raise KeyFaults(faults)
    paths = {side: (folder / text).resolve() for side, text in files.items()}
    at = {_DELAYS[key]: (folder / text).resolve() for key, text in delays.items()}
    return Trace(paths.get("down"), paths.get("up"), offset, files.get("down"), files.get("up"), scale, at, delays)


def _trace_problems(text: Any, folder: Path, read: Callable[[Path], object]) -> list[str]:
    if not isinstance(text, str) or "\0" in text:
        return [f"a file name is needed; given {shown(text)}"]
    try:
        read(folder / text)
    except OSError as error:
        return [f"cannot read {shown(text)}: {error.strerror}"]
    except ValueError as error:
        return [f"{shown(text)}: {error}"]
    return []


def _write_trace(trace: Trace) -> dict[str, str | float]:
    sides = {side: text for side, text in (("down", trace.down_text), ("up", trace.up_text)) if text is not None}
    return {**sides, **trace.delay_texts, "offset": format_time(trace.offset), "scale": trace.scale}


def _write_loss(loss: Loss) -> Loss:
    return loss


BothLosses = Annotated[
    Both[Loss], PlainValidator(both(_loss, apart=frozenset({"model"}))), PlainSerializer(write_both(_write_loss))
]
TraceSpec = Annotated[Trace, PlainValidator(_trace), PlainSerializer(_write_trace)]
