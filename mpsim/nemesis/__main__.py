"""Play scripts: python -m mpsim.nemesis --seed N."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mpsim.nemesis import INVARIANTS, Script, draw, play, shrink

KEPT, BROKEN, WRONG_INPUT = 0, 1, 2


def seeds(text: str) -> range:
    """Read "3:20" as the seeds from 3 to 19."""
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def scripts(options: argparse.Namespace) -> Iterator[Script]:
    """Yield what is to be played; raises ValueError and OSError."""
    if options.script is not None:
        yield Script.from_json(options.script.read_text())
        return
    for seed in options.seeds or range(options.seed, options.seed + 1):
        yield draw(seed)


def main(arguments: list[str]) -> int:
    """Play, and tell; return the exit status."""
    kept = "\n".join(f"  {name:<11} {sentence}" for name, sentence in INVARIANTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m mpsim.nemesis",
        description="Do to a tunnel whatever may happen.",
        epilog=f"what has to hold:\n{kept}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=0, help="draw the script from this (%(default)s)")
    parser.add_argument("--seeds", type=seeds, metavar="FIRST:END", help="one run for each seed, up to END")
    parser.add_argument("--script", type=Path, metavar="FILE", help="play a script that was kept")
    parser.add_argument("--json", action="store_true", help="print scripts as --script reads them")
    parser.add_argument("--whole", action="store_true", help="do not cut down what fails")
    options = parser.parse_args(arguments)
    status = KEPT
    try:
        for script in scripts(options):
            verdict = play(script)
            if verdict.invariant is None:
                show = options.seeds is None
                said = f"{_text(script, options.json)}\n" if show else f"seed {script.seed}: "
                sys.stdout.write(f"{said}{verdict}\n")
                continue
            status = BROKEN
            if not options.whole:
                script, verdict = shrink(script, verdict)  # noqa: PLW2901
            sys.stdout.write(f"{_text(script, options.json)}\n{verdict}\n")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_INPUT
    return status


def _text(script: Script, as_json: bool) -> str:
    return script.to_json() if as_json else str(script)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
