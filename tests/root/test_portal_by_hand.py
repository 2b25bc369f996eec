"""Two portals started by hand, with the very lines of docs/portal.md, carry a transfer that survives a pulled link."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emulation.runs import ISOLATED

pytestmark = pytest.mark.root

PAGE = Path(__file__).parents[2] / "docs" / "portal.md"
# Namespaces are mounted below /run: one of our own, so that the machine's stay as they are.
BEGIN = "set -e\nmount -t tmpfs tmpfs /run\nmkdir /run/netns\n"


def lines_of_the_page() -> str:
    """The shell's lines between the two marks."""
    text = PAGE.read_text()
    _, _, rest = text.partition("<!-- by hand: begin -->\n```sh\n")
    lines, closing, _ = rest.partition("```\n<!-- by hand: end -->")
    assert closing
    return lines


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "mpsim"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m mpsim "$@"\n')
    command.chmod(0o755)
    root = str(PAGE.parents[1])
    environment = {
        **os.environ,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }
    done = subprocess.run(
        [*ISOLATED, "sh", "-c", BEGIN + lines_of_the_page()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    logs = "".join(f"{file.name}: {file.read_text()}" for file in sorted(tmp_path.glob("*.log")))
    assert done.returncode == 0, f"{done.stderr}\n{logs}"
    assert "arrived whole" in done.stdout
    assert "there/dsl: down: dsl0: no carrier" in (tmp_path / "here.log").read_text()
    assert "lte" in done.stdout
