"""The first page is true: its Python runs, its commands and targets exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mpsim.cli.app import app
from mpsim.scenario.model import TABLES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
PAGES = [path for folder in (ROOT, ROOT / "docs", ROOT / "results") for path in sorted(folder.glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def test_there_is_something_to_run() -> None:
    assert len(PYTHON) == 1
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("block", PYTHON)
def test_python_runs(block: str) -> None:
    ended = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    found = dict(line.split() for line in ended.stdout.splitlines())
    assert list(found) == ["greedy", "shortest-flight"]
    assert all(0.5 < float(efficiency) <= 1.0 for efficiency in found.values())


def test_ten_lines() -> None:
    block = PYTHON[0]
    scheduler = block[block.index("@") : block.index("\nfor ")].strip().splitlines()
    assert len(scheduler) <= 10


@pytest.mark.parametrize("line", [line for line in COMMANDS if "mpsim" in line])
def test_commands_are_understood(line: str) -> None:
    words = shlex.split(line.removeprefix("sudo "))
    assert words[0] == ".venv/bin/mpsim"
    group = typer.main.get_command(app)
    command = group.commands[words[1]]  # type: ignore[attr-defined]
    command.make_context(words[1], words[2:])
    for word in words[2:]:
        if word.endswith(".toml"):
            assert (ROOT / word).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z-]+)`?$|`make ([a-z-]+)`", TEXT, re.MULTILINE))))
def test_targets_exist(target: tuple[str, str]) -> None:
    name = "".join(target)
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table or "top")
def test_every_key_is_documented(table: str) -> None:
    page = (ROOT / "docs" / "scenario.md").read_text()
    keys = {field.alias or name for name, field in TABLES[table].model_fields.items()} - {"folder"}
    assert not [key for key in sorted(keys) if f"`{key}`" not in page]


def test_the_verdicts_are_the_committed_ones() -> None:
    shown = TEXT.partition("<!-- verdicts: begin -->\n")[2].partition("<!-- verdicts: end -->")[0]
    assert shown == (ROOT / "results" / "reproduce" / "verdicts.md").read_text()


def test_the_table_of_differences_is_the_committed_one() -> None:
    page = (ROOT / "results" / "fidelity.md").read_text()
    summary = re.findall(r"^\|.*\|$", page.partition("\n\n| quantity | setup")[0], re.MULTILINE)
    assert len(summary) == 5
    assert all(line in TEXT.splitlines() for line in summary)
