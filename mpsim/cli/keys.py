"""``mpsim portal keygen``: keys for portals, in files that only their owner reads."""

from __future__ import annotations

import os
from pathlib import Path

from mpsim.errors import Fault, InputError, MpsimError
from mpsim.tunnel.security.keys import from_text, new_key, to_text
from mpsim.tunnel.security.primitives import public_of


def generate(file: Path, *, shared: bool) -> int:
    """Write a new key to `file`, which must not exist; print what the other portal is to be told."""
    key = new_key(os.urandom)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError([Fault(str(file), "exists; a key is never overwritten")]) from None
    except OSError as error:
        raise InputError([Fault(str(file), str(error.strerror))]) from None
    with os.fdopen(descriptor, "w") as written:
        written.write(to_text(key) + "\n")
    print(f"{file}: copy it to the other portal by a safe way" if shared else to_text(public_of(key)))
    return 0


def show_public(file: Path) -> int:
    """Print the public key of the private one in `file`."""
    try:
        print(to_text(public_of(from_text(file.read_text(encoding="ascii")))))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError([Fault(str(file), str(error))]) from None
    except OSError as error:
        raise MpsimError(f"{file}: {error.strerror}") from None
    return 0
