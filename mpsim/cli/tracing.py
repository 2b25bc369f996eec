"""What ``mpsim traces`` does: each command once its options are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from mpsim.errors import Fault, InputError
from mpsim.registry import unknown
from mpsim.traces import formats
from mpsim.traces.converting import WRITERS, Change
from mpsim.traces.drawing import drawn
from mpsim.traces.joining import joined
from mpsim.traces.recording import Choice, Recording
from mpsim.traces.spreading import SPREADS
from mpsim.traces.statistics import LAGS, LONG, OUTAGE_BPS, SHORT, binned, character
from mpsim.units import MS_PER_S, format_rate, format_time, parse_rate, parse_time

_BPS_PER_MBIT = 1e6
Read = TypeVar("Read")


def show_info(files: Sequence[Path], format: str | None, choice: Choice, png: Path | None = None) -> int:
    """Print the numbers of each file, and draw it; png: into this file as well, a panel each."""
    found = [(read(file, format, choice), file) for file in files]
    if png is not None:
        _check_drawable(found, png)
    for recording, file in found:
        print(f"{file}  ({recording.format})")
        for line in _told(recording, file):
            print(f"  {line}")
    if png is not None:
        _draw(found, png)
    return 0


def _check_drawable(found: Sequence[tuple[Recording, Path]], png: Path) -> None:
    if png.suffix.lower() != ".png":
        raise InputError([Fault("--png", f'a file name that ends in .png; given "{png}"')])
    delays = [file for recording, file in found if recording.delays is not None]
    if delays:
        raise InputError([Fault("--png", f"files with a capacity; {file} holds delays") for file in delays])


def _draw(found: Sequence[tuple[Recording, Path]], png: Path) -> None:
    from mpsim import plot

    figure = plot.capacities([(file.name, *_rates(recording)) for recording, file in found])
    try:
        figure.savefig(png, dpi=plot.DPI, metadata={"Software": None})
    except OSError as error:
        raise InputError([Fault("--png", f'cannot write "{png}": {error.strerror}')]) from None
    print(png)


def _rates(recording: Recording) -> tuple[list[float], float]:
    """Return what is drawn of a recording: bit/s of its longest window, and how long each value lasts (s)."""
    step = SHORT if character(recording).cv_short is not None else LONG
    window = None if recording.opportunities else recording.longest()
    return binned(recording, window, step).tolist(), step


def lint(files: Sequence[Path], format: str | None, choice: Choice) -> int:
    """Print each file that can be used; raise InputError with a line for each fault of the others."""
    found: list[Fault] = []
    for file in files:
        faults = [Fault(str(file), one) for one in _opened(file, lambda at: formats.faults(at, _known(format), choice))]
        if not faults:
            print(f"{file}: ok")
        found += faults
    if found:
        raise InputError(found)
    return 0


def convert(
    files: Sequence[Path], format: str | None, choice: Choice, *, to: str, out: Path, join: bool, change: Change
) -> int:
    """Write one file in another format, or what several have in common into a folder."""
    recordings = [read(file, format, choice) for file in files]
    if not join:
        if len(files) != 1:
            raise InputError(
                [Fault("FILE", f"one file is converted at a time, or several with --join; given {len(files)}")]
            )
        return _write(recordings[0], files[0], to, out, change)
    parts = joined(recordings)
    number = change.window or 1
    if not 1 <= number <= len(parts):
        what = f"1 to {len(parts)}, the longest first" if parts else "the files have no time in common"
        raise InputError([Fault("--window", f"{what}; given {number}")])
    _folder(out)
    for part, file in zip(parts[number - 1], files, strict=True):
        one = Recording("series", windows=(part,))
        change_ = Change(change.offset, change.duration, change.scale, change.spread, change.seed)
        _write(one, file, to, out / f"{file.stem}{_SUFFIXES[to]}", change_)
    return 0


def generate(name: str, *, seed: int, duration: str, mean: str | None, to: str, out: Path) -> int:
    """Write a trace drawn from a profile."""
    from mpsim.traces.generator import generate as draw
    from mpsim.traces.profiles import PROFILES

    if name not in PROFILES:
        raise InputError([Fault("PROFILE", unknown("profile", name, PROFILES))])
    seconds = quantity("--duration", duration, parse_time)
    rate = quantity("--mean", mean, parse_rate) if mean is not None else None
    if not 1 <= seconds <= LONGEST:
        raise InputError([Fault("--duration", f'1s to {format_time(LONGEST)}; given "{duration}"')])
    if rate is not None and not rate > 0:
        raise InputError([Fault("--mean", f'above 0 bit/s; given "{mean}"')])
    steps = draw(PROFILES[name], seconds, seed, mean=rate)
    return _write(Recording(name, windows=(steps,)), out, to, out, Change())


def change_of(*, offset: str, duration: str | None, scale: float, spread: str, seed: int, window: int | None) -> Change:
    """Read the options of a conversion. Raises InputError."""
    begin = quantity("--offset", offset, parse_time)
    length = quantity("--duration", duration, parse_time) if duration is not None else None
    if begin < 0:
        raise InputError([Fault("--offset", f'from 0s on; given "{offset}"')])
    if length is not None and not 0 < length <= LONGEST:
        raise InputError([Fault("--duration", f'above 0s, at most {format_time(LONGEST)}; given "{duration}"')])
    if spread not in SPREADS:
        raise InputError([Fault("--spread", unknown("spread", spread, SPREADS))])
    return Change(begin, length, scale, spread, seed, window)


LONGEST = 24 * 3600.0  # s
_SUFFIXES = {"mahimahi": ".trace", "series": ".csv", "cooked": ".txt"}


def read(file: Path, format: str | None, choice: Choice) -> Recording:
    """Read a file. Raises InputError with the file, the line and what is wrong."""
    return _opened(file, lambda at: formats.read(at, _known(format), choice))


def quantity(option: str, text: str, parse: Callable[[str], float]) -> float:
    """Read an option's text with its unit. Raises InputError."""
    try:
        return parse(text)
    except ValueError as error:
        raise InputError([Fault(option, str(error))]) from None


def _known(format: str | None) -> str | None:
    if format is not None and format not in formats.FORMATS:
        raise InputError([Fault("--format", unknown("format", format, formats.FORMATS))])
    return format


def _opened(file: Path, use: Callable[[Path], Read]) -> Read:
    try:
        return use(file)
    except OSError as error:
        raise InputError([Fault(str(file), f"cannot be read: {error.strerror}")]) from None
    except ValueError as error:
        raise InputError([Fault(str(file), str(error))]) from None


def _folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError([Fault("--out", f'cannot write "{out}": {error.strerror}')]) from None


def _write(recording: Recording, file: Path, to: str, out: Path, change: Change) -> int:
    if to not in WRITERS:
        raise InputError([Fault("--to", unknown("format", to, WRITERS))])
    # Beside the name that is asked for, so that a fault leaves no half a file.
    beside = out.with_name(f"{out.name}.part")
    try:
        WRITERS[to](beside, recording, change)
        beside.replace(out)
    except OSError as error:
        raise InputError([Fault("--out", f'cannot write "{out}": {error.strerror}')]) from None
    except ValueError as error:
        beside.unlink(missing_ok=True)
        raise InputError([Fault(str(file), str(error))]) from None
    print(out)
    return 0


def _told(recording: Recording, file: Path) -> list[str]:
    if recording.delays is not None:
        low, middle, high = np.percentile(recording.delays.values, (5, 50, 95)) * MS_PER_S
        return [
            f"duration            {recording.delays.duration:.1f} s",
            f"one-way delay       p5 {low:.1f} ms, p50 {middle:.1f} ms, p95 {high:.1f} ms",
        ]
    try:
        found = character(recording)
    except ValueError as error:
        raise InputError([Fault(str(file), str(error))]) from None
    lags = ", ".join(f"{_or_dash(value)} at {lag} s" for lag, value in zip(LAGS, found.autocorrelation, strict=True))
    gaps = f", in {len(recording.windows)} windows" if len(recording.windows) > 1 else ""
    rates, step = _rates(recording)
    limit = f"{format_rate(OUTAGE_BPS)}/s"
    outage = f"{found.outage_share:.1%} of seconds below {limit}, the longest {found.longest_outage:.1f} s"
    return [
        f"duration            {found.duration:.1f} s{gaps}",
        f"mean                {found.mean / _BPS_PER_MBIT:.3g} Mbit/s",
        f"variation           {_or_dash(found.cv_short)} in 100 ms, {found.cv_long:.2f} in 1 s",
        f"autocorrelation     {lags}",
        f"outage              {outage}",
        *drawn(rates, len(rates) * step),
    ]


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
