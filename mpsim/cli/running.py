"""``mpsim run`` and ``mpsim emulate``: one scenario, once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpsim.cli.output import checked
from mpsim.errors import Fault, InputError
from mpsim.scenario import load
from mpsim.units import MS_PER_S
from mpsim.worlds import find

if TYPE_CHECKING:
    from mpsim.result import Result

NOT_TO_BE_BELIEVED = 3
BPS_PER_MBIT = 1e6


def run_once(
    world: str, file: Path, *, overrides: Sequence[str], seed: int | None, out: Path | None, json: bool, pcap: bool
) -> int:
    """Run a scenario file in a world, write and show the result, and give the exit status."""
    scenario = load(file, overrides, seed)
    if pcap and out is None:
        raise InputError([Fault("--pcap", "--out DIR is needed beside it, for the captures to be written there")])
    folder = checked(out) if out is not None else None
    if pcap and folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    result = find(world).run(scenario, pcap=folder if pcap else None)
    if folder is not None:
        result.write(folder)
    if json:
        sys.stdout.write(result.to_json())
    else:
        _show(result, folder)
    for reason in () if result.valid else result.invalid_reasons:
        print(f"not to be believed: {reason}", file=sys.stderr)
    return 0 if result.valid else NOT_TO_BE_BELIEVED


def _show(result: Result, folder: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    flows = Table("flow", "kind", "direction", "goodput Mbit/s", "lost %", "delay p50 ms", "p95 ms", title="flows")
    for flow in result.data["flows"]:
        delay = flow.get("one_way_delay_s") or {}
        numbers = (_number(flow["goodput_bps"], 1 / BPS_PER_MBIT), _number(flow.get("loss_ratio"), 100))
        delays = (_number(delay.get("p50"), MS_PER_S), _number(delay.get("p95"), MS_PER_S))
        flows.add_row(Text(flow["name"]), flow["kind"], flow["direction"], *numbers, *delays)
    console.print(flows)
    if result.data["aggregation"]:
        console.print(_aggregation(result.data["aggregation"]))
    if folder is not None:
        console.print(f"written to {folder}", highlight=False, soft_wrap=True)


def _aggregation(rows: Sequence[Mapping[str, Any]]) -> Any:
    from rich.table import Table

    headings = ("direction", "goodput Mbit/s", "capacity Mbit/s", "ratio", "framing limit", "efficiency")
    table = Table(*headings, title="all flows together")
    for row in rows:
        rates = (_number(row[key], 1 / BPS_PER_MBIT) for key in ("goodput_bps", "capacity_bps"))
        ratios = (_number(row[key], 1) for key in ("ratio", "framing_limit", "efficiency"))
        table.add_row(row["direction"], *rates, *ratios)
    return table


def _number(value: float | None, factor: float) -> str:
    return "-" if value is None else f"{value * factor:.3f}"
