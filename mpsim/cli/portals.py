"""``mpsim portal up``, ``check``, ``status`` and ``setup``: one real tunnel end and its companions."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mpsim.errors import Fault, InputError, MpsimError
from mpsim.units import MS_PER_S

_MBIT = 1e6
_WIDTH = 160  # characters of the table where nobody says how many fit


def up(file: Path) -> int:
    """Be a portal in the foreground, with a log on standard error."""
    from mpsim.portal.daemon import up as serve

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    serve(file)
    return 0


def check(file: Path) -> int:
    """Tell every fault of a configuration, or what it amounts to."""
    from mpsim.portal.config import read

    config = read(file)
    paths = sum(len(portal.path) for portal in config.portal)
    print(
        f"{file}: {config.host.name}, mode {config.host.mode}, {len(config.portal)} other portal(s),"
        f" {paths} path(s), inner MTU {config.inner_mtu()}"
    )
    return 0


def setup(file: Path, role: str | None) -> int:
    """Write the commands that are to be run around a portal, for review."""
    from mpsim.portal.config import read
    from mpsim.portal.setup import ROLES, role_of, script

    if role is not None and role not in ROLES:
        raise InputError([Fault("--role", f'{" | ".join(ROLES)} is needed; given "{role}"')])
    config = read(file)
    print(script(config, role or role_of(config)), end="")
    return 0


def status(name: str | None, *, as_json: bool) -> int:
    """Tell how the running portals are."""
    from mpsim.portal.runtime import ask, running, runtime_folder

    folder = runtime_folder()
    names = [name] if name is not None else running(folder)
    if not names:
        raise MpsimError("no portal is running here")
    found = [ask(folder, each) for each in names]
    if as_json:
        print(json.dumps(found[0] if name is not None else found, indent=2))
        return 0
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    for each in found:
        console.print(_table(each))
    return 0


def _table(status: dict[str, Any]) -> Table:
    title = f"{status['name']}: mode {status['mode']}, up for {status['uptime_s']:.0f} s, process {status['pid']}"
    table = Table(title=title, title_justify="left")
    for heading in ("portal", "path", "state", "to"):
        table.add_column(heading)
    for heading in ("srtt ms", "loss %", "Mbit/s", "cwnd kB", "queue B", "sent", "received", "rejected"):
        table.add_column(heading, justify="right")
    for portal in status["portals"]:
        for number, path in enumerate(portal["paths"]):
            table.add_row(*_row(portal, path, first=number == 0))
    return table


def _row(portal: dict[str, Any], path: dict[str, Any], *, first: bool) -> list[str]:
    srtt, cwnd = path["srtt_s"], path["cwnd_bytes"]
    return [
        portal["name"] if first else "",
        path["name"],
        "up" if path["up"] else f"down: {path['reason']}",
        path["remote"],
        "" if srtt is None else f"{srtt * MS_PER_S:.1f}",
        f"{path['loss_ratio']:.1%}".rstrip("%"),
        f"{path['delivery_rate_bps'] / _MBIT:.2f}",
        "" if cwnd is None else f"{cwnd / 1000:.0f}",
        str(path["queue_bytes"] + (portal["backlog_bytes"] if first else 0)),
        str(path["sent_datagrams"]),
        str(path["received_datagrams"]),
        str(sum(portal["rejected"].values())) if first else "",
    ]
