"""The command line: what is printed, and the exit status. 0 done, 2 wrong input, 3 may not be believed, 1 the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from mpsim.cli.app import app
from mpsim.errors import InputError, MpsimError

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
SHOW_TRACEBACK = "MPSIM_TRACEBACK"


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    sys.exit(status_of(sys.argv[1:] if argv is None else argv))


def status_of(argv: Sequence[str]) -> int:
    """Run one command and give its exit status; every error ends here, as lines on standard error."""
    try:
        status = app(list(argv), standalone_mode=False)
        sys.stdout.flush()
        # Typer turns Ctrl-C into this status, without a word.
        return _told("mpsim: interrupted", INTERRUPTED) if status == INTERRUPTED else int(status or DONE)
    except InputError as error:
        return _told(str(error), WRONG_INPUT)
    except MpsimError as error:
        return _told(f"mpsim: {' '.join(str(error).split())}", FAILED)
    except typer.TyperException as error:
        return _told(f"mpsim: {error.format_message()}", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _told("mpsim: interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has left; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # the last line of defence: a user sees one line, a developer asks for more
        if os.environ.get(SHOW_TRACEBACK):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return _told(f"mpsim: {reason} ({SHOW_TRACEBACK}=1 shows where)", FAILED)


def _told(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status
