"""Where the time of the two-path tunnel goes, by cProfile."""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path

from benchmarks import ours
from mpsim.sim import run

SECONDS = 40.0
TOP = 25
ROOT = Path(__file__).resolve().parent.parent


def _where(path: str, line: int, name: str) -> str:
    if path == "~":
        return name.strip("<>").replace("built-in method ", "").replace("|", "\\|")
    try:
        shown = Path(path).relative_to(ROOT)
    except ValueError:
        shown = Path(Path(path).name)
    return f"{shown}:{line} {name}"


def write(out: Path) -> None:
    """Profile once and write the table, the functions with most time of their own first."""
    profile = cProfile.Profile()
    wanted = ours.two_paths(SECONDS)
    profile.runcall(run, wanted)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # not in the stubs
    total = sum(own for _, _, own, _, _ in stats.values())
    ordered = sorted(stats.items(), key=lambda item: -item[1][2])[:TOP]
    rows = [
        f"| {own / total:.1%} | {cumulative / total:.1%} | {calls:,} | `{_where(*function)}` |"
        for function, (_, calls, own, cumulative, _) in ordered
    ]
    text = "\n".join(
        [
            "# Where the time goes",
            "",
            f"`python -m benchmarks --profile`: cProfile of {SECONDS:g} simulated seconds of the tunnel over",
            "16 Mbit/s 10 ms and 8 Mbit/s 40 ms, one inner CUBIC flow. A profiler makes calls dearer than they are, so",
            "shares are for comparing functions, not versions; for those there is `make bench`.",
            "",
            "| own time | with callees | calls | function |",
            "|---:|---:|---:|---|",
            *rows,
            "",
        ]
    )
    print(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
