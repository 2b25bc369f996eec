"""Shell lines of a page of docs/, run as root of namespaces of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from emulation.runs import ISOLATED

ROOT = Path(__file__).parents[1]
# Namespaces are mounted below /run: one of our own, so that the machine's stay as they are.
BEGIN = "set -e\nmount -t tmpfs tmpfs /run\nmkdir /run/netns\n"


def lines_of(page: str, mark: str) -> str:
    """Return the shell's lines between the two marks of a page."""
    text = (ROOT / "docs" / page).read_text()
    _, _, rest = text.partition(f"<!-- {mark}: begin -->\n```sh\n")
    lines, closing, _ = rest.partition(f"```\n<!-- {mark}: end -->")
    assert closing
    return lines


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in namespaces of its own, with `mpsim` in its path; it has to end well."""
    command = folder / "bin" / "mpsim"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m mpsim "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    done = subprocess.run(
        [*ISOLATED, "sh", "-c", BEGIN + script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    logs = "".join(f"{file.name}: {file.read_text()}" for file in sorted(folder.glob("*.log")))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    return done
