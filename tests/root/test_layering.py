"""Another VPN through the tunnel, and the tunnel through other VPNs, with the very lines of docs/layering.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from shelling import lines_of, shell

TOOLS = ("wireguard-go", "wg", "curl")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)} (Debian: wireguard-go wireguard-tools curl)"),
]

# Fragments that this host has made (RFC 4293's ipFragCreates, the last of the line), before everything is taken away.
FRAGMENTS = "ip netns exec here awk '/^Ip: [0-9]/ {print \"fragments\", $20}' /proc/net/snmp\n"
AWAY = "# Everything away.\n"


def told_by(before: str, lines: str, folder: Path) -> str:
    """Run lines of both pages; return what they print."""
    whole, found, away = lines.partition(AWAY)
    assert found
    said = shell(before + whole + FRAGMENTS + away, folder).stdout
    assert "1372 bytes fit" in said
    assert "arrived whole" in said
    assert "fragments 0" in said
    return said


def test_a_vpn_through_the_tunnel(tmp_path: Path) -> None:
    before, found, _ = lines_of("portal.md", "by hand").partition("# A transfer, ")
    assert found
    said = told_by(before, lines_of("layering.md", "through"), tmp_path)
    received = int(next(line for line in said.splitlines() if line.count("\t") == 2).split("\t")[1])
    assert received > 24_000_000  # by WireGuard, and not beside it
    assert "there/dsl: down: dsl0: no carrier" in (tmp_path / "here.log").read_text()


def test_the_tunnel_through_vpns(tmp_path: Path) -> None:
    before, found, _ = lines_of("portal.md", "by hand").partition("# A key and ")
    assert found
    said = told_by(before, lines_of("layering.md", "below"), tmp_path)
    assert "mode none" in said
    log = (tmp_path / "here.log").read_text()
    assert "there: inner packets of 1372 bytes at most" in log
    assert "there/dsl: down: " in log
