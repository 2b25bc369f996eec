"""The folder a command writes to: whether it can be written is known before anything runs."""

from __future__ import annotations

import os
from pathlib import Path

from mpsim.errors import Fault, InputError


def checked(out: Path) -> Path:
    """Give the folder back if it can be written or made; make nothing. Raises InputError."""
    try:
        if out.exists() and not out.is_dir():
            raise _wrong(out, "it is a file")
        nearest = next(one for one in (out.absolute(), *out.absolute().parents) if one.exists())
    except OSError as error:
        raise _wrong(out, str(error.strerror)) from None
    if not nearest.is_dir():
        raise _wrong(out, f"{nearest.name} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _wrong(out, f"no permission to write in {nearest}")
    return out


def _wrong(out: Path, reason: str) -> InputError:
    return InputError([Fault("--out", f'a folder that can be written is needed, but {reason}; given "{out}"')])
