"""One result for both worlds: result.json, series.csv and the scenario that made them."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpsim.errors import WorldError
from mpsim.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
COLUMNS = ("t_s", "entity", "direction", "metric", "value")
# (t_s, entity, direction, metric, value); entity is "flow/NAME", "link/NAME", "path/NAME" or "tunnel".
SeriesRow = tuple[float, str, str, str, float]


@dataclass
class Result:
    """What one run gave: `data` is result.json as plain data, `rows` are those of series.csv."""

    data: dict[str, Any]
    rows: Sequence[SeriesRow]
    scenario: Scenario
    captures: Sequence[Path] = field(default_factory=tuple)  # written beside result.json

    @property
    def valid(self) -> bool:
        """Whether the figures may be believed."""
        return bool(self.data["valid"])

    @property
    def invalid_reasons(self) -> list[str]:
        """Why not."""
        return list(self.data["invalid_reasons"])

    def flow(self, name: str) -> dict[str, Any]:
        """Return the row of one flow; raises KeyError."""
        return _row(self.data["flows"], name=name)

    def aggregation(self, direction: str) -> dict[str, Any]:
        """Return the aggregation row of "inbound" or "outbound"; raises KeyError."""
        return _row(self.data["aggregation"], direction=direction)

    def to_json(self) -> str:
        """Return result.json: the same text for the same run."""
        return json.dumps(self.data, indent=1, allow_nan=False) + "\n"

    def series_csv(self) -> str:
        """Return series.csv."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            (f"{t:.1f}", entity, direction, metric, f"{value:.10g}")
            for t, entity, direction, metric, value in self.rows
        )
        return text.getvalue()

    def frame(self, part: str) -> pd.DataFrame:
        """Return "flows", "links", "paths", "aggregation", "failovers" or "series" as a DataFrame."""
        import pandas as pd

        if part == "series":
            return pd.DataFrame(list(self.rows), columns=list(COLUMNS))
        return pd.json_normalize(self.data[part])

    def write(self, folder: Path) -> None:
        """Write scenario.toml, result.json and series.csv; whole, or not at all."""
        texts = {
            "scenario.toml": self.scenario.to_toml(),
            "series.csv": self.series_csv(),
            "result.json": self.to_json(),
        }
        temporaries: dict[str, Path] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
                temporaries[name] = Path(temporary)
                with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
                temporaries[name].chmod(0o644)
            # result.json is the last: where it is, the others are.
            for name in texts:
                temporaries[name].replace(folder / name)
            for capture in self.captures:
                if capture.parent != folder:
                    shutil.copy(capture, folder / capture.name)
        except OSError as error:
            raise WorldError(f"cannot write to {folder}: {error.strerror}") from None
        finally:
            for left in temporaries.values():  # moved away, if all went well
                left.unlink(missing_ok=True)


def _row(rows: Iterable[dict[str, Any]], **wanted: str) -> dict[str, Any]:
    for row in rows:
        if all(row[key] == value for key, value in wanted.items()):
            return row
    raise KeyError(next(iter(wanted.values())))


def versions(*packages: str) -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"python": platform.python_version(), "kernel": platform.release()}
    for package in ("mpsim", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def assemble(
    scenario: Scenario,
    *,
    world: str,
    wall_s: float,
    parts: Mapping[str, Any],
    rows: Sequence[SeriesRow],
    reasons: Sequence[str] = (),
    packages: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    captures: Sequence[Path] = (),
) -> Result:
    """Return the result of a run in the contract's shape.

    parts: flows, links, tunnel, paths, aggregation, failovers; reasons: why the run is not to be
    believed; extra: what only this world knows, under a key of its own.
    """
    data = {
        "schema": SCHEMA,
        "world": world,
        "scenario": scenario.as_dict(),
        "seed": scenario.seed,
        "versions": versions(*packages),
        "wall_s": round(wall_s, 3),
        "valid": not reasons,
        "invalid_reasons": list(reasons),
        "interval_s": [scenario.warmup, scenario.warmup + scenario.duration],
        **parts,
        **(extra or {}),
    }
    return Result(data, rows, scenario, captures)
