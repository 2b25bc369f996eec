"""The commands of ``mpsim traces`` and their options; what they do is in ``tracing`` and ``recording``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

traces = typer.Typer(
    help="Trace files: what they are like, where they are broken, other formats; made, or measured.",
    no_args_is_help=True,
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="the traces")]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="mahimahi, series, cooked, gnettrack, pair or delays; default: by its first line"
    ),
]
Column = Annotated[
    str | None, typer.Option(metavar="NAME", help="the column of the rate, a number if there is no header")
]
Unit = Annotated[str | None, typer.Option(metavar="UNIT", help="of that column, such as Mbit/s or kB/s")]
To = Annotated[str, typer.Option(metavar="NAME", help="mahimahi, series or cooked")]
OutFile = Annotated[Path, typer.Option(metavar="FILE", help="what is written")]
Seed = Annotated[int, typer.Option(metavar="N", help="of what is drawn")]


@traces.command()
def info(
    files: Files,
    *,
    format: Format = None,
    column: Column = None,
    unit: Unit = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="draw them into this file as well")] = None,
) -> int:
    """Print duration, mean, variation at 100 ms and 1 s, autocorrelation and outages, and draw the trace."""
    from mpsim.cli.tracing import show_info
    from mpsim.traces.recording import Choice

    return show_info(files, format, Choice(column, unit), png)


@traces.command()
def lint(files: Files, format: Format = None, column: Column = None, unit: Unit = None) -> int:
    """Say where files are broken: file, line and what is wrong."""
    from mpsim.cli.tracing import lint as check
    from mpsim.traces.recording import Choice

    return check(files, format, Choice(column, unit))


@traces.command()
def convert(
    files: Files,
    out: Annotated[Path, typer.Option(metavar="FILE|DIR", help="what is written; with --join a folder")],
    *,
    to: To = "mahimahi",
    format: Format = None,
    column: Column = None,
    unit: Unit = None,
    offset: Annotated[str, typer.Option(metavar="TIME", help="where it begins")] = "0s",
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="longer than the trace: it begins again; default: once")
    ] = None,
    scale: Annotated[float, typer.Option(min=1e-6, max=1e6, help="factor of the capacity")] = 1.0,
    spread: Annotated[
        str, typer.Option(metavar="NAME", help="how a rate becomes opportunities: even or fluctuating")
    ] = "even",
    seed: Seed = 1,
    window: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="of a recording with gaps; default: the longest")
    ] = None,
    join: Annotated[bool, typer.Option("--join", help="cut files recorded together to the time they share")] = False,
) -> int:
    """Write a trace in another format, changed on the way if asked for."""
    from mpsim.cli.tracing import change_of
    from mpsim.cli.tracing import convert as write
    from mpsim.traces.recording import Choice

    change = change_of(offset=offset, duration=duration, scale=scale, spread=spread, seed=seed, window=window)
    return write(files, format, Choice(column, unit), to=to, out=out, join=join, change=change)


@traces.command()
def record(
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="HOST:PORT", help="call the listener there, and send to it")
    ] = None,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="[HOST:]PORT", help="wait for one caller, and write what arrives")
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="with --to: the listener sends, this end writes")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="what the receiving end writes, mahimahi")] = None,
    duration: Annotated[str, typer.Option(metavar="TIME", help="how long at most, up to 10 min")] = "60s",
    limit: Annotated[str, typer.Option(metavar="RATE", help="what is sent at most")] = "500Mbit",
    wait: Annotated[str, typer.Option(metavar="TIME", help="with --listen: for a caller")] = "10min",
) -> int:
    """Measure a path of your own: one end fills it, the other writes what arrives as a trace.

    It takes all that the path has, for as long as it lasts: use it on paths that are yours alone.
    """
    from mpsim.cli.recording import Measurement, measure

    return measure(Measurement(to, listen, reverse, out), duration=duration, limit=limit, wait=wait)


@traces.command()
def generate(
    profile: Annotated[
        str, typer.Argument(help="lte-driving, lte-walking, 5g-midband, 5g-mmwave, starlink, wifi-walk or dsl")
    ],
    out: OutFile,
    *,
    seed: Seed = 1,
    duration: Annotated[str, typer.Option(metavar="TIME", help="how long it is")] = "120s",
    mean: Annotated[str | None, typer.Option(metavar="RATE", help="instead of the profile's")] = None,
    to: To = "series",
) -> int:
    """Draw a trace that fluctuates like a kind of link."""
    from mpsim.cli.tracing import generate as draw

    return draw(profile, seed=seed, duration=duration, mean=mean, to=to, out=out)
