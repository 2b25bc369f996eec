"""``mpsim plot`` and ``mpsim compare``: figures of a user's own runs and sweeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpsim.cli.output import checked
from mpsim.errors import Fault, InputError
from mpsim.registry import unknown

if TYPE_CHECKING:
    import pandas as pd

RUN, SWEEP = "result.json", "runs.csv"
GOODPUT = "aggregation.inbound.goodput_bps"


@dataclass(frozen=True)
class Stored:
    """A run as it lies in its folder, for drawing."""

    folder: Path

    @cached_property
    def data(self) -> dict[str, Any]:
        """The contents of result.json."""
        found: dict[str, Any] = json.loads((self.folder / RUN).read_text(encoding="utf-8"))
        return found

    def frame(self, part: str) -> pd.DataFrame:
        """Give series.csv, or a part of result.json, as a DataFrame."""
        import pandas as pd

        return pd.read_csv(self.folder / "series.csv") if part == "series" else pd.json_normalize(self.data[part])


def plot_folder(place: Path, *, x: str | None, y: str | None, by: str | None, out: Path | None) -> int:
    """Draw a run over time, or a sweep as medians; the figure lies beside what it shows, or in ``out``."""
    from mpsim import plot

    if (place / RUN).is_file():
        return _write(plot.timeline(_stored(place)), out or place, "timeline")
    table = place if place.is_file() else place / SWEEP
    if not table.is_file():
        raise InputError([Fault("DIR", f'a folder with {RUN} or {SWEEP} is needed; given "{place}"')])
    rows, x, y, by = _sweep(table, x, y, by)
    return _write(plot.spread_lines(rows, x=x, y=y, by=by), out or table.parent, "sweep")


def compare_folders(places: Sequence[Path], *, out: Path | None) -> int:
    """Draw runs over each other on the same axes."""
    from mpsim import plot

    if len(places) < 2:
        raise InputError([Fault("DIR", f"at least two runs are needed; given {len(places)}")])
    results = [_stored(place) for place in places]
    worlds = [result.data["world"] for result in results]
    labels = None if len(set(worlds)) == len(worlds) else [place.name or str(place) for place in places]
    return _write(plot.overlay(results, labels), out or Path("out") / "compare", "compare")


def _stored(place: Path) -> Stored:
    result = Stored(place)
    try:
        result.data["interval_s"], result.frame("series")["entity"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            [Fault("DIR", f'a folder that a run has written is needed; given "{place}" ({error})')]
        ) from None
    return result


def _sweep(table: Path, x: str | None, y: str | None, by: str | None) -> tuple[pd.DataFrame, str, str, str | None]:
    import pandas as pd

    try:
        rows = pd.read_csv(table)
    except (OSError, ValueError) as error:
        raise InputError([Fault("SWEEP", f'cannot be read; given "{table}" ({error})')]) from None
    keys = list(rows.columns[: list(rows.columns).index("repetition")])[1:] if "repetition" in rows else []
    x = x or (keys[0] if keys else "repetition")
    y = y or GOODPUT
    by = by or next((key for key in keys if key != x), None)
    wanted = {"--x": x, "--y": y} | ({"--by": by} if by is not None else {})
    faults = [
        Fault(option, unknown("column", name, list(rows.columns)))
        for option, name in wanted.items()
        if name not in rows.columns
    ]
    if faults:
        raise InputError(faults)
    believed = rows[rows["valid"].astype(str) == "True"].dropna(subset=[y]) if "valid" in rows else rows
    if believed.empty:
        raise InputError([Fault("SWEEP", f'a run that may be believed and has {y} is needed; given "{table}"')])
    return believed, x, y, by


def _write(figure: Any, folder: Path, name: str) -> int:
    from mpsim import plot

    for path in plot.save(figure, checked(folder) / name).values():
        print(path)
    return 0
