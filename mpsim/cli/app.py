"""The commands and their options; what they do is in the modules beside this one, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpsim.cli.traces import traces

app = typer.Typer(
    name="mpsim",
    help="One multipath tunnel, in a simulated and in an emulated network.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(traces, name="traces")

portal = typer.Typer(help="One real tunnel end.", no_args_is_help=True)
PortalFile = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="what the portal is told")]
app.add_typer(portal, name="portal")

File = Annotated[Path, typer.Argument(metavar="FILE.toml", help="the scenario")]
Seed = Annotated[int | None, typer.Option(metavar="N", help="instead of the file's seed")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="as in link[0].delay=40ms; repeatable")
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="write scenario.toml, result.json and series.csv there")]
Json = Annotated[bool, typer.Option("--json", help="print result.json alone on standard output")]
Pcap = Annotated[bool, typer.Option("--pcap", help="capture what crossed each link and the tunnel into --out")]


@app.command()
def run(
    file: File, seed: Seed = None, set_: Set = None, out: Out = None, json: Json = False, pcap: Pcap = False
) -> int:
    """Run a scenario once in simulation."""
    from mpsim.cli.running import run_once

    return run_once("simulation", file, overrides=set_ or (), seed=seed, out=out, json=json, pcap=pcap)


@app.command()
def emulate(
    file: File, seed: Seed = None, set_: Set = None, out: Out = None, json: Json = False, pcap: Pcap = False
) -> int:
    """Run a scenario once on real TUN interfaces between Mininet hosts (root)."""
    from mpsim.cli.running import run_once

    return run_once("emulation", file, overrides=set_ or (), seed=seed, out=out, json=json, pcap=pcap)


@app.command()
def sweep(
    file: File,
    *,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, max=256, help="processes; default: one a core")
    ] = None,
    reps: Annotated[int, typer.Option(min=1, max=100_000, help="repetitions, each with the next seed")] = 1,
    seed: Seed = None,
    set_: Set = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="default: out/NAME; the same command resumes")] = None,
    world: Annotated[str, typer.Option(help="simulation or emulation")] = "simulation",
    only: Annotated[
        str | None, typer.Option(metavar="LABEL|KEY", help="this run alone, such as one that failed")
    ] = None,
    series: Annotated[bool, typer.Option("--series", help="write the series of all runs to series.csv")] = False,
) -> int:
    """Run the grid of a scenario's sweep table, one row a run."""
    from mpsim.cli.sweeping import Options, run_grid

    options = Options(out, jobs, reps, world, only, series)
    return run_grid(file, overrides=set_ or (), seed=seed, options=options)


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="see mpsim list experiments")],
    world: Annotated[str, typer.Option(help="simulation, emulation or both")] = "simulation",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="default: out/NAME")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="fewer and shorter runs")] = False,
) -> int:
    """Run one experiment: its table, its CSV and its figure."""
    from mpsim.cli.experimenting import run_experiment

    return run_experiment(name, world=world, out=out, quick=quick)


@app.command()
def reproduce(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="criteria by number or name (mpsim list criteria); default: all"),
    ] = None,
    world: Annotated[str, typer.Option(help="simulation, emulation or both")] = "simulation",
    quick: Annotated[bool, typer.Option("--quick", help="fewer and shorter runs")] = False,
    reps: Annotated[int | None, typer.Option(min=1, max=1000, help="repetitions, instead of 10 and 5")] = None,
    finished: Annotated[bool, typer.Option("--finished", help="run nothing, report on the finished runs")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="default: out/reproduce; the same command resumes")
    ] = None,
) -> int:
    """Run the dissertation's evaluation: a verdict and a figure each criterion, one report page."""
    from mpsim.cli.experimenting import run_evaluation

    return run_evaluation(ids or [], world=world, out=out, quick=quick, repetitions=reps, finished_only=finished)


@app.command()
def plot(
    place: Annotated[Path, typer.Argument(metavar="DIR|SWEEP", help="what run, emulate or sweep wrote with --out")],
    x: Annotated[str | None, typer.Option(metavar="COLUMN", help="of a sweep; default: its first key")] = None,
    y: Annotated[str | None, typer.Option(metavar="COLUMN", help="of a sweep; default: the inbound goodput")] = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="a line each value; default: its second key")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="default: beside the data")] = None,
) -> int:
    """Draw a run over time, or the medians of a sweep, as PNG and PDF."""
    from mpsim.cli.plotting import plot_folder

    return plot_folder(place, x=x, y=y, by=by, out=out)


@app.command()
def compare(
    places: Annotated[list[Path], typer.Argument(metavar="DIR DIR...", help="what run or emulate wrote with --out")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="default: out/compare")] = None,
) -> int:
    """Draw runs over each other, such as one scenario in both worlds."""
    from mpsim.cli.plotting import compare_folders

    return compare_folders(places, out=out)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="schedulers, congestion, repairs, systems, experiments or criteria")],
) -> int:
    """List what there is, a line each, with the parameters."""
    from mpsim.cli.listing import show

    return show(what)


@app.command()
def doctor() -> int:
    """Tell what this machine can do, and how each gap is mended."""
    from mpsim.cli.machine import examine

    return examine()


@app.command()
def clean() -> int:
    """Remove what a killed emulation left, and nothing else."""
    from mpsim.cli.machine import clean_up

    return clean_up()


@portal.command()
def keygen(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="where the key goes, readable by its owner alone")],
    shared: Annotated[bool, typer.Option("--shared", help="a pre-shared key, the same file for both portals")] = False,
    public: Annotated[bool, typer.Option("--public", help="print the public key of the one that is there")] = False,
) -> int:
    """Make a private key and print its public one, or make a pre-shared key."""
    from mpsim.cli.keys import generate, show_public

    return show_public(file) if public else generate(file, shared=shared)


@portal.command()
def up(file: PortalFile) -> int:
    """Be a portal, in the foreground (root, or a user who may open a TUN)."""
    from mpsim.cli.portals import up as serve

    return serve(file)


@portal.command()
def check(file: PortalFile) -> int:
    """Tell every fault of a configuration, a line each."""
    from mpsim.cli.portals import check as examine_file

    return examine_file(file)


@portal.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="of the TUN; default: all that run here")] = None,
    json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
) -> int:
    """Tell how the portals that run on this host are."""
    from mpsim.cli.portals import status as show_status

    return show_status(name, as_json=json)


@portal.command()
def setup(
    file: PortalFile,
    print_: Annotated[bool, typer.Option("--print", help="write the commands out, to be read and run by you")] = False,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="client, router or remote; default: as it looks")
    ] = None,
) -> int:
    """Write the commands that set up what is around a portal: routes, forwarding, address translation."""
    from mpsim.cli.portals import setup as write_commands

    if not print_:
        raise typer.BadParameter("--print is needed: nothing is changed here, the commands are for you to run")
    return write_commands(file, role)
